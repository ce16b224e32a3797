"""A document as one HTML page: for a browser, where it is all in one file, and for mail, where pictures are parts.

Names that come from the ledger are escaped. Styles are written into the elements, since mail clients read them
nowhere else; what only wide, narrow or printed pages need stays in a style sheet. There is no script, and
nothing that is fetched.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from css_inline import CSSInliner
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from models.errors import visible
from tasks.documents.page import Charts, Page, visible_page

_INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Image:
    """Where a picture is taken from, and the words that stand for it."""

    source: str
    alternative: str


def render_file(page: Page, charts: Charts) -> str:
    """Return a document as one HTML file, its pictures inside."""
    images = {
        name: Image(f"data:image/png;base64,{b64encode(chart.png).decode()}", visible(chart.alternative))
        for name, chart in charts.items()
    }
    return _render(page, images, alone=True)


def render_mail(page: Page, charts: Charts, sources: Mapping[str, str]) -> str:
    """Return a document as the HTML of a mail; `sources` says where each picture is, such as `cid:…`.

    Raises `KeyError` for a picture without a source.
    """
    images = {name: Image(sources[name], visible(chart.alternative)) for name, chart in charts.items()}
    return _render(page, images, alone=False)


def _render(page: Page, images: Mapping[str, Image], *, alone: bool) -> str:
    css = Markup((files("tasks.documents") / "templates" / "report.css").read_text("utf-8"))  # noqa: S704  our own
    template = _environment().get_template("report.html")
    text = template.render(page=visible_page(page), images=images, css=css, alone=alone)
    return _INLINER.inline(text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tasks.documents"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
