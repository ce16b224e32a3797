"""The figures of a month: worked examples to the cent, sums that add up, and every month that is out of the ordinary."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.economics.break_even import month_figures, past_month
from models.economics.figures import MonthFigures, ScenarioName
from models.economics.month import MonthInputs, PastMonth, WorkloadUsage, days_in, months_later
from models.economics.pricing import nano_to_usd
from tests.month_inputs import (
    MONTHS,
    NANO,
    OCTOBER,
    inputs,
    labour,
    on_demand,
    price_use,
    priced,
    reference,
    reserved,
    run,
    usage,
    usd,
)

SMALL = settings(max_examples=50)


def totals(figures: MonthFigures) -> dict[ScenarioName, Decimal | None]:
    """Return what each scenario costs, in dollars."""
    return {
        one.name: None if one.total_nano is None else nano_to_usd(one.total_nano) for one in figures.scenarios
    }


def codes(figures: MonthFigures) -> set[str]:
    """Return the codes of the notes."""
    return {note.code for note in figures.notes}


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
    assert below.break_evens[0].spend_nano == above.break_evens[0].spend_nano == usd(450)
    assert (below.verdict.answer, below.verdict.reasons) == ("does_not_pay", ("even",))
    assert (above.verdict.answer, above.verdict.saving_nano) == ("pays", usd("0.01"))
    assert below.payback.months is None
    assert above.payback.months == Fraction(usd(1200), usd("0.01"))


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
        "reserved": Decimal("0.50") * 24 * 31 + 200,
        "on_demand": 2 * 2 * 4 + 200,
        "hybrid": 2 * 2 * 4 + 200 + 36,
    }
    hybrid = figures.scenario("hybrid")
    assert hybrid.saving_sync_nano == usd(348)
    assert hybrid.saving_batch_nano == usd(48)
    assert figures.mode == "on_demand"
    assert figures.verdict.reasons == ("saves",)
    assert figures.payback.months == Fraction(1200, 348)
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


@given(MONTHS)
@SMALL
def test_scenarios_add_up_from_their_parts(month: MonthInputs) -> None:
    """API + GPU + labour = total; savings are differences; all of it for every month there can be."""
    figures = month_figures(month)
    for costs in (figures.scenarios, figures.to_date):
        sync, batch = costs[0], costs[1]
        assert [one.name for one in costs] == ["api_sync", "api_batch", "reserved", "on_demand", "hybrid"]
        for one in costs:
            if one.gpu_nano is None:
                assert one.total_nano is one.saving_sync_nano is one.saving_batch_nano is None
                continue
            assert one.total_nano == one.api_nano + one.gpu_nano + one.labour_nano
            assert one.saving_sync_nano == sync.api_nano - one.total_nano
            assert one.saving_batch_nano == batch.api_nano - one.total_nano
            assert 0 <= one.upper_bound_nano <= one.api_nano


@given(MONTHS)
@SMALL
def test_parts_of_workloads_sum_to_the_whole(month: MonthInputs) -> None:
    """To the nano-dollar, for each scenario and each of its parts; what is left out has no part."""
    figures = month_figures(month)
    own = [one for one in figures.workloads if one.replaceable]
    assert all(not one.scenarios and one.gpu_nano == 0 for one in figures.workloads if not one.replaceable)
    for place, whole in enumerate(figures.scenarios) if own else ():
        parts = [one.scenarios[place] for one in own]
        for part in ("api_nano", "labour_nano", "upper_bound_nano", "missing"):
            assert sum(getattr(one, part) for one in parts) == getattr(whole, part)
        for part in ("gpu_nano", "total_nano", "saving_sync_nano", "saving_batch_nano"):
            values = [getattr(one, part) for one in parts]
            assert getattr(whole, part) == (None if None in values else sum(values))
    if own:
        assert figures.scenario("hybrid").total_nano == sum(one.total_nano or 0 for one in own)


@given(MONTHS)
@SMALL
def test_gpu_time_reconciles_with_the_bill(month: MonthInputs) -> None:
    """Load + busy + idle + unused = billed; what ran on demand is never more than what was billed for it."""
    gpu = month_figures(month).gpu
    assert gpu.time.total_ns + gpu.unused_ns == gpu.billed_ns
    if not month.terms:
        assert gpu.unused_ns >= 0


@given(MONTHS)
@SMALL
def test_figures_survive_being_stored(month: MonthInputs) -> None:
    """As JSON and back they are the same, fractions and all."""
    adapter, figures = TypeAdapter(MonthFigures), month_figures(month)
    assert adapter.validate_json(adapter.dump_json(figures)) == figures


@given(MONTHS, st.integers(0, 500 * NANO))
@SMALL
def test_a_dearer_api_never_makes_self_hosting_worse(month: MonthInputs, more: int) -> None:
    """Each scenario's saving grows by what the API got dearer, if nothing went there really."""
    dearer = replace(month, workloads=tuple(_dearer(one, more) for one in month.workloads))
    before, after = month_figures(month).scenarios, month_figures(dearer).scenarios
    for cheap, dear in zip(before, after, strict=True):
        if cheap.saving_sync_nano is not None and dear.saving_sync_nano is not None:
            assert dear.saving_sync_nano >= cheap.saving_sync_nano


