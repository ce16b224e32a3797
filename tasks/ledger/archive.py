"""Moves the lines of old runs to Parquet files and checks the files that there are.

A file is written under a temporary name, read back, renamed and only then named in the ledger, in the
transaction that deletes its lines. Killed in between, it is a file that the ledger does not name: its lines
are still there, and the next call removes it.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import polars as pl
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from db import archive as ledger
from db.archive import NAMES, SUMS, Archive, OldRun
from db.ledger import COLUMNS
from models.errors import BreakevenError, UsageError
from models.ids import new_id
from models.ledger.archiving import ArchiveFileLimits, months_before, split_into_files
from models.months import month_of
from models.private_files import make_folder, open_lock
from models.settings import Settings
from tasks.runtime.atomic_files import TEMPORARY, file_digest, output_errors, replace_file
from tasks.runtime.ledger_access import (
    LedgerReader,
    ledger_reader,
    reading_ledger,
    with_patience,
    writing_ledger,
)
from tasks.storage.parquet_stream import sink, stream_frames
from tasks.storage.part_files import SUFFIX

FOLDER, FILE = "month=", "lines-"
SETTING = "BREAKEVEN_ARCHIVE_DIR"
_READ_ROWS = 10_000
_KEYS = ("id", "run_id", "reuses", "batch_id")
_WHOLE: dict[str, pl.DataType] = {
    **dict.fromkeys(
        ("attempt", "prompt_id", "model_id", "price_id", "infrastructure_id", "counterfactual_price_id"),
        pl.Int16(),
    ),
    **dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens"), pl.Int32()),
    **dict.fromkeys(("reasoning_tokens", "cache_write_tokens"), pl.Int32()),
    **dict.fromkeys(("counterfactual_input_tokens", "counterfactual_output_tokens"), pl.Int32()),
    **dict.fromkeys(("counterfactual_cached_tokens", "counterfactual_cache_write_tokens"), pl.Int32()),
    **dict.fromkeys(("gpu_ns", "cost_nano", "counterfactual_nano", "provider_nano"), pl.Int64()),
}
_OTHER = {
    "at": pl.Datetime("us", "UTC"),
    "estimated": pl.Boolean(),
    "request_hash": pl.Binary(),
    "answer_hash": pl.Binary(),
}
SCHEMA: dict[str, pl.DataType] = {
    name: _WHOLE.get(name) or _OTHER.get(name) or pl.String() for name in (*COLUMNS, *NAMES)
}
"""Columns of an archive: those of a line, ids as text, and the names that its numbers stand for."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Runs whose lines go into one file."""

    month: date
    runs: Sequence[OldRun]

    @property
    def lines(self) -> int:
        """Number of their lines."""
        return sum(run.lines for run in self.runs)


@dataclass(frozen=True, slots=True)
class ArchiveFault:
    """What is wrong with one archive, in words."""

    archive_id: UUID
    path: str
    what: str


def plan(
    settings: Settings, months: int, today: date, limits: ArchiveFileLimits | None = None
) -> list[Planned]:
    """Return which lines would be archived into which files; nothing is changed.

    Those of runs that ended and have only lines older than so many months. Raises `UsageError` where there
    is no ledger, `DatabaseUnavailable`.
    """
    with reading_ledger(settings) as session:
        old = ledger.list_old_runs(session, months_before(today, months))
    files = split_into_files(old, limits or ArchiveFileLimits())
    return [Planned(month_of(runs[0].started_at), runs) for runs in files]


def archive(
    settings: Settings, planned: Sequence[Planned], folder: Path, done: Callable[[Archive], None]
) -> None:
    """Move the planned lines to files in `folder`, one after another, and call `done` for each.

    Safe to stop or kill at any moment, and to call again. Raises `OutputError` where the folder cannot be
    written, `UsageError` if another process is at it, `DatabaseUnavailable`, and `BreakevenError` where the
    ledger is not what it says; what was archived before stays so.
    """
    folder = folder.resolve()
    with (
        ledger_reader(settings) as reader,
        writing_ledger(settings, create=False) as make_session,
        _alone(folder),
    ):
        remove_leftovers(settings, folder)
        for one in planned:
            done(_move(settings, reader, make_session, one, folder))


def remove_leftovers(settings: Settings, folder: Path) -> list[Path]:
    """Remove what a call that was killed left: unfinished files, and files whose lines are all in the ledger.

    Only files of this ledger. Call it while no other process archives to the folder. Returns what was removed.
    """
    removed = []
    mark = f"{FILE}{_mark(settings)}-"
    with reading_ledger(settings) as session, output_errors(folder, SETTING):
        for path in sorted(folder.glob(f"{FOLDER}*/{mark}*")):
            if path.name.endswith(TEMPORARY) or _is_double(session, path, path.stem.removeprefix(mark)):
                path.unlink()
                removed.append(path)
    return removed


def _is_double(session: Session, path: Path, key: str) -> bool:
    """Whether the ledger does not name a file and has all its lines itself. Another one's file is none of ours."""
    try:
        archive_id = UUID(key)
        frame = pl.scan_parquet(path, hive_partitioning=False).select(pl.col("run_id").unique())
        run_ids = [UUID(run_id) for run_id in frame.collect()["run_id"]]
    except (ValueError, pl.exceptions.PolarsError):
        return False
    return not ledger.is_archived(session, archive_id) and ledger.hold_lines(session, run_ids)


