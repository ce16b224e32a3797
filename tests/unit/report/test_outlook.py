"""From which volume it pays, when growth gets there, and what would flip the verdict."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from models.economics.figures import Outlook
from models.economics.figures_outlook import (
    BreakEven,
    Capacity,
    Crossing,
    Lever,
    Never,
    Payback,
    Trend,
    TrendState,
)
from tasks.report import sentences_outlook
from tests import month_figures as months

FIGURES = months.report().figures
X = "\N{MULTIPLICATION SIGN}"


def against_batches(
    factor: Fraction | None, *crossings: Crossing, gpus: int = 1, never: Never | None = None
) -> Outlook:
    """Return a comparison with the API's batches in which what ran meets them somewhere."""
    spend = None if factor is None else months.dollars("450")
    point = BreakEven(
        "hybrid", months.dollars("450"), spend, factor, 1_000_000, gpus, crossings, factor, never
    )
    return replace(FIGURES.alternative, break_evens=(point,))


def test_break_even() -> None:
    """The volume is a multiple of this month's, and stands with the API spend at it."""
    assert sentences_outlook.break_even(FIGURES, against_batches(Fraction(241, 100))) == (
        f"As it really ran, against the API's batches: it pays from 2.41{X} this month's volume on, where it would cost"
        " $450.00 a month there."
    )


@pytest.mark.parametrize(
    ("never", "why"),
    [
        ("each_record", "each further record costs no less than there"),
        ("full_machine", "even a machine that is full all month costs more than it saves there"),
    ],
)
def test_why_no_volume_pays(never: Never, why: str) -> None:
    """Each cause has its own words."""
    told = sentences_outlook.break_even(FIGURES, against_batches(None, never=never))
    assert told == f"As it really ran, against the API's batches: no volume pays; {why}."


def test_break_even_that_is_everywhere_or_unknown() -> None:
    """Every volume, and a cost that is not known, are told apart."""
    everywhere = against_batches(Fraction(0))
    assert (
        sentences_outlook.break_even(FIGURES, everywhere)
        == "As it really ran, against the API's batches: it pays at every volume."
    )
    unknown = replace(everywhere.break_evens[0], fixed_nano=None)
    assert sentences_outlook.break_even(FIGURES, replace(everywhere, break_evens=(unknown,))) is None


def test_break_even_with_steps() -> None:
    """Where another machine is needed, it may stop paying for a while."""
    crossings = (
        Crossing(Fraction(2), pays_above=True, gpus=2),
        Crossing(Fraction(3), pays_above=False, gpus=3),
        Crossing(Fraction(7, 2), pays_above=True, gpus=3),
    )
    outlook = against_batches(Fraction(2), *crossings, gpus=2)
    last = replace(outlook.break_evens[0], for_good=Fraction(7, 2))
    told = sentences_outlook.break_even(FIGURES, replace(outlook, break_evens=(last,)))
    assert told is not None
    assert "volume on, with 2 machines, where" in told
    assert (
        f"Above 3{X} another machine is needed and it does not pay for a while; from 3.5{X} on it pays for good."
        in told
    )


def test_capacity() -> None:
    """One machine is singular; more that are needed are named; nothing measured says nothing."""
    told = sentences_outlook.capacity(Capacity(1, 1, 5_000_000, Fraction(5, 2)))
    assert told == (
        f"One machine serves 5,000,000 records a month at most, as measured, which is 2.5{X} this month's volume; 1"
        " machine is paid for."
    )
    assert "2 machines are paid for, 3 would be needed." in (
        sentences_outlook.capacity(Capacity(2, 3, 10, Fraction(1, 2))) or ""
    )
    assert sentences_outlook.capacity(Capacity(1, 1, None, None)) is None


@pytest.mark.parametrize(
    ("payback", "told"),
    [
        (Payback(0, None), "No set-up was entered that would have to be paid back."),
        (Payback(10**12, None), "The set-up ($1,000.00, once) is not paid back at this month's figures."),
        (
            Payback(10**12, Fraction(1, 2)),
            "The set-up ($1,000.00, once) is paid back within one month of this saving.",
        ),
        (
            Payback(10**12, Fraction(32, 5)),
            "The set-up ($1,000.00, once) is paid back after 6.4 months of this saving.",
        ),
        (
            Payback(10**12, Fraction(500)),
            "The set-up ($1,000.00, once) would be paid back after more than ten years of this saving.",
        ),
    ],
)
def test_payback(payback: Payback, told: str) -> None:
    """The set-up is paid back at once, later, or never."""
    assert sentences_outlook.payback(payback) == told


@pytest.mark.parametrize(
    ("trend", "told"),
    [
        (Trend("no_gpu", 5, None, None), None),
        (Trend("too_few_months", 1, None, None), "Growth cannot be told yet: this month alone is known."),
        (Trend("too_few_months", 2, None, None), "Growth cannot be told yet: only 2 months are known."),
        (
            Trend("already_pays", 1, None, None),
            "Growth cannot be told yet: this month alone is known. It pays already.",
        ),
        (
            Trend("crosses", 6, Fraction(1200), date(2027, 3, 1)),
            (
                "Volume grew by 1,200 records a month over the last 6 months. If it goes on like this, it will pay from"
                " March 2027."
            ),
        ),
        (
            Trend("not_growing", 6, Fraction(-35, 2), None),
            "Volume fell by 18 records a month over the last 6 months, so waiting does not make it pay.",
        ),
        (
            Trend("not_growing", 6, Fraction(0), None),
            "Volume did not change over the last 6 months, so waiting does not make it pay.",
        ),
    ],
)
def test_trend(trend: Trend, told: str | None) -> None:
    """Each state of the trend has its sentence."""
    assert sentences_outlook.trend(trend) == told


@pytest.mark.parametrize("state", ["never_pays", "beyond_horizon"])
def test_a_trend_that_leads_nowhere(state: TrendState) -> None:
    """Growth that does not help, or only after decades, is said to."""
    told = sentences_outlook.trend(Trend(state, 6, Fraction(10), None))
    assert told is not None
    assert "no volume makes it pay" in told or "not pay within ten years" in told


@pytest.mark.parametrize(
    ("lever", "texts"),
    [
        (
            Lever("price", Fraction(1), Fraction(7, 10), at_threshold=True),
            (f"1{X}", f"0.7{X} or less", "30% less"),
        ),
        (
            Lever("volume", Fraction(1), Fraction(12, 5), at_threshold=False),
            ("1,000 records", "more than 2,400 records", "140% more"),
        ),
        (
            Lever("gpu_rate", Fraction(1), Fraction(5), at_threshold=True),
            (f"1{X}", f"5{X} or more", f"5{X} as much"),
        ),
        (
            Lever("hours", Fraction(2), Fraction(1, 2), at_threshold=False),
            ("2 h", "less than 0.5 h", "75% less"),
        ),
        (
            Lever("hours", Fraction(2), Fraction(1, 36000), at_threshold=False),
            ("2 h", "less than 0.1 s", "more than 99.9% less"),
        ),
        (
            Lever("utilization", Fraction(1, 5), None, at_threshold=False),
            ("20%", sentences_outlook.NEVER, ""),
        ),
        (Lever("utilization", None, None, at_threshold=False), ("unknown", sentences_outlook.NEVER, "")),
    ],
)
def test_levers(lever: Lever, texts: tuple[str, str, str]) -> None:
    """Where a lever stands, where it flips the verdict, and how far that is."""
    told = (
        sentences_outlook.lever_now(lever, 1000),
        sentences_outlook.lever_flips(lever, 1000),
        sentences_outlook.lever_change(lever),
    )
    assert told == texts
