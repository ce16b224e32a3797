"""Spot machines: what interruptions cost, and what a month's work would cost there."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.economics.month import InfrastructureTerms, MonthInputs, Rate, ReferenceRate
from models.economics.pricing import nano_to_usd
from models.economics.spot_basis import SpotBasis
from tasks.report.advice import headline
from tasks.report.notes import describe_notes
from tests.month_inputs import (
    HOUR,
    LONG_AGO,
    MONTHS,
    SECOND,
    inputs,
    on_demand,
    reference,
    run,
    totals,
    usage,
    usd,
)

NEVER_TAKEN = SpotBasis(Decimal(0), 5 * SECOND)


def spot(per_hour: str) -> InfrastructureTerms:
    """Return terms of a spot machine."""
    return InfrastructureTerms("A10G", "spot", Rate(nano_per_hour=usd(per_hour)), LONG_AGO)


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


def test_what_ran_on_spot_would_not_have_lost_it_on_demand() -> None:
    """At the same rate a machine on demand costs what was lost less; the advice is to stay or to go there by that."""
    taken = replace(run(1, hours=3, load=1), lost_ns=3 * HOUR // 2)
    rates = (reference("on_demand", "0.40"),)
    month = inputs(
        usage(sync=900), gpu_runs=(taken, run(2, hours=6)), terms=(spot("0.40"),), references=rates
    )
    figures = month_figures(replace(month, spot=NEVER_TAKEN))
    assert figures.scenario("spot").gpu_nano == figures.scenario("hybrid").gpu_nano == usd(4)
    assert figures.scenario("on_demand").gpu_nano == usd("3.40")
    assert figures.recommendation.action == "switch_to_on_demand"


@pytest.mark.parametrize(
    ("basis", "cost", "said"),
    [
        (
            SpotBasis(Decimal("0.5"), 36 * SECOND),
            "50.702",
            "51 interruptions would be expected (0.5 in an hour",
        ),
        # 3 interruptions in 33 hours, of which 3 were lost: one in ten useful hours, an hour each
        (SpotBasis(Decimal("0.5"), 36 * SECOND, 3, 33 * HOUR, 3 * HOUR), "44.44", "10 interruptions would"),
        (SpotBasis(Decimal("0.5"), 36 * SECOND, 9, 23 * HOUR, 9 * HOUR), "50.702", "51 interruptions would"),
        (SpotBasis(Decimal("0.5"), 36 * SECOND, 0, 99 * HOUR, 0), "40.40", None),
    ],
)
def test_a_month_on_demand_is_compared_with_spot_and_its_interruptions(
    basis: SpotBasis, cost: str, said: str | None
) -> None:
    """A hundred hours and one of loading in two runs: on spot at $0.40, each interruption as measured or as assumed."""
    runs = (run(1, hours=50, load=0.5), run(10, hours=50, load=0.5))
    rates = (reference("spot", "0.40"), reference("reserved", "9"))
    month = inputs(usage(sync=900), gpu_runs=runs, terms=(on_demand("1"),), references=rates, labour=_free())
    figures = month_figures(replace(month, spot=basis))
    paid = totals(figures)
    assert paid["on_demand"] == 101
    assert paid["spot"] == Decimal(cost)
    assert figures.recommendation.action == "switch_to_spot"
    assert headline(figures).startswith("Switch to a spot machine: $")
    notes = [text for _, text in describe_notes(figures) if text.startswith("On spot machines")]
    assert len(notes) == (0 if said is None else 1)
    assert all(said in text for text in notes if said is not None)


def _free() -> tuple[Any, ...]:
    return tuple(replace(one, maintenance_minutes=0) for one in inputs().labour)


@given(MONTHS)
def test_spot_without_interruptions_at_the_same_rate_is_on_demand(month: MonthInputs) -> None:
    """To the nano-dollar: the way, where it meets the API, and along the curve."""
    runs = tuple(
        replace(
            one,
            billing_mode="on_demand",
            nano_usd_per_hour=usd("1.20"),
            billing_increment_seconds=60,
            lost_ns=None,
        )
        for one in month.gpu_runs
    )
    rates = tuple(one for one in month.references if one.mode == "reserved")
    same = ReferenceRate("spot", Rate(nano_per_hour=usd("1.20")), "test", 60)
    alike = replace(
        month, gpu_runs=runs, terms=(), references=(*rates, same), spot=NEVER_TAKEN, bill_nano=None
    )
    figures = month_figures(alike)
    if "spot" not in totals(figures):
        assert totals(figures)["on_demand"] is None
        return
    assert figures.scenario("spot") == replace(figures.scenario("on_demand"), name="spot")
    for outlook in (figures.alternative, figures.at_once):
        assert outlook.break_even("spot") == replace(outlook.break_even("on_demand"), name="spot")
    assert all(point.spot_nano == point.on_demand_nano for point in figures.curve)


@given(
    MONTHS,
    *[st.fractions(0, 20, max_denominator=50).map(lambda one: Decimal(one.numerator) / one.denominator)] * 2,
)
def test_more_interruptions_never_cost_less(month: MonthInputs, one: Decimal, other: Decimal) -> None:
    """However many are assumed, or were measured."""
    few, many = sorted((one, other))
    assert _spot_nano(replace(month, spot=SpotBasis(few, HOUR))) <= _spot_nano(
        replace(month, spot=SpotBasis(many, HOUR))
    )
    measured = [SpotBasis(few, HOUR, 3, 99 * HOUR, int(part * HOUR)) for part in (few, many)]
    assert _spot_nano(replace(month, spot=measured[0])) <= _spot_nano(replace(month, spot=measured[1]))


def _spot_nano(month: MonthInputs) -> int:
    figures: MonthFigures = month_figures(month)
    found = {one.name: one.total_nano for one in figures.scenarios}
    return found.get("spot") or 0


def test_without_a_spot_rate_there_is_no_such_way() -> None:
    """A row of unknown costs would help nobody."""
    month = inputs(usage(sync=9), gpu_runs=(run(),), terms=(on_demand("1"),), spot=NEVER_TAKEN)
    figures = month_figures(month)
    assert "spot" not in totals(figures)
    assert nano_to_usd(figures.gpu.nano) == 1
