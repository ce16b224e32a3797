"""Which partitions a flow run is about, and what it is called."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.exceptions import ParameterTypeError

from flows import dates
from flows.backfill import backfill
from flows.dates import choose_partition, last_partitions, run_name, yesterday
from flows.workloads import workload_flow
from models.errors import UsageError


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 4, 0, 0, tzinfo=UTC), date(2026, 11, 3)),
        (datetime(2026, 11, 3, 23, 59, 59, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 3, 1, 2, 15, tzinfo=UTC), date(2026, 2, 28)),
        # 01:00 on the 4th in Auckland is still noon of the 3rd in UTC.
        (datetime(2026, 11, 4, 1, 0, tzinfo=timezone(timedelta(hours=13))), date(2026, 11, 2)),
    ],
)
def test_the_default_is_the_last_utc_day_that_is_over(now: datetime, expected: date) -> None:
    """Yesterday is counted in UTC, wherever the worker stands."""
    assert yesterday(now) == expected


def test_a_late_run_takes_the_day_before_it_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late it starts; its name says so as well."""
    monkeypatch.setattr(dates, "due_at", lambda: datetime(2026, 11, 7, 2, 15, tzinfo=UTC))
    assert choose_partition(None) == date(2026, 11, 6)
    assert run_name("nightly", {}) == "nightly 2026-11-06"


def test_a_given_partition_is_kept() -> None:
    """A backfilled date is never replaced by the default."""
    assert choose_partition(date(2020, 2, 29)) == date(2020, 2, 29)


@given(st.dates(min_value=date(2000, 1, 1)), st.integers(1, 400))
def test_last_partitions_are_consecutive_and_end_at_the_asked_day(end: date, days: int) -> None:
    """`days` different dates without a gap, oldest first."""
    dates = last_partitions(end, days)
    assert len(dates) == days
    assert dates[-1] == end
    assert all(b - a == timedelta(days=1) for a, b in pairwise(dates))


@pytest.mark.parametrize("days", [0, -3])
def test_less_than_one_day_is_refused(days: int) -> None:
    """A night over no partition would succeed without doing anything."""
    with pytest.raises(UsageError, match="at least 1"):
        last_partitions(date(2026, 11, 3), days)


def test_run_names_say_workload_and_date() -> None:
    """The date is there even when the default decides it."""
    assert run_name("sentiment", {"partition": date(2026, 11, 1)}) == "sentiment 2026-11-01"
    assert run_name("nightly", {"partition": None}) == f"nightly {yesterday(datetime.now(UTC))}"


def test_flows_take_a_number_of_shards_or_auto() -> None:
    """As the command line does; anything else is refused before the run begins."""
    for flow in (workload_flow("sentiment"), backfill):
        own = {"workload": "sentiment", "from_date": date(2026, 11, 1), "to_date": date(2026, 11, 1)}
        given = own if flow is backfill else {}
        for shards, read in (("auto", "auto"), (8, 8), (None, None)):
            assert flow.validate_parameters({**given, "shards": shards})["shards"] == read
        with pytest.raises(ParameterTypeError, match="auto, or a whole number from 1 to 1000"):
            flow.validate_parameters({**given, "shards": 0})