def find_faults(session: Session, settings: Settings) -> Iterator[ArchiveFault]:
    """Yield what is wrong with the archives that the ledger names: each file is read whole."""
    for kept in ledger.list_archives(session):
        archive = kept.archive
        for what in _faults_of(kept, find_file(archive, settings)):
            yield ArchiveFault(archive.id, archive.path, what)


def find_file(archive: Archive, settings: Settings) -> Path:
    """Return where an archive's file lies: where it was written, or in the archive folder that is set now."""
    written = Path(archive.path)
    moved = settings.archive_dir / written.parent.name / written.name
    return moved if moved.is_file() and not written.is_file() else written


def _faults_of(kept: ledger.Kept, path: Path) -> Iterator[str]:
    if kept.expected != kept.archive.lines:
        yield f"its runs had {kept.expected} lines, it was written with {kept.archive.lines}"
    if kept.here:
        yield f"{kept.here} lines of its runs are in the ledger as well"
    try:
        if file_digest(path) != kept.archive.sha256:
            yield "the file is not the one that was written (its SHA-256 differs)"
        if (rows := _rows(path)) != kept.archive.lines:
            yield f"the file has {rows} lines, it was written with {kept.archive.lines}"
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        yield f"the file cannot be read: {reason}"


def _rows(path: Path) -> int:
    return int(pl.scan_parquet(path, hive_partitioning=False).select(pl.len()).collect().item())


def _move(
    settings: Settings,
    reader: LedgerReader,
    make_session: sessionmaker[Session],
    planned: Planned,
    folder: Path,
) -> Archive:
    archive_id = new_id()
    name = f"{FILE}{_mark(settings)}-{archive_id}{SUFFIX}"
    path = folder / f"{FOLDER}{planned.month:%Y-%m}" / name
    with replace_file(path, SETTING) as temporary:
        _write(reader, planned, temporary)
        first, last = _compare(temporary, planned)
    sealed = Archive(archive_id, str(path), planned.lines, file_digest(path), first, last, datetime.now(UTC))
    _seal(settings, make_session, sealed, [run.id for run in planned.runs])
    return sealed


def _seal(
    settings: Settings, make_session: sessionmaker[Session], sealed: Archive, run_ids: Sequence[UUID]
) -> None:
    """Name the file in the ledger and delete its lines. What fails leaves a file that the next call removes."""

    def transaction() -> bool:
        with make_session() as session:
            done = ledger.seal(session, sealed, run_ids)
            if done:
                session.commit()
            return done

    if not with_patience(settings.database_patience_seconds, transaction):
        Path(sealed.path).unlink(missing_ok=True)
        msg = "runs that were to be archived have changed meanwhile; their lines stay in the ledger: archive again"
        raise BreakevenError(msg)


def _write(reader: LedgerReader, planned: Planned, path: Path) -> None:
    """Write the lines of runs to a file, some thousand at a time."""
    failed: list[Exception] = []

    def frames() -> Iterator[pl.DataFrame]:
        try:
            with reader.session() as session:
                for run in planned.runs:
                    for rows in ledger.lines_of(session, run.id, _READ_ROWS):
                        yield _frame(rows)
        except Exception as error:  # polars would tell of it as of a failure to compute
            failed.append(error)
            raise

    try:
        sink(stream_frames(frames(), SCHEMA), path)
    except pl.exceptions.ComputeError as error:
        raise (failed[0] if failed else error) from None


def _frame(rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    columns = dict(zip(SCHEMA, zip(*rows, strict=True), strict=True))
    for name in _KEYS:
        columns[name] = tuple(None if key is None else str(key) for key in columns[name])
    return pl.DataFrame(columns, schema=SCHEMA)


def _compare(path: Path, planned: Planned) -> tuple[datetime, datetime]:
    """Read a file back and see that it holds what the ledger says of its runs; return its first and last time."""
    columns = [pl.col(name).cast(pl.Int64).sum() for name in SUMS]
    times = [pl.col("at").min().alias("first"), pl.col("at").max().alias("last")]
    frame = pl.scan_parquet(path, hive_partitioning=False)
    found = (
        frame.group_by("run_id").agg(pl.len().alias("lines"), *columns, *times).collect(engine="streaming")
    )
    there = {row[0]: row[1 : 2 + len(SUMS)] for row in found.iter_rows()}
    for run in planned.runs:
        if there.get(str(run.id), ()) != (run.lines, *run.sums):
            msg = f"the lines of run {run.id} are not what its rollup says; nothing of it was archived: run `breakeven ledger check`"
            raise BreakevenError(msg)
    return found["first"].min(), found["last"].max()  # type: ignore[return-value]  # no line is without a time


def _mark(settings: Settings) -> str:
    """Tell the files of this ledger from those of others in the same folder."""
    url = make_url(settings.database_url.get_secret_value())
    place = url.render_as_string(hide_password=True)
    if url.drivername == "sqlite":
        place = str(Path(url.database or "").resolve())
    return hashlib.blake2b(place.encode(), digest_size=4).hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from archiving to a folder. Raises `UsageError` if one does."""
    with output_errors(folder, SETTING):
        make_folder(folder)
        descriptor = open_lock(folder / ".lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        msg = f"another process archives to {folder}: wait for it"
        raise UsageError(msg) from error
    else:
        yield
    finally:
        os.close(descriptor)
