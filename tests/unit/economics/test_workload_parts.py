"""Each workload's part of the month, and what would change its own answer."""

from dataclasses import replace
from fractions import Fraction

from models.economics.break_even import month_figures
from tests.month_inputs import (
    inputs,
    on_demand,
    price_use,
    reserved,
    run,
    totals,
    usage,
    usd,
)


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


def test_parts_of_a_month_that_is_not_over_sum_to_its_projection() -> None:
    """A nano-dollar each in 17 days of 31: the projection is rounded once, and its parts sum to it."""
    own = [replace(usage(name), api_nano=1, counterfactual=(price_use(1),)) for name in ("a", "b", "c")]
    figures = month_figures(inputs(*own, days=17, gpu_runs=(run(),)))
    assert figures.scenario("hybrid").api_nano == figures.scenario("api_sync").api_nano == 5  # of 5.47
    assert sum(one.api_nano for one in figures.workloads) == 5
    assert sum(one.api_sync_nano for one in figures.workloads) == 5
    assert figures.scenario("api_batch").api_nano == sum(one.api_batch_nano for one in figures.workloads) == 3


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
    assert (hours.current, hours.threshold) == (Fraction(1), Fraction(375, 100))


def test_a_workload_cannot_grow_beyond_the_machine_it_shares() -> None:
    """The other one leaves room for twice its volume; it would take 2.25 times."""
    own = (usage("enrichment", sync=500), usage("sentiment", sync=100))
    runs = (run(1, hours=248, workload="enrichment"), run(15, hours=248))
    bad = month_figures(inputs(*own, gpu_runs=runs, terms=(reserved("250"),))).workloads[1]
    assert next(one for one in bad.levers if one.name == "volume").threshold is None
    assert bad.break_even
    assert bad.break_even.factor is None
