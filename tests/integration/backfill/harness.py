"""What the tests of backfills share: an input of several days, a backfill of it without Prefect, the published days."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from models.backfill import PartitionOutcome, Range, Step, to_do
from models.economics.quote import Quote
from models.engines.base import LocalEngine
from models.ids import new_id
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.backfill.run_steps import make_direct_runner, one_by_one, run_all
from tasks.backfill.survey import survey
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import (
    WORKLOAD,
    leftovers,
    published,
    quarantined,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite

FIRST = date(2026, 11, 1)
Row = dict[str, object]
Days = Mapping[date, Sequence[Row]]


def day(number: int) -> date:
    """Return a day of the test's range, the first is number 0."""
    return FIRST + timedelta(number)


def rows_of(of: date, count: int, word: str = "message") -> list[Row]:
    """Make rows of one day that are all fine."""
    stamp = f"{of}T10:00:00Z"
    return [
        {"id": f"{of:%m%d}{word[0]}{number}", "text": f"{word} {number} of {of}", "timestamp": stamp}
        for number in range(count)
    ]


def days_of(*counts: int) -> dict[date, list[Row]]:
    """Make an input with so many rows on the first day, the second, and so on."""
    return {day(number): rows_of(day(number), count) for number, count in enumerate(counts)}


def write_days(path: Path, days: Days) -> Path:
    """Write an input of several days, or replace it at once, so that no reader sees half of it."""
    new = write_records(path.with_name(f"{path.name}.new"), [row for rows in days.values() for row in rows])
    return new.replace(path)


def ask_for(source: Path, days: Iterable[date], **more: object) -> BackfillRequest:
    """Ask for the range of these days."""
    wanted = sorted(days)
    return BackfillRequest(WORKLOAD, Range(wanted[0], wanted[-1]), str(source), **more)  # type: ignore[arg-type]


def do(
    ask: BackfillRequest,
    steps: Sequence[Step],
    settings: Settings,
    engine: Callable[[], LocalEngine] = ScriptedEngine,
) -> list[PartitionOutcome]:
    """Do these steps here, with the engines that `engine` makes."""
    with shared_engine(settings, lambda _: engine()):
        return run_all(ask, steps, one_by_one(make_direct_runner(settings), settings), Quote.of(()), [])


def backfill(
    ask: BackfillRequest, settings: Settings, engine: Callable[[], LocalEngine] = ScriptedEngine
) -> list[PartitionOutcome]:
    """Do what is to be done."""
    return do(ask, to_do(survey(ask, settings)), settings, engine)


def actions(ask: BackfillRequest, settings: Settings) -> list[str]:
    """Say what is to be done for each partition."""
    return [step.action for step in survey(ask, settings)]


class Engines:
    """Makes scripted engines and knows what was asked of all of them."""

    def __init__(self, **options: object) -> None:
        self._options = options
        self.made: list[ScriptedEngine] = []

    def __call__(self) -> ScriptedEngine:
        """Make one."""
        self.made.append(ScriptedEngine(**self._options))  # type: ignore[arg-type]
        return self.made[-1]

    @property
    def asked(self) -> list[str]:
        """Keys of the records that were asked about."""
        return [key for engine in self.made for key in engine.started]


def check_published(settings: Settings, source: Path, days: Days, **more: object) -> None:
    """See that each day is published as a run would publish it that nothing disturbed, and that nothing is left over."""
    check_days(settings, source, days, **more)
    assert leftovers(settings) == []


def check_days(settings: Settings, source: Path, days: Days, **more: object) -> None:
    """See that each day is published as a run would publish it that nothing disturbed, and that the books add up."""
    folder = settings.output_dir.parent / new_id().hex
    folder.mkdir()
    fresh = settings_for(folder, new_sqlite(folder / "ledger.db"), commit_records=1000, **more)
    backfill(ask_for(source, days), fresh)
    for one, rows in days.items():
        frame = published(settings, day=one)
        assert_frame_equal(frame, published(fresh, day=one))
        assert_frame_equal(quarantined(settings, day=one), quarantined(fresh, day=one))
        assert frame.height + quarantined(settings, day=one).height == len(rows)
    check_books(settings)


def texts_of(frame: pl.DataFrame) -> str:
    """Render what is published so that two of it can be compared."""
    return json.dumps(frame.to_dicts(), default=str)
