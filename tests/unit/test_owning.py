"""What it costs to own the machines: mistakes are refused, and on every day the right entry holds."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics import owning
from models.economics.gpu_run import BillingMode
from models.economics.owning import Bill, Days, EnteredTerms, Labour
from models.errors import UsageError
from models.months import parse_month

START = date(2026, 1, 1)
DAYS = st.integers(0, 40).map(lambda days: START + timedelta(days=days))


def _terms(**changes: Any) -> EnteredTerms:  # noqa: ANN401 - any parameter
    given_: dict[str, Any] = {"since": START, "usd_per_hour": Decimal(1), **changes}
    mode: BillingMode = given_.pop("mode", "on_demand")
    return owning.check_terms(given_.pop("kind", "A10G"), mode, **given_)


def test_terms_are_kept_exactly() -> None:
    """A month's rate stays a month's, an hour's an hour's; the last day is inclusive, a note one line."""
    month = _terms(mode="reserved", usd_per_hour=None, usd_per_month=Decimal(250), note=" a \n b ")
    assert (month.nano_usd_per_hour, month.nano_usd_per_month) == (None, 250_000_000_000)
    assert month.note == "a b"
    hour = _terms(until=date(2026, 1, 31), kind=" L4 ", increment_seconds=3600, gpus=2)
    assert hour == EnteredTerms("L4", "on_demand", 10**9, None, 3600, 2, START, date(2026, 2, 1))
    assert owning.no_machine("A10G", START).gpus == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"usd_per_hour": None}, "give one of"),
        ({"usd_per_month": Decimal(1)}, "give one of"),
        ({"usd_per_hour": None, "usd_per_month": Decimal(1)}, "only a reserved machine"),
        ({"usd_per_hour": Decimal(-1)}, "--usd-per-hour -1"),
        ({"usd_per_hour": Decimal("NaN")}, "--usd-per-hour NaN"),
        ({"usd_per_hour": Decimal("Infinity")}, "Infinity"),
        ({"usd_per_hour": Decimal("1e30")}, "from 0 to"),
        ({"usd_per_hour": Decimal("0.0000000001")}, "finer than a nano-dollar"),
        ({"until": date(2025, 12, 31)}, "lies before"),
        ({"increment_seconds": 0}, "--increment 0"),
        ({"gpus": 0}, "--gpus 0"),
        ({"kind": " "}, "--kind"),
        ({"kind": "A10G\n"[:-1] + "\x1b[2J"}, "--kind"),
    ],
)
def test_terms_that_cannot_be_are_refused(changes: dict[str, Any], words: str) -> None:
    """One line names the option and says what would do."""
    with pytest.raises(UsageError, match=words):
        _terms(**changes)


def test_a_bill_is_of_a_month_that_has_begun() -> None:
    """The running month has a bill, the next one has none."""
    today = date(2026, 10, 3)
    assert owning.check_bill(date(2026, 10, 1), Decimal("312.40"), today) == Bill(
        date(2026, 10, 1), 312_400_000_000
    )
    with pytest.raises(UsageError, match="2026-11 has not begun"):
        owning.check_bill(date(2026, 11, 1), Decimal(1), today)
    with pytest.raises(UsageError, match=r"--usd -0\.01"):
        owning.check_bill(date(2026, 9, 1), Decimal("-0.01"), today)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "0000-01", "2026-1", "2026", "2026-10-01", "October", ""]
)
def test_a_month_that_is_none_is_refused(text: str) -> None:
    """Only YYYY-MM is a month."""
    with pytest.raises(UsageError, match="no month"):
        parse_month(text)


def test_labour_is_whole_minutes() -> None:
    """Quarters and tenths of hours are minutes; seconds, and what is no duration, are refused."""
    kept = owning.check_labour(START, Decimal("2.25"), Decimal("0.1"), Decimal(100))
    assert kept == Labour(START, 135, 6, 100_000_000_000)
    for hours in ("0.001", "-1", "NaN", "1e9"):
        with pytest.raises(UsageError, match="--maintenance-hours"):
            owning.check_labour(START, Decimal(hours), Decimal(1), Decimal(1))


def test_the_last_entry_holds_where_it_lies() -> None:
    """A correction in the middle of an entry leaves it two stretches; one over all of it, none."""
    base = _terms()
    middle = _terms(since=date(2026, 3, 1), until=date(2026, 3, 31))
    other = _terms(kind="L4", since=date(2026, 2, 1))
    held = owning.find_days_held([base, middle, other])
    stretches = [Days(START, date(2026, 3, 1)), Days(date(2026, 4, 1), None)]
    assert held == [stretches, [Days(date(2026, 3, 1), date(2026, 4, 1))], [Days(date(2026, 2, 1), None)]]
    assert owning.find_days_held([base, _terms()]) == [[], [Days(START, None)]]
    assert str(stretches[0]) == "2026-01-01..2026-02-28"


@given(st.lists(st.tuples(st.sampled_from("AB"), DAYS, st.none() | st.integers(0, 20)), max_size=8))
def test_each_day_has_the_newest_entry(entered: list[tuple[str, date, int | None]]) -> None:
    """Day by day: of the entries of a kind that hold, the last one's days have it, and nobody else's."""
    entries = [
        _terms(kind=kind, since=since, until=None if length is None else since + timedelta(days=length))
        for kind, since, length in entered
    ]
    held = owning.find_days_held(entries)
    for day in (START + timedelta(days=offset) for offset in range(70)):
        for kind in "AB":
            own = [
                index
                for index, entry in enumerate(entries)
                if entry.kind == kind
                and entry.effective_from <= day
                and (entry.effective_to is None or day < entry.effective_to)
            ]
            having = [
                index
                for index, entry in enumerate(entries)
                if entry.kind == kind
                for days in held[index]
                if days.first <= day and (days.end is None or day < days.end)
            ]
            assert having == own[-1:]


def test_the_last_bill_of_a_month_wins() -> None:
    """Both stay; the second holds."""
    september, october = date(2026, 9, 1), date(2026, 10, 1)
    entries = [Bill(october, 1), Bill(september, 2), Bill(october, 3)]
    assert owning.find_bills_held(entries) == [False, True, True]


def test_labour_holds_from_the_day_it_began() -> None:
    """A later beginning wins over a later entry; of one beginning, the last entry holds."""
    entries = [Labour(date(2026, 3, 1), 1, 1, 1), Labour(START, 2, 2, 2), Labour(START, 3, 3, 3)]
    march = date(2026, 3, 1)
    assert owning.find_labour_held(entries) == [Days(march, None), None, Days(START, march)]
