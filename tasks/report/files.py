"""A report as files in a folder, and as the letter that recipients get."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from models.private_files import GroupAccess
from models.settings import Settings
from tasks.documents import html, markdown
from tasks.documents.letter import Letter
from tasks.report import advice, charts
from tasks.report import page as contents
from tasks.report.json_document import make_document
from tasks.report.month_report import MonthReport
from tasks.runtime.atomic_files import put_files

FOLDER = "reports"
PAGE, TEXT, DATA = "report.html", "report.md", "report.json"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A report in every form: as a page, as Markdown (`text`), as JSON (`data`), as a letter.

    `verdict`: its one sentence. `files`: what lies in its folder, by name.
    """

    verdict: str
    html: str
    text: str
    data: str
    letter: Letter
    files: Mapping[str, bytes]


def render_report(report: MonthReport) -> Rendered:
    """Put a report into every form in which people and programs receive it."""
    pictures, page = charts.draw_charts(report), contents.make_page(report)
    web = html.render_file(page, pictures)
    data = json.dumps(make_document(report, page), indent=2, ensure_ascii=False) + "\n"
    files = {f"{name}.png": picture.png for name, picture in pictures.items()}
    files[DATA], files[TEXT] = data.encode(), markdown.render(page, pictures).encode()
    files[PAGE] = web.encode()  # last: it is the one that is named
    sources = {name: f"{name}.{report.fingerprint[:16]}@breakeven" for name in pictures}
    letter = Letter(
        subject=advice.title(report.figures),
        text=markdown.render_text(page),
        html=html.render_mail(page, pictures, {name: f"cid:{source}" for name, source in sources.items()}),
        summary=summarize(report),
        images={sources[name]: picture.png for name, picture in pictures.items()},
    )
    return Rendered(advice.verdict(report.figures), web, markdown.render(page), data, letter, files)


def summarize(report: MonthReport) -> str:
    """Return the few lines that fit into a chat: the advice, what it hangs on, and which version says so."""
    figures = report.figures
    made = f"Version {report.version}, made {report.created_at:%Y-%m-%d %H:%M} UTC."
    return "\n".join((advice.verdict(figures), *advice.explain(figures), made))


def folder_of(settings: Settings, month: date) -> Path:
    """Return the folder of a month's report below the output folder."""
    return settings.output_dir / FOLDER / f"{month:%Y-%m}"


def write_files(files: Mapping[str, bytes], folder: Path, group: GroupAccess = "none") -> Path:
    """Write the files of a report into a folder, each at once, and return the path of its page.

    What lies there under other names is left alone. Raises `OutputError`.
    """
    put_files(files, folder, group=group)
    return folder / PAGE
