"""An evaluation's documents: a page in one file, Markdown, JSON; as text, and written into a folder."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Literal

from models.evaluation.figures import Evaluation
from models.private_files import GroupAccess
from tasks.documents import html as layout
from tasks.documents import markdown as marks
from tasks.evaluation.stored_json import as_json
from tasks.evaluation_report import page
from tasks.runtime.atomic_files import put_files

FileFormat = Literal["html", "json", "markdown"]
SUFFIXES: Mapping[FileFormat, str] = {"html": "html", "json": "json", "markdown": "md"}


def write_documents(
    evaluation: Evaluation,
    folder: Path,
    formats: Sequence[FileFormat] = ("html", "json", "markdown"),
    group: GroupAccess = "none",
) -> list[Path]:
    """Write an evaluation into a folder, each format as a file, and return their paths in the order of `formats`.

    A file that an earlier evaluation of the same workload and UTC day wrote is replaced, at once. Raises `OutputError`.
    """
    made: Mapping[FileFormat, Callable[[Evaluation], str]] = {
        "html": html,
        "json": as_json,
        "markdown": markdown,
    }
    files = {file_name(evaluation, one): made[one](evaluation).encode() for one in formats}
    put_files(files, folder, group=group)
    return [folder / name for name in files]


def file_name(evaluation: Evaluation, document_format: FileFormat) -> str:
    """Name the file of an evaluation: `evaluation-sentiment-2026-11-14.html`."""
    day = evaluation.at.astimezone(UTC).date()
    return f"evaluation-{evaluation.workload}-{day.isoformat()}.{SUFFIXES[document_format]}"


def html(evaluation: Evaluation) -> str:
    """Lay an evaluation out as a page of one file, its pictures inside."""
    from tasks.evaluation_report import charts  # noqa: PLC0415  matplotlib takes its time

    return layout.render_file(page.page(evaluation), charts.draw(evaluation))


def markdown(evaluation: Evaluation) -> str:
    """Write the short form of an evaluation as Markdown, without pictures: for a Prefect artifact."""
    return marks.render(page.short(evaluation), {})
