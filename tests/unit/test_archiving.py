"""Which lines are old, and which of them go to one file."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ledger.archiving import ArchiveFileLimits, months_before, split_into_files
from models.months import month_of


@dataclass(frozen=True)
class Run:
    """A run as `split_into_files` sees it."""

    started_at: datetime
    lines: int


@pytest.mark.parametrize(
    ("today", "months", "found"),
    [
        ((2026, 11, 25), 1, (2026, 10, 25)),
        ((2026, 11, 25), 11, (2025, 12, 25)),
        ((2026, 11, 25), 12, (2025, 11, 25)),
        ((2026, 1, 31), 2, (2025, 11, 30)),
        ((2026, 3, 31), 1, (2026, 2, 28)),
        ((2028, 3, 31), 1, (2028, 2, 29)),
        ((2026, 11, 25), 0, (2026, 11, 25)),
    ],
)
def test_months_before(today: tuple[int, int, int], months: int, found: tuple[int, int, int]) -> None:
    """The same day of an earlier month, or its last day."""
    assert months_before(date(*today), months) == date(*found)


def test_a_month_is_that_of_utc() -> None:
    """Half an hour into December elsewhere can be November."""
    assert month_of(datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == date(2026, 11, 1)


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(1, 12)), max_size=40),
    st.integers(1, 20),
    st.integers(1, 6),
)
def test_files_hold_every_run_once_within_their_limits(
    drawn: list[tuple[int, int]], lines: int, runs: int
) -> None:
    """In order, of one month each, and too large only where a single run is."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    given_ = [Run(start + timedelta(days=day), count) for day, count in sorted(drawn)]
    files = list(split_into_files(given_, ArchiveFileLimits(lines, runs)))
    assert [run for file in files for run in file] == given_
    for file in files:
        assert file
        assert len({month_of(run.started_at) for run in file}) == 1
        assert len(file) <= runs
        assert sum(run.lines for run in file) <= lines or len(file) == 1
