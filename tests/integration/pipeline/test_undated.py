"""An input without dates is every day's, which is said in one line; a second day over the same records is not paid for."""

import logging
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from models.errors import EngineDied, EngineError, UsageError
from models.run import RunResult
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, good_rows, run, write_records

NEXT = DAY + timedelta(days=1)


def run_day(settings: Settings, source: Path, day: date, engine: ScriptedEngine | None = None) -> RunResult:
    """Run one day over a file."""
    with shared_engine(settings, lambda _: engine or ScriptedEngine()):
        return run_request(RunRequest(WORKLOAD, day, str(source)), settings)


def write(path: Path, rows: list[object]) -> Path:
    """Write rows in the format of the name."""
    if path.suffix == ".jsonl":
        return write_records(path, rows)
    frame = pl.DataFrame(rows)
    (frame.write_parquet if path.suffix == ".parquet" else frame.write_csv)(path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_second_day_over_the_same_records_is_refused(
    settings: Settings, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says which day has them and what to set; no run begins. Other records in the same file are another day's."""
    source = write(tmp_path / f"in.{kind}", good_rows(5))
    with caplog.at_level(logging.WARNING):
        assert run_day(settings, source, DAY).published == 5
    (said,) = [
        record.getMessage() for record in caplog.records if "no column of dates" in record.getMessage()
    ]
    assert f"in.{kind} has no column of dates (none of timestamp, created_at, " in said
    assert f"all its 5 records are taken for {DAY}; set timestamp_column" in said
    with pytest.raises(UsageError) as caught:
        run_day(settings, source, NEXT)
    refused = str(caught.value)
    assert refused.startswith(f"{WORKLOAD} {NEXT}: ")
    assert f"its 5 records are those that {WORKLOAD} {DAY} has already: nothing was begun" in refused
    assert "\n" not in said + refused
    assert len(table(settings, "runs")) == 1
    assert run_day(settings, source, DAY).state == "skipped"
    write(source, good_rows(6))
    assert run_day(settings, source, NEXT).published == 6
    check_books(settings)


def test_a_day_that_is_under_way_has_its_records_too(settings: Settings, tmp_path: Path) -> None:
    """Where the first day failed half-way, the second is refused, and the first goes on."""
    source = write_records(tmp_path / "in.jsonl", good_rows(60))
    with pytest.raises(EngineDied):
        run_day(settings, source, DAY, ScriptedEngine(dies_after=30))
    with pytest.raises(UsageError, match=f"those that {WORKLOAD} {DAY} has already"):
        run_day(settings, source, NEXT)
    assert run_day(settings, source, DAY).published == 60


def test_a_day_that_has_no_answer_does_not_have_the_records(settings: Settings, tmp_path: Path) -> None:
    """Who gave a wrong date to a run whose engine could not be loaded gives the right one, and is not refused."""
    source = write_records(tmp_path / "in.jsonl", good_rows(5))

    def fail(_settings: Settings) -> ScriptedEngine:
        msg = "no such model"
        raise EngineError(msg)

    with pytest.raises(EngineError):
        run(settings, source, fail)
    assert run_day(settings, source, NEXT).published == 5
    with pytest.raises(UsageError, match=f"those that {WORKLOAD} {NEXT} has already"):
        run_day(settings, source, DAY)
    check_books(settings)


def test_who_says_that_it_is_one_partition_is_not_asked(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty `timestamp_column` means it: no line, and as many days as are asked for."""
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    own = Settings.model_validate({"workloads": {WORKLOAD: {"timestamp_column": ""}}}).workloads
    settings = settings.model_copy(update={"workloads": own})
    for day in (DAY, NEXT):
        assert run_day(settings, source, day).published == 5
    assert "no column of dates" not in caplog.text


def test_folders_of_dates_may_hold_the_same(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder says its date: two of them with equal records are two days."""
    for day in (DAY, NEXT):
        folder = tmp_path / "in" / f"date={day}"
        folder.mkdir(parents=True)
        write_records(folder / "part.jsonl", good_rows(5))
        assert run_day(settings, tmp_path / "in", day).published == 5
    assert "no column of dates" not in caplog.text


def test_rerun_of_the_same_day(settings: Settings, tmp_path: Path) -> None:
    """The day that has the records can be run again, and refreshed."""
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    run(settings, source)
    assert run(settings, source, rerun=True).published == 5
    assert run(settings, source, refresh=True).state == "skipped"
