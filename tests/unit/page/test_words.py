"""Figures on the page: nothing that cost something looks free, unknown is said."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.pricing import nano_to_usd
from tasks.page.formats import dollars, moment, number, period, plural, rate, share, tokens


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        ("0", "$0.00"),
        ("0.004", "$0.004"),
        ("0.0399", "$0.0399"),
        ("0.5", "$0.50"),
        ("0.9996", "$1.00"),
        ("1", "$1.00"),
        ("1234567.891", "$1,234,567.89"),
        ("0.000000001", "$0.000000001"),
        ("0.000012345", "$0.0000123"),
        ("-0.25", "-$0.25"),
    ],
)
def test_dollars(amount: str | None, text: str) -> None:
    """To the cent from one dollar on, three significant digits below, at least two places."""
    assert dollars(None if amount is None else Decimal(amount)) == text


@given(st.integers(1, 10**16))
def test_no_cost_looks_free(nano: int) -> None:
    """Whatever costs a nano-dollar or more is shown as more than nothing, within half a per cent."""
    usd = nano_to_usd(nano)
    shown = Decimal(dollars(usd).removeprefix("$").replace(",", ""))
    assert shown > 0
    assert abs(shown - usd) <= usd / 200


def test_rates_keep_every_digit() -> None:
    """A price is what something is multiplied with: it is not rounded."""
    assert rate(Decimal("1.006000000")) == "$1.006"
    assert rate(Decimal(1500)) == "$1,500.00"
    assert rate(Decimal("0.000000001")) == "$0.000000001"
    assert rate(None) == "unknown"


def test_shares_are_never_rounded_to_all_or_nothing() -> None:
    """A part that is there is never 0 %, one that is not all never 100 %."""
    assert share(1, 3) == "33.3 %"
    assert share(1, 10**6) == "< 0.1 %"
    assert share(10**6 - 1, 10**6) == "> 99.9 %"
    assert share(7, 7) == "100.0 %"
    assert share(0, 7) == "0.0 %"
    assert share(0, 0) == "-"
    assert share(None, 7) == "unknown"


def test_tokens_of_what_used_none() -> None:
    """A reuse, which cost nothing, used no tokens; of an attempt that cost something they are unknown."""
    assert tokens({"input_tokens": None, "cost_usd": Decimal(0)}, "input_tokens") == "-"
    assert tokens({"input_tokens": None, "cost_usd": Decimal(1)}, "input_tokens") == "unknown"
    assert tokens({"input_tokens": None, "cost_usd": None}, "input_tokens") == "unknown"
    assert tokens({"input_tokens": 1200, "cost_usd": None}, "input_tokens") == "1,200"


def test_counts_times_and_periods() -> None:
    """Thousands are told apart, times are UTC, open periods say so."""
    assert number(1234567) == "1,234,567"
    assert number(None) == "unknown"
    assert plural(1, "line", "lines") == "1 line"
    assert plural(2000, "line", "lines") == "2,000 lines"
    east = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 11, 24, 1, 2, 3, tzinfo=east)) == "2026-11-23 23:02:03"
    assert moment(datetime(2026, 11, 24, tzinfo=UTC)) == "2026-11-24 00:00:00"
    assert moment(None) == "-"
    day = date(2026, 11, 24)
    assert period(day, day) == "2026-11-24"
    assert period(None, day) == "the beginning to 2026-11-24"
    assert period(None, None) == "all days"
