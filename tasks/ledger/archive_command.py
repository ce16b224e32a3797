"""The command that archives old lines: says what would go, asks, does it, and prints the files."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from db.archive import Archive
from models.settings import Settings
from tasks.display.confirm import confirm
from tasks.display.formats import TableFormat
from tasks.display.messages import message_console
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.ledger.archive import Planned, archive, plan

COLUMNS = ("path", "lines", "first_at", "last_at", "bytes", "sha256")


def archive_old_lines(
    settings: Settings, months: int, *, out: Path | None, yes: bool, output_format: TableFormat = "table"
) -> None:
    """Move the lines of runs older than `months` months to Parquet files, and print the files.

    What was archived is printed also where it is stopped or fails half-way. Raises `UsageError` where nobody
    can be asked, and what `tasks.ledger.archive` raises.
    """
    console = message_console()
    folder = out or settings.archive_dir
    with show_working("looking for old lines"):
        planned = plan(settings, months, datetime.now(UTC).date())
    console.print(describe_plan(planned, folder, months))
    if not planned:
        return
    unattended = "lines leave the ledger, and nobody is there to be asked: add --yes"
    if not yes and not confirm(console, "move them out of the ledger?", unattended):
        console.print("nothing was done")
        return
    written: list[Archive] = []
    try:
        with show_working("archiving"):
            archive(settings, planned, folder, written.append)
    finally:
        write_rows(
            [row(one) for one in written], COLUMNS, output_format, spare=("sha256", "bytes", "last_at")
        )


def describe_plan(planned: Sequence[Planned], folder: Path, months: int) -> str:
    """Say in one line what would be archived."""
    lines, runs = sum(one.lines for one in planned), sum(len(one.runs) for one in planned)
    if not planned:
        return f"no run has only lines older than {months} months: nothing is to be archived"
    span = " to ".join(dict.fromkeys(f"{one.month:%Y-%m}" for one in (planned[0], planned[-1])))
    return f"{lines:,} lines of {runs:,} runs ({span}) go to {len(planned)} files in {folder}"


def row(archive: Archive) -> dict[str, object]:
    """Write an archive as a row."""
    return {
        "path": archive.path,
        "lines": archive.lines,
        "first_at": archive.first_at,
        "last_at": archive.last_at,
        "bytes": Path(archive.path).stat().st_size,
        "sha256": archive.sha256.hex(),
    }