def _dearer(own: WorkloadUsage, nano: int) -> WorkloadUsage:
    return replace(own, counterfactual=(*own.counterfactual, price_use(nano)))


@given(MONTHS)
@SMALL
def test_costs_grow_with_volume(month: MonthInputs) -> None:
    """Along the curve no scenario ever gets cheaper, and today's point shows today's costs."""
    figures = month_figures(month)
    names = ("api_sync", "api_batch", "reserved", "on_demand", "hybrid")
    for name in names:
        values = [getattr(point, f"{name}_nano") for point in figures.curve]
        assert None in values or values == sorted(values)
    today = next(point for point in figures.curve if point.factor == 1)
    for name in names:
        nano = getattr(today, f"{name}_nano")
        assert nano == figures.scenario(name).total_nano or (name == "hybrid" and figures.mode == "none")


@given(MONTHS, st.integers(0, 3000 * NANO), st.fractions(0, 1))
@SMALL
def test_a_verdict_holds_whatever_the_unknown_turns_out_to_be(
    month: MonthInputs, unknown: int, part: Fraction
) -> None:
    """Fill in what is missing with any cost, and bounds with any part of them: the answer stays."""
    before = month_figures(month).verdict
    after = month_figures(
        replace(
            month, workloads=tuple(_known(one, unknown, part) for one in month.workloads), days=month.days
        )
    ).verdict
    if before.answer != "cannot_be_said":
        assert after.answer == before.answer
    elif "no_gpu" not in before.reasons:
        assert before.low_nano is None or before.high_nano is None or before.low_nano <= 0 < before.high_nano


def _known(own: WorkloadUsage, unknown: int, part: Fraction) -> WorkloadUsage:
    less = int(part * own.api_upper_bound_nano)
    counted = (price_use(unknown),) if own.unknown_counterfactual else ()
    return replace(
        own,
        counterfactual=(*own.counterfactual, *counted),
        unknown_counterfactual=0,
        api_nano=own.api_nano - less,
        api_upper_bound_nano=0,
        api_upper_bound=0,
    )


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
        (replace(usage(sync=900), viability="not_viable"), "does_not_pay", ("no_usage",)),
    ],
)
def test_what_is_not_known_counts_only_where_it_matters(
    own: WorkloadUsage, answer: str, reasons: tuple[str, ...]
) -> None:
    """Against $450 of self-hosting: the answer is given where nothing that is unknown could turn it."""
    verdict = month_figures(inputs(own, gpu_runs=(run(),), terms=(reserved("250"),))).verdict
    assert (verdict.answer, verdict.reasons) == (answer, reasons)


def test_a_workload_that_the_small_model_cannot_do_is_left_out() -> None:
    """Neither its API costs nor its sessions count; it is named with what it would have cost."""
    able, not_able = usage(sync=600), replace(usage("enrichment", sync=50, api=5), viability="not_viable")
    runs = (run(1, hours=2), run(2, hours=3, workload="enrichment"))
    month = inputs(able, not_able, gpu_runs=runs, terms=(on_demand("10.00"),))
    figures = month_figures(month)
    assert totals(figures)["api_sync"] == 600
    assert totals(figures)["hybrid"] == 220
    assert figures.gpu.nano == usd(50)
    with_bill = month_figures(replace(month, bill_nano=usd(100)))
    assert totals(with_bill)["hybrid"] == 240  # its two fifths of the sessions
    note = next(note for note in figures.notes if note.code == "not_viable")
    assert (note.text, note.nano) == ("enrichment", usd(50))
    left_out = figures.workloads[1]
    assert (left_out.total_nano, left_out.verdict.reasons) == (None, ("not_viable",))
    assert left_out.api_nano == usd(5)
    assert left_out.unit_costs.loaded_per_1000_records == usd("150.00")  # three fifths of $250


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
    assert figures.break_evens[0].spend_nano == usd(450)
    assert figures.gpu.utilization == 0
    assert figures.capacity.records_per_gpu is None
    assert figures.unit_costs.loaded_per_1000_records is None
    assert figures.trend.state == "too_few_months"
    assert {"no_usage", "bill_not_entered"} <= codes(figures)
    assert not figures.workloads


