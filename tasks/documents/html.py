"""The report as one HTML page: for a browser, where it is all in one file, and for mail, where pictures are parts.

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

from tasks.documents.page import Charts, Page
from tasks.report import page as contents
from tasks.report.month_report import MonthReport

_INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Image:
    """Where a picture is taken from, and the words that stand for it."""

    source: str
    alternative: str


def page(report: MonthReport, charts: Charts) -> str:
    """Lay the report out as a page of one file, its pictures inside."""
    return one_file(contents.page(report), charts)


def one_file(page: Page, charts: Charts) -> str:
    """Lay out what any report says as a page of one file, its pictures inside."""
    images = {
        name: Image(f"data:image/png;base64,{b64encode(chart.png).decode()}", chart.alternative)
        for name, chart in charts.items()
    }
    return _laid_out(page, images, alone=True)


def mail(report: MonthReport, charts: Charts, sources: Mapping[str, str]) -> str:
    """Lay the same page out for a mail; `sources` says where each picture is, such as `cid:…`.

    Raises `KeyError` for a picture without a source.
    """
    images = {name: Image(sources[name], chart.alternative) for name, chart in charts.items()}
    return _laid_out(contents.page(report), images, alone=False)


def _laid_out(page: Page, images: Mapping[str, Image], *, alone: bool) -> str:
    css = Markup((files("tasks.report") / "templates" / "report.css").read_text("utf-8"))  # noqa: S704  our own
    template = _environment().get_template("report.html")
    text = template.render(page=page, images=images, css=css, alone=alone)
    return _INLINER.inline(text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
