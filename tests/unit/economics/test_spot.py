"""Spot machines: what interruptions cost, as part of what was paid."""

from dataclasses import replace

from hypothesis import given

from models.economics.break_even import month_figures
from models.economics.month import InfrastructureTerms, MonthInputs, Rate
from tests.month_inputs import HOUR, LONG_AGO, MONTHS, inputs, run, usage, usd


def spot(per_hour: str, increment: int = 1) -> InfrastructureTerms:
    """Return terms of a spot machine."""
    return InfrastructureTerms(
        "A10G", "spot", Rate(nano_per_hour=usd(per_hour)), LONG_AGO, increment_seconds=increment
    )


def test_what_an_interruption_cost_is_part_of_the_bill() -> None:
    """An hour and a half of ten was done again: at $0.40 an hour, $0.60 of $4; of the bill that was entered, its part."""
    taken = replace(run(1, hours=3, load=1), lost_ns=3 * HOUR // 2)
    month = inputs(usage(sync=100), gpu_runs=(taken, run(2, hours=6)), terms=(spot("0.40"),))
    figures = month_figures(month)
    (one,) = figures.spot
    assert figures.mode == "spot"
    assert (one.kind, one.runs, one.interruptions) == ("A10G", 2, 1)
    assert (one.held_ns, one.lost_ns, one.lost_nano) == (10 * HOUR, 3 * HOUR // 2, usd("0.60"))
    assert figures.gpu.nano == usd(4)
    (billed,) = month_figures(replace(month, bill_nano=usd(8))).spot
    assert billed.lost_nano == usd("1.20")


@given(MONTHS)
def test_what_was_lost_is_never_more_than_what_was_paid(month: MonthInputs) -> None:
    """By kind and in sum, in time and in money."""
    figures = month_figures(month)
    assert sum(one.lost_nano for one in figures.spot) <= figures.gpu.nano
    assert all(one.lost_ns <= one.held_ns and one.interruptions <= one.runs for one in figures.spot)