def test_a_month_without_machines() -> None:
    """Everything went to the API: nobody maintains what is not there, and there is nothing to judge."""
    figures = month_figures(inputs(usage(sync=60, api=30), references=(reference("reserved", "0.50"),)))
    assert figures.mode == "none"
    assert totals(figures)["hybrid"] == 30
    assert totals(figures)["reserved"] == 372 + 200
    assert (figures.verdict.answer, figures.verdict.reasons) == ("cannot_be_said", ("no_gpu",))
    assert figures.break_evens[2].fixed_nano is None
    assert figures.trend.state == "no_gpu"
    assert figures.payback.months is None
    assert all(one.threshold is None for one in figures.levers)
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
    assert figures.verdict.saving_nano == usd(100)
    assert figures.unit_costs.marginal_per_1000_records == 0
    assert "free_gpu" in codes(figures)
    free = month_figures(inputs(usage(sync=300), gpu_runs=(run(rate="0"),), labour=(labour(0, 0, setup=0),)))
    assert free.break_evens[1].factor == 0
    assert free.payback.months == 0
    assert next(one for one in free.levers if one.name == "gpu_rate").threshold is None


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
    both = [replace(usage(name), counterfactual=(old, new)) for name in ("enrichment", "sentiment")]
    figures = month_figures(inputs(*both))
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
    assert totals(figures)["on_demand"] == Decimal("12.4") + 200
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
    assert figures.break_evens[2].fixed_nano == usd(500)
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


def test_gpu_time_of_a_workload_without_attempts() -> None:
    """A run that failed after loading has a bill and no line: it is there, with its costs."""
    figures = month_figures(inputs(usage(sync=9), gpu_runs=(run(hours=1, workload="enrichment"),)))
    assert [one.workload for one in figures.workloads] == ["sentiment", "enrichment"]
    assert figures.workloads[1].gpu_nano == usd(1)


def test_shares_go_by_busy_time_and_evenly_where_there_is_none() -> None:
    """A third and two thirds of the bill and of maintenance; halves in a month in which nothing was answered."""
    own = (usage("enrichment", sync=1), usage("sentiment", sync=2))
    runs = (run(1, hours=1, workload="enrichment"), run(2, hours=2, load=9))
    shares = month_figures(inputs(*own, gpu_runs=runs, terms=(reserved("250"),))).workloads
    assert [one.gpu_nano for one in shares] == [83_333_333_333, 166_666_666_667]
    assert [one.labour_nano for one in shares] == [66_666_666_667, 133_333_333_333]
    idle = month_figures(inputs(*own, terms=(reserved("250"),))).workloads
    assert [one.gpu_nano for one in idle] == [usd(125), usd(125)]


def test_a_workload_pays_or_not_by_its_own_part() -> None:
    """One saves more than its part costs, the other does not; what would flip each is its own."""
    own = (usage("enrichment", sync=500), usage("sentiment", sync=100))
    runs = (run(1, hours=10, workload="enrichment"), run(2, hours=10))
    good, bad = month_figures(inputs(*own, gpu_runs=runs, terms=(reserved("250"),))).workloads
    assert (good.verdict.answer, good.saving_nano) == ("pays", usd(275))
    assert (bad.verdict.answer, bad.saving_nano) == ("does_not_pay", -usd(125))
    volume = next(one for one in bad.levers if one.name == "volume")
    assert volume.threshold == Fraction(225, 100)
    assert bad.break_even
    assert bad.break_even.factor == volume.threshold
    assert bad.break_even.spend_nano == usd(225)
    hours = next(one for one in good.levers if one.name == "hours")
    assert (hours.current, hours.threshold) == (1, Fraction(375, 100))


def test_a_workload_cannot_grow_beyond_the_machine_it_shares() -> None:
    """The other one leaves room for twice its volume; it would take 2.25 times."""
    own = (usage("enrichment", sync=500), usage("sentiment", sync=100))
    runs = (run(1, hours=248, workload="enrichment"), run(15, hours=248))
    bad = month_figures(inputs(*own, gpu_runs=runs, terms=(reserved("250"),))).workloads[1]
    assert next(one for one in bad.levers if one.name == "volume").threshold is None
    assert bad.break_even
    assert bad.break_even.factor is None


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
    assert figures.trend.state == "crosses"
    assert figures.trend.crossing == date(2026, 12, 1)
    assert (figures.trend.months, figures.trend.records_per_month) == (3, 100)


def test_an_incomplete_month_says_so_later() -> None:
    """What later months know of it: that its API costs are only a part."""
    assert past_month(inputs(usage(sync=1))).complete
    assert not past_month(inputs(replace(usage(sync=1), unknown_counterfactual=1))).complete
