"""A ledger with old and young runs, and everything that it and its archives hold, line by line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db import archive as archives
from db import batches, ledger, partitions, runs
from db.session import make_engine, migrate, sessions
from db.tables import RunRow
from models.gpu_time import GpuTime
from models.ledger.line import LedgerLine
from models.settings import Settings
from tasks.ledger.archive import find_file
from tests.integration.db.ledger_lines import Keys, batch, line, pending, seed
from tests.integration.pipeline.harness import settings_for
from tests.ledger_lines import read_lines

TODAY = date(2026, 11, 25)
OLD = datetime(2026, 4, 30, 22, tzinfo=UTC)
YOUNG = datetime(2026, 11, 24, 12, tzinfo=UTC)


def settings_of(folder: Path, database_url: str) -> Settings:
    """Make the settings of a test: its own database and archive folder."""
    return settings_for(folder, database_url, archive_dir=folder / "archive")


@contextmanager
def transaction(settings: Settings) -> Iterator[Session]:
    """Open a transaction on the ledger; what the block does is committed."""
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with sessions(engine).begin() as session:
            yield session
    finally:
        engine.dispose()


def start(settings: Settings) -> None:
    """Make an empty ledger."""
    engine = make_engine(settings.database_url.get_secret_value())
    migrate(engine)
    engine.dispose()


def add_run(
    session: Session,
    number: int,
    at: datetime,
    *,
    records: int = 3,
    state: str = "completed",
    published: bool = True,
) -> Keys:
    """Add a run that took place then, with a local line, a reuse and an API line for each record and more."""
    keys = seed(session, partition=date(2026, 1, 1) + timedelta(days=number))
    ledger.insert_lines(session, list(_lines(keys, at, records)))
    runs.add(session, keys.run, GpuTime(busy_ns=records), runs.Increments(records=records))
    if published:
        partitions.publish(session, keys.version, "out", records, 0, b"digest")
    if state in {"completed", "failed", "interrupted"}:
        runs.finish(session, keys.run, state)  # type: ignore[arg-type]  # it is one of the three
    elif state == "waiting":
        runs.wait(session, keys.run, {"budget": 1})
    ended = None if state == "running" else at + timedelta(minutes=5)
    set_run(session, keys.run, started_at=at, ended_at=ended)
    return keys


def _lines(keys: Keys, at: datetime, records: int) -> Iterator[LedgerLine]:
    for number in range(records):
        name, when = f"r{number}", at + timedelta(milliseconds=number)
        first = line(keys, name, at=when, outcome="escalated", reason="low_confidence", cost_nano=number)
        yield first
        known: dict[str, Any] = {"input_tokens": 70, "cached_tokens": 3, "output_tokens": 4, "outcome": "ok"}
        known |= {"reasoning_tokens": 3, "cache_write_tokens": number}
        yield pending(keys, name, attempt=2, at=when, cost_nano=1000 + number, **known)
        source: dict[str, Any] = {"engine": "reuse", "reason": "identical", "reuses": first.id}
        nothing: dict[str, Any] = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "cost_nano": 0}
        yield line(keys, f"again {name}", at=when, **source, **nothing, answer_hash=None)


def set_run(session: Session, run_id: UUID, **values: object) -> None:
    """Change a run behind the pipeline's back."""
    session.execute(update(RunRow).where(RunRow.id == run_id).values(**values))


def fill(settings: Settings) -> dict[str, UUID]:
    """Make a ledger: three runs that can go, in two months, and one of each kind that cannot. Return them by name."""
    start(settings)
    found: dict[str, UUID] = {}
    with transaction(settings) as session:
        for number, at in enumerate((OLD, OLD + timedelta(hours=1), OLD + timedelta(hours=3))):
            found[f"old {number}"] = add_run(session, number, at).run
        found["failed"] = add_run(session, 3, OLD + timedelta(hours=4), state="failed").run
        found["young"] = add_run(session, 4, YOUNG).run
        found["waiting"] = add_run(session, 5, OLD, state="waiting").run
        found["running"] = add_run(session, 6, OLD, state="running").run
        found["open"] = add_run(session, 7, OLD, state="failed", published=False).run
        late = add_run(session, 8, OLD)
        ledger.insert_lines(session, [line(late, "late", at=YOUNG)])
        found["late line"] = late.run
        in_flight = add_run(session, 9, OLD)
        ledger.insert_lines(session, [pending(in_flight, "p", at=OLD)])
        found["pending"] = in_flight.run
        live = add_run(session, 10, OLD)
        batches.record_intent(session, batch(live))
        found["live batch"] = live.run
        found["empty"] = add_run(session, 11, OLD, records=0).run
    return found


def few(settings: Settings) -> tuple[UUID, UUID]:
    """Make a ledger with two runs that can go, in two months; return them."""
    start(settings)
    with transaction(settings) as session:
        return add_run(session, 0, OLD).run, add_run(session, 1, OLD + timedelta(hours=3)).run


def kept(settings: Settings) -> list[LedgerLine]:
    """Return the lines that the database holds."""
    with transaction(settings) as session:
        run_ids = session.execute(select(RunRow.id)).scalars().all()
        return [one for run_id in run_ids for one in read_lines(session, run_id)]


def named_files(settings: Settings) -> list[Path]:
    """Return the files that the ledger names."""
    with transaction(settings) as session:
        return [find_file(one.archive, settings) for one in archives.list_archives(session)]


def files(settings: Settings) -> list[Path]:
    """Return all files that lie in the archive's folder, but its lock."""
    return sorted(path for path in settings.archive_dir.rglob("*") if path.is_file() and path.name != ".lock")


def archived(paths: Sequence[Path]) -> list[LedgerLine]:
    """Read lines back from files."""
    found = []
    for path in paths:
        for row in pl.read_parquet(path, hive_partitioning=False).iter_rows(named=True):
            keys = {name: row[name] and UUID(row[name]) for name in ("id", "run_id", "reuses", "batch_id")}
            fields = {name: row[name] for name in LedgerLine._fields}
            fields["at"] = row["at"].astimezone(UTC)
            found.append(LedgerLine(**{**fields, **keys}))
    return found


def everything(settings: Settings) -> Counter[LedgerLine]:
    """Count each line that the database or a file that it names holds: each must be there once."""
    return Counter([*kept(settings), *archived(named_files(settings))])
