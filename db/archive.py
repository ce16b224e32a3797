"""Lines of old runs that leave the ledger for a file: which they are, and the one transaction in which they go.

Their runs, their rollup and every sum stay. A run's lines are in the database or in one archive, never in both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from db.batches import is_live
from db.dialects import execute_change
from db.ledger import COLUMNS
from db.tables import ArchiveRow as Row
from db.tables import BatchRow, ModelRow, PartitionVersionRow, PromptRow, RunRow
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line

SUMS = (
    *("cost_nano", "counterfactual_nano", "input_tokens", "output_tokens"),
    *("reasoning_tokens", "cache_write_tokens"),
)
"""What an archive's lines of a run are compared by with the run's rollup, beside their number."""
NAMES = ("workload", "prompt_version", "provider", "model")
"""What the keys of a line stand for: an archive can be read without the ledger."""
ENDED = ("completed", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run whose lines can go. `sums` are those of `SUMS` over its rollup; unknown values count as none."""

    id: UUID
    started_at: datetime
    lines: int
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that holds all lines of whole runs; `sha256` is the file's, times are the lines'."""

    id: UUID
    path: str
    lines: int
    sha256: bytes
    first_at: datetime
    last_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What the ledger says of an archive: `expected` lines by the rollup of its runs, `here` lines not deleted."""

    archive: Archive
    expected: int
    here: int


def list_old_runs(session: Session, before: date) -> list[OldRun]:
    """Return the runs whose lines can be archived, in the order in which they started.

    They ended, and all their lines are of UTC days before `before`. None of their lines is pending, no
    batch of theirs is live, and their version of the partition is not one that a run may still continue.
    """
    lines = func.sum(Usage.attempts)
    pending = func.sum(case((Usage.outcome == "pending", Usage.attempts), else_=0))
    statement = (
        select(RunRow.id, RunRow.started_at, lines, *(func.sum(getattr(Usage, name)) for name in SUMS))
        .join(Usage, Usage.run_id == RunRow.id)
        .join(PartitionVersionRow, PartitionVersionRow.id == RunRow.version_id)
        .where(*_may_go(), RunRow.started_at < _midnight(before), RunRow.ended_at < _midnight(before))
        .group_by(RunRow.id, RunRow.started_at)
        .having(lines > 0, pending == 0, func.max(Usage.day) < before)
        .order_by(RunRow.started_at, RunRow.id)
    )
    return [
        OldRun(run_id, at, int(count), tuple(int(total) for total in sums))  # PostgreSQL sums to NUMERIC
        for run_id, at, count, *sums in session.execute(statement)
    ]


def lines_of(session: Session, run_id: UUID, rows: int) -> Iterator[Sequence[Sequence[object]]]:
    """Yield a run's lines in the order of their keys, at most `rows` at a time: the columns of lines, then `NAMES`."""
    statement = (
        select(
            *(getattr(Line, name) for name in COLUMNS),
            PromptRow.workload,
            PromptRow.version,
            ModelRow.provider,
            ModelRow.name,
        )
        .join(PromptRow, PromptRow.id == Line.prompt_id)
        .join(ModelRow, ModelRow.id == Line.model_id)
        .where(Line.run_id == run_id)
        .order_by(Line.id)
    )
    yield from session.execute(statement, execution_options={"yield_per": rows}).partitions()


def seal(session: Session, archive: Archive, run_ids: Sequence[UUID]) -> bool:
    """Delete the lines of runs and note where they are instead. True if it is done, also by an earlier call.

    False: the runs or their lines are not what they were any more; roll back, nothing may be kept of it.
    """
    if is_archived(session, archive.id):  # the commit of a connection that was lost had taken place
        return True
    of_runs = RunRow.id.in_(run_ids)
    locked = session.execute(select(RunRow.id).where(of_runs, *_ended()).with_for_update()).all()
    if len(locked) != len(run_ids):
        return False
    session.execute(insert(Row).values(asdict(archive)))
    session.execute(
        update(RunRow)
        .where(of_runs)
        .values(archive_id=archive.id)
        .execution_options(synchronize_session=False)
    )
    gone = delete(Line).where(Line.run_id.in_(run_ids)).execution_options(synchronize_session=False)
    return execute_change(session, gone) == archive.lines


def is_archived(session: Session, archive_id: UUID) -> bool:
    """Whether the ledger has this archive: its lines are nowhere else."""
    return bool(session.execute(select(exists().where(Row.id == archive_id))).scalar())


def hold_lines(session: Session, run_ids: Sequence[UUID]) -> bool:
    """Whether the ledger knows all these runs and has all their lines itself."""
    own = RunRow.id.in_(run_ids), RunRow.archive_id.is_(None)
    return session.execute(select(func.count()).select_from(RunRow).where(*own)).scalar_one() == len(run_ids)


def list_archives(session: Session) -> list[Kept]:
    """Return all archives, the oldest first, with what the ledger says that they hold."""
    expected = _by_archive(session, select(RunRow.archive_id, func.sum(Usage.attempts)).join(Usage))
    here = _by_archive(session, select(RunRow.archive_id, func.count()).join(Line))
    columns = [getattr(Row, name) for name in Archive.__slots__]
    found = [Archive(*of) for of in session.execute(select(*columns).order_by(Row.created_at, Row.id))]
    return [Kept(one, expected.get(one.id, 0), here.get(one.id, 0)) for one in found]


def _by_archive(session: Session, counts: Select[tuple[UUID | None, int]]) -> dict[UUID | None, int]:
    """Count by the archive of runs."""
    of_archives = counts.where(RunRow.archive_id.is_not(None)).group_by(RunRow.archive_id)
    return {archive_id: int(count) for archive_id, count in session.execute(of_archives)}


def _may_go() -> list[ColumnElement[bool]]:
    live = exists().where(BatchRow.run_id == RunRow.id, is_live())
    return [*_ended(), PartitionVersionRow.state != "open", ~live]


def _ended() -> list[ColumnElement[bool]]:
    return [RunRow.archive_id.is_(None), RunRow.state.in_(ENDED)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
