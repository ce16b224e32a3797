"""A backfill's plain values: the range, what is to be done, how far it is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.backfill import BACKFILL, Meter, PartitionOutcome, Range, Step, select_failed, to_do
from models.errors import UsageError
from models.run import Progress, RunResult

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = NOW.date()


def result(day: date, records: int, cost: int | None = 10) -> RunResult:
    """Make the result of a partition."""
    return RunResult(
        "sentiment", day, "completed", records=records, output_tokens=2 * records, cost_nano=cost
    )


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (TODAY, TODAY - timedelta(1), "reversed"),
        (TODAY, TODAY + timedelta(1), "future"),
        (TODAY + timedelta(3), TODAY + timedelta(5), "future"),
    ],
)
def test_a_range_that_cannot_be_is_refused(first: date, last: date, said: str) -> None:
    """One clear line for a reversed range and for one that is not over."""
    with pytest.raises(UsageError, match=said) as caught:
        Range(first, last).checked(NOW)
    assert "\n" not in str(caught.value)


def test_today_is_the_last_day_of_a_range() -> None:
    """Today by UTC, wherever the clock stands."""
    elsewhere = datetime(2026, 11, 25, 1, tzinfo=UTC) - timedelta(hours=2)
    assert Range(TODAY, TODAY).checked(elsewhere) == Range(TODAY, TODAY)


def test_what_is_published_is_not_done_again() -> None:
    """Only steps with an action are to be done."""
    steps = [Step(TODAY, action, "f") for action in ("run", "nothing", "refresh", "replace")]
    assert [step.action for step in to_do(steps)] == ["run", "refresh", "replace"]


def test_an_outcome_says_how_its_run_ended() -> None:
    """Completed is done, waiting waits, whatever had nothing to do was skipped."""
    states = {"completed": "done", "waiting": "waiting", "skipped": "skipped", "empty": "skipped"}
    for state, said in states.items():
        assert PartitionOutcome.of(RunResult("w", TODAY, state)).state == said  # type: ignore[arg-type]
    lost = PartitionOutcome("w", TODAY, "failed", error="no input")
    assert select_failed([PartitionOutcome.of(result(TODAY, 1)), lost]) == [lost]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=8))
def test_a_meter_never_goes_back(parts: list[tuple[int, int]]) -> None:
    """Progress of running partitions and results of ended ones add up; the end has exactly what was done."""
    days = [TODAY - timedelta(back) for back in range(len(parts))]
    total = sum(whole + more for whole, more in parts)
    meter = Meter(len(parts), total, 10 * len(parts))
    last = 0
    for day, (whole, more) in zip(days, parts, strict=True):
        meter.progress(Progress("sentiment", day, whole, None, 0, 1.0))
        assert meter.done >= last
        last = meter.done
        meter.ended(PartitionOutcome.of(result(day, whole + more)))
        assert meter.done >= last
        last = meter.done
    assert (meter.done, meter.spent_nano) == (total, 10 * len(parts))
    assert meter.output_tokens == 2 * total
    if total:
        assert meter.seconds_left(5.0) == 0.0


def test_the_whole_says_partitions_money_and_time() -> None:
    """What a person wants to know: how many are over, what it cost against the quote, how long it will take."""
    meter = Meter(4, 100, 4_000_000_000)
    meter.ended(PartitionOutcome.of(result(TODAY, 25, 1_000_000_000)))
    overall = meter.overall(TODAY, 10.0)
    assert (overall.workload, overall.done, overall.total) == (BACKFILL, 25, 100)
    assert overall.note == (
        "1 of 4 partitions, $1.0000 spent of $4.0000 quoted, 5 output tokens/s, about 0:00:30 left"
    )


def test_an_unknown_quote_is_not_shown_as_nothing() -> None:
    """I3: without a quote there is no figure to compare with, and without a record no time left."""
    assert (
        Meter(1, 10, None).overall(TODAY, 0.0).note == "0 of 1 partitions, $0.0000 spent, 0 output tokens/s"
    )
