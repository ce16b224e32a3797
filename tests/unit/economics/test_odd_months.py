"""Months out of the ordinary: without usage, without machines, free, not over, with other prices, terms and bills."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from models.economics.break_even import month_figures
from tests.month_inputs import (
    NANO,
    codes,
    inputs,
    labour,
    on_demand,
    price_use,
    reference,
    reserved,
    run,
    totals,
    usage,
    usd,
)


def test_no_usage_at_all() -> None:
    """A reserved machine that nobody used: its costs stand, nothing is divided by nothing."""
    figures = month_figures(inputs(terms=(reserved("250"),)))
    assert totals(figures) == {
        "api_sync": 0,
        "api_batch": 0,
        "reserved": 450,
        "on_demand": 200,
        "hybrid": 450,
    }
    assert figures.verdict.reasons == ("no_usage",)
    assert figures.at_once.break_evens[0].spend_nano == usd(450)
    assert figures.gpu.utilization == 0
    assert figures.capacity.records_per_gpu is None
    assert figures.unit_costs.loaded_per_1000_records is None
    assert figures.at_once.trend.state == "too_few_months"
    assert {"no_usage", "bill_not_entered"} <= codes(figures)
    assert not figures.workloads


def test_a_month_without_machines() -> None:
    """Everything went to the API: nobody maintains what is not there, and there is nothing to judge."""
    own = replace(usage(sync=60, api=30), chosen_nano=usd(30))
    figures = month_figures(inputs(own, references=(reference("reserved", "0.50"),)))
    assert figures.mode == "none"
    assert totals(figures)["hybrid"] == 30
    assert totals(figures)["reserved"] == 372 + 200
    assert totals(figures)["on_demand"] is None  # nothing says how long a machine would have taken
    assert (figures.verdict.answer, figures.verdict.reasons) == ("cannot_be_said", ("no_gpu",))
    assert figures.at_once.break_evens[2].fixed_nano is None
    assert figures.at_once.trend.state == "no_gpu"
    assert figures.at_once.payback.months is None
    assert all(one.threshold is None for one in figures.at_once.levers)
    assert "no_gpu" in codes(figures)


def test_an_empty_month() -> None:
    """Nothing at all: no error, and only that said."""
    figures = month_figures(inputs())
    assert totals(figures) == {"api_sync": 0, "api_batch": 0, "reserved": None, "on_demand": 200, "hybrid": 0}
    assert codes(figures) == {"no_usage", "no_gpu", "rate_unknown"}


def test_a_free_server_still_needs_people() -> None:
    """A rate of 0 is a rate: the bill is 0, not unknown, and is said to be."""
    figures = month_figures(inputs(usage(sync=300), gpu_runs=(run(rate="0"),), terms=(reserved("0"),)))
    assert totals(figures)["hybrid"] == 200
    assert figures.at_once.verdict.saving_nano == usd(100)
    assert figures.unit_costs.marginal_per_1000_records == 0
    assert "free_gpu" in codes(figures)
    free = month_figures(inputs(usage(sync=300), gpu_runs=(run(rate="0"),), labour=(labour(0, 0, setup=0),)))
    assert free.at_once.break_evens[1].factor == 0
    assert free.at_once.payback.months == 0
    assert next(one for one in free.at_once.levers if one.name == "gpu_rate").threshold is None


def test_a_free_api_is_never_beaten() -> None:
    """A price of 0 makes the API cost 0; the month was not without usage, but there is nothing to save."""
    nothing = replace(price_use(0), input_nano_per_mtok=0, output_nano_per_mtok=0)
    own = replace(usage(), counterfactual=(nothing,))
    figures = month_figures(inputs(own, gpu_runs=(run(),), terms=(reserved("250"),)))
    assert figures.verdict.answer == "does_not_pay"
    assert "free_api" in codes(figures)
    assert "no_usage" not in codes(figures)


def test_a_price_change_in_mid_month() -> None:
    """Each day at its own price; both prices are shown, merged over workloads, and named."""
    old = replace(price_use(usd(100)), last_day=date(2026, 10, 14))
    new = replace(
        price_use(usd(60)),
        effective_from=date(2026, 10, 15),
        first_day=date(2026, 10, 15),
        input_nano_per_mtok=NANO // 10,
    )
    earlier = replace(old, last_day=date(2026, 10, 12))
    first = replace(usage("enrichment"), counterfactual=(earlier, new))
    figures = month_figures(inputs(first, replace(usage(), counterfactual=(old, new))))
    assert totals(figures)["api_sync"] == 320
    assert [(use.first_day.day, use.last_day.day, use.nano) for use in figures.prices] == [
        (1, 14, usd(200)),
        (15, 31, usd(120)),
    ]
    note = next(note for note in figures.notes if note.code == "price_changed")
    assert (note.count, note.text) == (2, "gpt-4o-mini")


def test_a_month_that_is_not_over() -> None:
    """Ten days of 31: what they came to and what the month will, apart; reserved days are not multiplied."""
    month = inputs(
        usage(sync=100, api=10, records=1000),
        days=10,
        gpu_runs=(run(hours=4),),
        terms=(reserved("310"),),
        references=(reference("on_demand", "1.00"),),
    )
    figures = month_figures(month)
    to_date = {one.name: one.total_nano for one in figures.to_date}
    assert to_date["api_sync"] == usd(100)
    assert to_date["hybrid"] == usd(100) + usd(10) + round(usd(200) * Fraction(10, 31))
    assert totals(figures)["api_sync"] == 310
    assert totals(figures)["hybrid"] == 310 + 31 + 200
    assert totals(figures)["on_demand"] == Decimal("12.4") + 200 + 31
    assert figures.partial
    assert figures.gpu.billed_ns == 240 * 3600 * NANO
    assert figures.workloads[0].records == 1000
    assert figures.history[-1].records == 3100
    assert figures.curve[0].factor == 0
    assert next(point.records for point in figures.curve if point.factor == 1) == 3100
    note = next(note for note in figures.notes if note.code == "partial_month")
    assert note.count == 10


def test_a_projection_knows_that_the_terms_will_change() -> None:
    """On demand for the days until the 20th, of which ten are over; reserved from the 21st on."""
    month = inputs(
        usage(sync=100),
        days=10,
        gpu_runs=(run(hours=4),),
        terms=(on_demand("5.00"), reserved("310", since=date(2026, 10, 21))),
    )
    figures = month_figures(month)
    assert figures.to_date[-1].gpu_nano == usd(20)
    assert figures.scenario("hybrid").gpu_nano == usd(40) + usd(110)
    assert figures.mode == "mixed"


@pytest.mark.parametrize(
    ("terms", "hybrid", "same"),
    [
        ((reserved("250"),), "312.40", "reserved"),
        ((on_demand("1.00"),), "312.40", "on_demand"),
        ((on_demand("1.00"), reserved("310", since=date(2026, 10, 22))), "312.40", None),
        ((), "312.40", "on_demand"),
    ],
)
def test_the_real_bill_wins_in_the_mode_that_was_in_force(
    terms: tuple[object, ...], hybrid: str, same: str | None
) -> None:
    """It replaces the rates there and nowhere else; in a month with both it belongs to neither alone."""
    month = inputs(
        usage(sync=600),
        gpu_runs=(run(hours=2),),
        terms=terms,
        bill_nano=usd("312.40"),
        references=(reference("reserved", "0.50"), reference("on_demand", "1.00")),
    )
    figures = month_figures(month)
    assert totals(figures)["hybrid"] == Decimal(hybrid) + 200
    by_rates = month_figures(replace(month, bill_nano=None))
    for name in ("reserved", "on_demand"):
        expected = totals(figures)["hybrid"] if name == same else totals(by_rates)[name]
        assert totals(figures)[name] == expected
    assert figures.gpu.nano == usd("312.40")
    assert {"bill_entered"} == codes(figures) & {"bill_entered", "bill_not_entered"}


def test_a_bill_that_nothing_explains() -> None:
    """No terms and no runs, but it was paid: it counts as fixed."""
    figures = month_figures(inputs(usage(sync=600), bill_nano=usd(300), days=31))
    assert totals(figures)["hybrid"] == 500
    assert figures.at_once.break_evens[2].fixed_nano == usd(500)
    half = month_figures(inputs(usage(sync=600), bill_nano=usd(310), days=10))
    assert half.to_date[-1].gpu_nano == usd(100)


def test_runs_beyond_the_terms_are_named() -> None:
    """Two machines ran around the clock where one was entered; and one of a kind that was never entered."""
    runs = tuple(run(1, hours=700, at=f"00:0{place}:00") for place in range(2))
    figures = month_figures(
        inputs(usage(sync=1), gpu_runs=(*runs, run(kind="cpu x8")), terms=(reserved("250"),))
    )
    assert figures.gpu.unused_ns < 0
    assert {"gpu_time_over_bill", "other_machine", "assumed_rate", "mode_changed"} <= codes(figures)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"unknown_counterfactual": 2}, "unknown_counterfactual"),
        ({"unknown_api_cost": 2}, "unknown_api_cost"),
        ({"api_nano": 5, "api_upper_bound_nano": 5, "api_upper_bound": 1}, "upper_bounds"),
        ({"estimated": 4}, "estimated_usage"),
        ({"quarantined": 4}, "quarantined"),
        ({"viability": "undecided"}, "undecided"),
        ({"viability": None}, "not_evaluated"),
        ({"local": 7}, "counterfactual_estimated"),
    ],
)
def test_notes_of_usage(change: dict[str, object], code: str) -> None:
    """Each is there if, and only if, there is something to say."""
    plain = replace(usage(sync=1), local=0, viability="viable")
    assert code not in codes(month_figures(inputs(plain)))
    assert code in codes(month_figures(inputs(replace(plain, **change))))  # type: ignore[arg-type]


def test_notes_of_what_is_assumed() -> None:
    """Rates that nobody entered with what they are, labour from the settings, references with their source."""
    month = inputs(
        usage(),
        gpu_runs=(run(rate="1.25"),),
        labour=(labour(assumed=True),),
        references=(reference("reserved", "0.50"),),
    )
    notes = {note.code: note for note in month_figures(month).notes}
    assert (notes["assumed_rate"].text, notes["assumed_rate"].nano) == ("A10G", usd("1.25"))
    assert notes["assumed_labour"].nano == usd(200)
    assert notes["reference_rate"].text == "list of reserved"
    entered = {
        note.code
        for note in month_figures(inputs(usage(), gpu_runs=(run(),), terms=(reserved("250"),))).notes
    }
    assert not entered & {"assumed_rate", "assumed_labour", "reference_rate", "rate_unknown"}
