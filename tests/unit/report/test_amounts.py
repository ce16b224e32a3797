"""Amounts are shown to the cent, and nothing that costs looks free."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.documents import amounts

AMOUNTS = st.integers(-(10**18), 10**18)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (4_000_000, "$0.004"),
        (4_249_999, "$0.0042"),
        (9_999_999, "$0.01"),
        (14_999_999, "$0.01"),
        (15_000_000, "$0.02"),
        (1_234_567_890_000, "$1,234.57"),
        (-3_100_000_000, "\N{MINUS SIGN}$3.10"),
        (-4_000_000, "\N{MINUS SIGN}$0.004"),
        (None, "unknown"),
    ],
)
def test_dollars_to_the_cent(nano: int | None, text: str) -> None:
    """To the cent, half up; below a cent in two digits that count; unknown is a word."""
    assert amounts.usd(nano) == text


@given(AMOUNTS)
def test_what_costs_never_looks_free(nano: int) -> None:
    """Only exactly zero is shown as zero, in every way of writing an amount."""
    for write in (amounts.usd, amounts.unit_usd, amounts.rate, amounts.difference):
        digits = write(nano).replace("$", "").replace("0", "").replace(".", "").replace(",", "")
        assert bool(digits.strip("+\N{MINUS SIGN}")) == (nano != 0)


@given(AMOUNTS)
def test_shown_dollars_are_within_half_a_cent(nano: int) -> None:
    """The amount shown is within half a cent of the exact one; below a cent, within a twentieth of it."""
    shown = Decimal(amounts.usd(nano).replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-"))
    exact = Decimal(nano).scaleb(-9)
    allowed = Decimal("0.005") if abs(nano) >= amounts.CENT else abs(exact) / 20
    assert abs(shown - exact) <= allowed


@given(AMOUNTS)
def test_rates_keep_every_digit(nano: int) -> None:
    """A price is shown exactly, whatever its digits."""
    shown = amounts.rate(nano).replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-")
    assert Decimal(shown) == Decimal(nano).scaleb(-9)


def test_rates_have_at_least_the_cents() -> None:
    """And all digits that are there."""
    shown = [amounts.rate(nano) for nano in (250 * 10**9, 1_006_000_001, 1_234_500_000_000)]
    assert shown == ["$250.00", "$1.006000001", "$1,234.50"]


@pytest.mark.parametrize(
    ("nano", "text"),
    [(250 * 10**9, "$250.00"), (1_006_000_001, "$1.006000001"), (1_234_500_000_000, "$1,234.50")],
)
def test_rates_have_cents_at_least(nano: int, text: str) -> None:
    """And all digits that there are."""
    assert amounts.rate(nano) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [(43_500_000, "$0.0435"), (254_321_000, "$0.254"), (12_404_000_000, "$12.40"), (100_000_000, "$0.10")],
)
def test_unit_costs_have_three_digits(nano: int, text: str) -> None:
    """The cost of a unit keeps three digits that count, and at least the cents."""
    assert amounts.unit_usd(nano) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "unknown"),
        (Fraction(0), "0%"),
        (Fraction(1, 5000), "less than 0.1%"),
        (Fraction(33, 1000), "3.3%"),
        (Fraction(5, 100), "5%"),
        (Fraction(1, 3), "33%"),
        (Fraction(996, 1000), "99.6%"),
        (Fraction(99_999, 100_000), "more than 99.9%"),
        (Fraction(1), "100%"),
        (Fraction(-1, 4), "\N{MINUS SIGN}25%"),
    ],
)
def test_shares(share: Fraction | None, text: str) -> None:
    """A share that exists is never shown as 0 %, nor one that lacks something as 100 %."""
    assert amounts.percent(share) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (950, "950"),
        (12_400, "12.4k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (2 * 10**9, "2B"),
        (10**15, "1,000T"),
    ],
)
def test_short_counts(amount: int, text: str) -> None:
    """Large counts are shortened, also beyond the last unit."""
    assert amounts.short_count(amount) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "unknown"),
        (0, "0 h"),
        (1, "less than 0.001 s"),
        (41 * 10**9, "41 s"),
        (90 * 10**9, "1.5 min"),
        (744 * 3600 * 10**9, "744 h"),
        (-7200 * 10**9, "\N{MINUS SIGN}2 h"),
    ],
)
def test_durations(ns: int | None, text: str) -> None:
    """Durations are in the unit that fits them."""
    assert amounts.hours(ns) == text


@pytest.mark.parametrize(
    ("factor", "text"),
    [(None, "unknown"), (Fraction(2), "2x"), (Fraction(7, 10), "0.7x"), (Fraction(1, 3), "0.333x")],
)
def test_factors(factor: Fraction | None, text: str) -> None:
    """Factors have three digits and no idle zeros."""
    assert amounts.times(factor).replace(amounts.TIMES, "x") == text


def test_plurals_and_lists() -> None:
    """One is singular, all else plural; lists end with `and`."""
    assert [amounts.plural(count, "record") for count in (0, 1, 2000)] == [
        "0 records",
        "1 record",
        "2,000 records",
    ]
    assert amounts.plural(2, "batch", "batches") == "2 batches"
    assert [amounts.join_words(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
