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


def test_what_the_small_model_cannot_do_counts_on_the_api_and_what_was_paid_stays() -> None:
    """What really ran is all that was paid; every way that serves the month has the workload on the API, in batches."""
    able, not_able = usage(sync=600), replace(usage("enrichment", sync=50, api=5), viability="not_viable")
    runs = (run(1, hours=2), run(2, hours=3, workload="enrichment"))
    month = inputs(able, not_able, gpu_runs=runs, terms=(on_demand("10.00"),))
    figures = month_figures(month)
    assert totals(figures) == {
        "api_sync": 650,
        "api_batch": 325,
        "reserved": None,
        "on_demand": 20 + 200 + 25,
        "hybrid": 50 + 200 + 5,
        "move_workload": 20 + 200 + 25,
    }
    assert not figures.scenario("hybrid").feasible
    assert (figures.recommendation.action, figures.recommendation.workloads) == (
        "move_workload",
        ("enrichment",),
    )
    assert figures.verdict.saving_nano == usd(300 - 220)  # of what the small model can do
    with_bill = month_figures(replace(month, bill_nano=usd(100)))
    assert totals(with_bill)["hybrid"] == 100 + 200 + 5
    note = next(note for note in figures.notes if note.code == "not_viable")
    assert (note.text, note.nano) == ("enrichment", usd(50))
    left_out = figures.workloads[1]
    assert (left_out.total_nano, left_out.advice.answer) == (usd(35), "does_not_pay")
    assert left_out.unit_costs.loaded_per_1000_records == usd("150.00")  # three fifths of $250


def test_a_routed_workload_counts_with_what_the_api_answered() -> None:
    """The bare model fell short, but its policy sends on what it may miss: nothing changes but that it is said."""
    plain = inputs(usage(sync=600, api=40), gpu_runs=(run(hours=2),), terms=(on_demand("10.00"),))
    own = replace(plain.workloads[0], routed=30)
    before, after = (
        month_figures(replace(plain, workloads=(replace(own, viability=viability),)))
        for viability in (None, "not_viable")
    )
    assert totals(before) == totals(after)
    assert before.verdict == after.verdict
    assert before.recommendation.conditional_on == ("sentiment",)
    assert {note.code for note in after.notes} >= {"not_viable_routed"}


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


def test_a_workload_pays_by_what_stops_if_it_leaves() -> None:
    """On one reserved machine nothing of the bill stops if one of two leaves; its share of full cost is another figure."""
    own = (usage("enrichment", sync=500), usage("sentiment", sync=100, api=60))
    runs = (run(1, hours=10, rate="90", workload="enrichment"), run(2, hours=10, rate="90"))
    figures = month_figures(inputs(*own, gpu_runs=runs, terms=(reserved("250"),)))
    good, bad = figures.workloads
    assert (good.advice.avoidable_nano, good.advice.api_nano, good.advice.answer) == (0, usd(250), "pays")
    assert (bad.advice.avoidable_nano, bad.advice.api_nano, bad.advice.answer) == (
        usd(60),
        usd(50),
        "does_not_pay",
    )
    assert [one.total_nano for one in (good, bad)] == [usd(225), usd(285)]
    move = figures.scenario("move_workload")
    assert (move.workloads, move.total_nano) == (("sentiment",), usd(500))
    assert figures.recommendation.action == "move_to_batches"  # $300, and nothing else is paid


def test_sessions_stop_with_the_workload_that_holds_them() -> None:
    """By the hour: a session that two share stops with neither alone, one of its own does; the last one ends upkeep, too."""
    own = (usage("enrichment", sync=10), usage("sentiment", sync=90))
    runs = (
        run(1, hours=0.25, at="01:00:00"),
        run(1, hours=0.25, workload="enrichment", at="01:15:00"),
        run(2, hours=2.5, workload="enrichment"),
    )
    month = inputs(*own, gpu_runs=runs, terms=(on_demand("4.00", increment=3600),))
    enrichment, sentiment = month_figures(month).workloads
    assert enrichment.advice.avoidable_nano == usd(12)
    assert sentiment.advice.avoidable_nano == 0
    (alone,) = month_figures(replace(month, workloads=own[1:], gpu_runs=runs[:1])).workloads
    assert alone.advice.avoidable_nano == usd(4 + 200)


def test_a_second_machine_that_nobody_needed_is_avoidable() -> None:
    """Two reserved, runs one after the other: one would do; where runs overlap, both are needed."""
    apart, together = (
        (run(1, hours=10, rate="90"), run(1, hours=10, rate="90", at=at)) for at in ("14:00:00", "04:00:00")
    )
    spare, needed = (
        month_figures(inputs(usage(sync=1000), gpu_runs=runs, terms=(reserved("250", gpus=2),)))
        for runs in (apart, together)
    )
    assert spare.scenario("fewer_machines").total_nano == usd(450)
    assert spare.recommendation.action == "drop_machine"
    assert spare.gpu.idle_nano == round(usd(500) * Fraction(2 * 744 - 20, 2 * 744))
    assert {one.name for one in needed.scenarios} & {"fewer_machines"} == set()


def test_a_workload_that_cannot_wait_has_no_batches() -> None:
    """Its cost in the API's batches is its cost at once; one whose records must stay has no way on the API at all."""
    hasty = replace(usage(sync=600), batch_acceptable=False)
    month = inputs(hasty, usage("enrichment", sync=100), gpu_runs=(run(),), terms=(reserved("250"),))
    figures = month_figures(month)
    assert totals(figures)["api_batch"] == 600 + 50
    assert figures.workloads[0].advice.api_nano == usd(600)
    bound = replace(usage(sync=100), may_leave=False)
    stays = month_figures(inputs(bound, gpu_runs=(run(rate="900"),), terms=(reserved("250"),)))
    assert stays.recommendation.action == "stay"
    assert not stays.scenario("api_batch").feasible
