"""The figures of a month: worked examples to the cent, and the answer where something is not known."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from models.economics.break_even import month_figures, past_month
from models.economics.month import WorkloadUsage
from models.economics.past_month import PastMonth
from models.months import days_in, months_later
from tests.month_inputs import (
    OCTOBER,
    codes,
    inputs,
    on_demand,
    priced,
    reference,
    reserved,
    run,
    totals,
    usage,
    usd,
)


@pytest.mark.parametrize(
    ("records", "tokens", "a_day", "a_year"),
    [(500, (1200, 300), "0.18", "65.70"), (5000, (400, 0), "0.30", "109.50")],
)
def test_worked_examples_of_the_api(records: int, tokens: tuple[int, int], a_day: str, a_year: str) -> None:
    """500 records a day of 1,200 + 300 tokens on gpt-4o-mini, and 5,000 of 400: the day's and the year's dollars."""
    year = Decimal(0)
    for count in range(12):
        month = months_later(date(2027, 1, 1), count)
        own = WorkloadUsage("sentiment", counterfactual=(priced(records * days_in(month), *tokens),))
        figures = month_figures(inputs(own, month=month))
        cost = totals(figures)["api_sync"]
        assert cost == days_in(month) * Decimal(a_day)
        assert totals(figures)["api_batch"] == cost / 2
        year += cost
    assert year == Decimal(a_year)


def test_worked_example_of_the_break_even() -> None:
    """$250 for a GPU and 2 h x $100 are even at an API spend of $450 a month."""
    below, above = (
        month_figures(inputs(usage(sync=sync), gpu_runs=(run(),), terms=(reserved("250"),)))
        for sync in ("450.00", "450.01")
    )
    reserved_ones = (one.at_once.break_even("reserved").spend_nano for one in (below, above))
    assert set(reserved_ones) == {usd(450)}
    even, more = below.at_once, above.at_once
    assert (even.verdict.answer, even.verdict.reasons) == ("does_not_pay", ("even",))
    assert (more.verdict.answer, more.verdict.saving_nano) == ("pays", usd("0.01"))
    assert even.payback.months is None
    assert more.payback.months == Fraction(usd(1200), usd("0.01"))
    assert {one.alternative.break_even("reserved").spend_nano for one in (below, above)} == {usd(450)}


def test_all_scenarios_of_a_month_worked_by_hand() -> None:
    """$600 of API work; two sessions of 90 minutes at $4 by the hour; $36 really went to the API."""
    month = inputs(
        usage(sync=600, api=36),
        gpu_runs=(run(3, hours=1.5), run(17, hours=1.5)),
        terms=(on_demand("4.00", increment=3600),),
        references=(reference("reserved", "0.50"),),
    )
    figures = month_figures(month)
    assert totals(figures) == {
        "api_sync": 600,
        "api_batch": 300,
        "reserved": Decimal("0.50") * 24 * 31 + 200 + 36,
        "on_demand": 2 * 2 * 4 + 200 + 36,
        "hybrid": 2 * 2 * 4 + 200 + 36,
    }
    hybrid = figures.scenario("hybrid")
    assert hybrid.saving_sync_nano == usd(348)
    assert hybrid.saving_batch_nano == usd(48)
    assert figures.mode == "on_demand"
    assert figures.verdict.reasons == ("saves",)
    assert figures.at_once.payback.months == Fraction(1200, 348)
    assert figures.alternative.payback.months == Fraction(1200, 48)
    assert figures.gpu.utilization == Fraction(3, 4)
    # of $4 an hour, three hours were used for 1,000 records of 110 tokens
    assert figures.unit_costs.marginal_per_1000_records == usd(12)
    assert figures.unit_costs.marginal_per_mtok == round(Fraction(usd(12) * 100, 11))
    assert figures.unit_costs.loaded_per_1000_records == usd(216)
    assert figures.unit_costs.api_per_1000_records == usd(600)


def test_capacity_is_what_busy_and_idle_time_leaves() -> None:
    """Three hours busy, one idle, for 1,000 records: one machine serves 744 / 4 times as many; loading is no part of it."""
    month = inputs(usage(sync=10), gpu_runs=(run(hours=3, idle=1, load=5),), terms=(reserved("250", gpus=2),))
    capacity = month_figures(month).capacity
    assert capacity.records_per_gpu == 186_000
    assert capacity.factor_per_gpu == 186
    assert (capacity.gpus, capacity.gpus_needed) == (2, 1)


def test_two_machines_on_demand_at_once_need_two_reserved_ones() -> None:
    """A month of 1,000 hours of work does not fit on one machine, so the reserved scenario has two."""
    runs = tuple(run(1, hours=500, at=f"00:0{place}:00") for place in range(2))
    figures = month_figures(
        inputs(usage(sync=10), gpu_runs=runs, references=(reference("reserved", "0.50"),))
    )
    assert figures.capacity.gpus_needed == 2
    assert figures.scenario("reserved").gpu_nano == 2 * 744 * usd("0.50")
    assert "more_gpus_needed" in codes(figures)


@pytest.mark.parametrize(
    ("own", "answer", "reasons"),
    [
        (usage(sync=500), "pays", ("saves",)),
        (usage(sync=400), "does_not_pay", ("costs_more",)),
        (replace(usage(sync=500), unknown_counterfactual=3), "pays", ("saves",)),
        (replace(usage(sync=400), unknown_counterfactual=3), "cannot_be_said", ("unknown_counterfactual",)),
        (replace(usage(sync=500, api=40), api_upper_bound_nano=usd(40)), "pays", ("saves",)),
        (replace(usage(sync=500, api=60), api_upper_bound_nano=usd(20)), "cannot_be_said", ("upper_bounds",)),
        (replace(usage(sync=500, api=80), api_upper_bound_nano=usd(20)), "does_not_pay", ("costs_more",)),
        (replace(usage(sync=500), unknown_api_cost=1), "cannot_be_said", ("unknown_api_cost",)),
        (replace(usage(sync=400), unknown_api_cost=1), "does_not_pay", ("costs_more",)),
        (usage(), "does_not_pay", ("no_usage",)),
        (replace(usage(sync=900), viability="not_viable"), "does_not_pay", ("not_viable",)),
        (replace(usage(sync=900), viability="not_viable", routed=1), "pays", ("saves",)),
    ],
)
def test_what_is_not_known_counts_only_where_it_matters(
    own: WorkloadUsage, answer: str, reasons: tuple[str, ...]
) -> None:
    """Against $450 of self-hosting: the answer is given where nothing that is unknown could turn it."""
    verdict = month_figures(inputs(own, gpu_runs=(run(),), terms=(reserved("250"),))).at_once.verdict
    assert (verdict.answer, verdict.reasons) == (answer, reasons)


def past(month: date, records: int) -> PastMonth:
    """Return an earlier month with so many records."""
    return PastMonth(month, records, 0, 0, 0, 0, 0)


def test_history_ends_with_this_month_and_the_trend_finds_the_crossing() -> None:
    """100 records more each month; 450 are needed, 300 are there: two months from now."""
    earlier = tuple(past(months_later(OCTOBER, -ago), 300 - 100 * ago) for ago in (2, 1))
    month = inputs(usage(sync=300, records=300), gpu_runs=(run(),), terms=(reserved("250"),), earlier=earlier)
    figures = month_figures(month)
    assert [one.records for one in figures.history] == [100, 200, 300]
    assert figures.history[-1] == past_month(month)
    assert figures.history[-1].hybrid_nano == usd(450)
    trend = figures.at_once.trend
    assert trend.state == "crosses"
    assert trend.crossing == date(2026, 12, 1)
    assert (trend.months, trend.records_per_month) == (3, Fraction(100))
    assert figures.alternative.trend.crossing == date(2027, 5, 1)  # against batches it takes 900


def test_an_incomplete_month_says_so_later() -> None:
    """What later months know of it: that its API costs are only a part."""
    assert past_month(inputs(usage(sync=1))).complete
    assert not past_month(inputs(replace(usage(sync=1), unknown_counterfactual=1))).complete
