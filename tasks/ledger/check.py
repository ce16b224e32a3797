"""Checks the whole ledger, its archives and what is published, and prints what is wrong."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from uuid import UUID

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.orm import Session

from db import partitions
from db.check import caps, lines, links, sums
from db.partitions import PartitionVersion
from db.recount import rebuild
from models.ledger.findings import Finding, Flaw, gather
from models.records import QUARANTINE
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.tables import write_rows
from tasks.ledger.archive import find_faults
from tasks.runtime.ledger_access import LedgerReader, ledger_reader, writing_ledger

COLUMNS = ("check", "what", "count", "ids", "example")
SECONDS_BETWEEN_LINES = 10.0

TellProgress = Callable[[str, int, int], None]
"""Is told what is looked at, how much of it was, and how much there is."""


@dataclass(slots=True)
class CheckResult:
    """What was found, how much was looked at, and the runs whose daily sums do not match their lines."""

    findings: list[Finding] = field(default_factory=list)
    runs: int = 0
    lines: int = 0
    archives: int = 0
    partitions: int = 0
    wrong_sums: list[UUID] = field(default_factory=list)


def check_ledger(settings: Settings, output_format: TableFormat, *, repair: bool = False) -> int:
    """Check everything and print what is wrong, or one line that says what was checked; return the exit code.

    `repair`: make the daily sums of a run anew where its lines are others, and check again. Raises
    `UsageError` where there is no ledger, `DatabaseUnavailable`.
    """
    with ledger_reader(settings) as reader, _progress() as note:
        checked = check(settings, reader, note)
        if repair and checked.wrong_sums:
            _repair(settings, checked.wrong_sums)
            checked = check(settings, reader, note)
    return _say(checked, output_format)


def check(settings: Settings, reader: LedgerReader, note: TellProgress) -> CheckResult:
    """Look at everything there is; the ledger is read as it was at one moment, whatever runs do meanwhile."""
    checked = CheckResult()

    def of_lines(done: int, total: int) -> None:
        checked.lines = total
        note("lines", done, total)

    with reader.session() as session:
        checked.runs, checked.archives = sums.count_checked(session)
        found = chain(
            lines.find_line_flaws(session, of_lines),
            sums.find_sum_flaws(session),
            links.find_link_flaws(session),
            caps.find_cap_flaws(session),
            _of_archives(session, settings),
        )
        checked.findings = gather(_remembered(found, checked))
    checked.findings += gather(_of_files(reader, checked, note))
    return checked


def _remembered(flaws: Iterator[Flaw], checked: CheckResult) -> Iterator[Flaw]:
    """Hand flaws on, and keep which runs' daily sums are wrong."""
    for flaw in flaws:
        if flaw.check == lines.WRONG_SUMS:
            checked.wrong_sums.append(UUID(flaw.id))
        yield flaw


def _of_archives(session: Session, settings: Settings) -> Iterator[Flaw]:
    for fault in find_faults(session, settings):
        what = "an archive is not what the ledger says"
        yield Flaw("archive", what, str(fault.archive_id), f"{fault.path}: {fault.what}")


def _of_files(reader: LedgerReader, checked: CheckResult, note: TellProgress) -> Iterator[Flaw]:
    """Yield published partitions whose files are not what the ledger says of them."""
    with reader.session() as session:
        published = partitions.list_published(session)
    checked.partitions = len(published)
    for number, version in enumerate(published):
        note("published files", number, len(published))
        fault = _file_fault(version)
        if fault is None:
            continue
        with reader.session() as session:
            if partitions.get(session, version.id).state != "published":
                continue  # replaced while we looked: its file is another one's now
        name = f"{version.workload} {version.partition}: {fault}"
        yield Flaw(
            "files", "the files of a published partition are not what the ledger says", str(version.id), name
        )
    note("published files", len(published), len(published))


def _file_fault(version: PartitionVersion) -> str | None:
    """Return what is wrong with the files of a published version, None if nothing is."""
    records = Path(version.output_path or "")
    quarantine = records.with_name(QUARANTINE) if records.name else records
    for path, expected in ((records, version.records or 0), (quarantine, version.quarantined or 0)):
        if path == quarantine and not expected and not path.exists():
            continue
        try:
            rows = pl.scan_parquet(path, hive_partitioning=False).select(pl.len()).collect().item()
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            return f"{path} cannot be read: {reason}"
        if rows != expected:
            return f"{path} has {rows:,} rows, the ledger says {expected:,}"
    return None


def _repair(settings: Settings, run_ids: Sequence[UUID]) -> None:
    with writing_ledger(settings, create=False) as make_session:
        for run_id in run_ids:
            with make_session.begin() as session:
                rebuild(session, [run_id])
    sys.stderr.write(f"made the daily sums of {len(run_ids):,} runs anew\n")


def _say(checked: CheckResult, output_format: TableFormat) -> int:
    rows: list[dict[str, object]] = [
        {"check": f.check, "what": f.what, "count": f.count, "ids": ", ".join(f.ids), "example": f.detail}
        for f in checked.findings
    ]
    if rows or output_format != "table":
        write_rows(rows, COLUMNS, output_format)
    if not rows:
        about = (
            f"{checked.lines:,} lines of {checked.runs:,} runs, {checked.archives:,} archives and "
            f"{checked.partitions:,} published partitions"
        )
        stream = sys.stdout if output_format == "table" else sys.stderr
        stream.write(f"checked {about}: everything adds up\n")
    return int(bool(rows))


@contextmanager
def _progress() -> Iterator[TellProgress]:
    """Show what is looked at on standard error: a bar on a terminal, else a line every ten seconds."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _told_at_times()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def note(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield note


def _told_at_times() -> TellProgress:
    last = time.monotonic()

    def note(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            sys.stderr.write(f"checked {done:,} of {total:,} {what}\n")

    return note
