"""Figures that once misled, each with its right value: bounds, unit costs, capacity, why no volume pays."""

from dataclasses import replace
from fractions import Fraction

from models.economics.break_even import month_figures, past_month
from models.economics.month import PendingBound
from models.months import months_later
from tasks.report import sentences_outlook
from tests.month_inputs import OCTOBER, inputs, reserved, run, usage, usd


def test_what_is_still_out_counts_on_both_sides_of_the_bounds() -> None:
    """A batch that is out costs $10.40 at most, and would have cost $20.80 at once: the truth lies between the bounds."""
    out = PendingBound(usd("10.40"), usd("20.80"))
    plain = replace(usage(sync="446.51", api="10.40"), api_upper_bound_nano=usd("10.40"), api_upper_bound=9)
    month = inputs(replace(plain, pending=(out,)), gpu_runs=(run(),), terms=(reserved("250"),))
    verdict = month_figures(month).at_once.verdict
    assert verdict.saving_nano == verdict.low_nano == usd("-13.89")
    assert verdict.high_nano == usd("-13.89") + usd("20.80")
    assert verdict.answer == "cannot_be_said"
    # it comes in, for $6.93: the API at once would have charged $13.86 for it
    truth = month_figures(replace(month, workloads=(usage(sync="460.37", api="6.93"),))).at_once.verdict
    assert (truth.answer, truth.saving_nano) == ("pays", usd("3.44"))
    assert (verdict.low_nano or 0) < (truth.saving_nano or 0) < (verdict.high_nano or 0)


def test_unit_costs_divide_by_the_records_that_the_sum_holds() -> None:
    """Of 1,000 answers 200 do not know their cost on the API: the sum is that of the 800 others."""
    own = replace(usage(sync=8, records=1000), unknown_counterfactual=200)
    figures = month_figures(inputs(own, gpu_runs=(run(),), terms=(reserved("250"),)))
    assert figures.unit_costs.api_per_1000_records == usd(10)


def test_a_month_that_measured_nothing_has_the_capacity_of_the_nearest_before() -> None:
    """300 hours served 1,000 records in September; in October all went to the API, and 3,000 would need two machines."""
    september = inputs(usage(sync=10), gpu_runs=(run(hours=300),), terms=(reserved("250"),))
    before = replace(past_month(september), month=months_later(OCTOBER, -1))
    own = replace(usage(sync=30, api=30, records=3000), chosen_nano=usd(30))
    terms = (reserved("250"),)
    figures = month_figures(inputs(own, terms=terms, earlier=(before,)))
    assert figures.capacity.gpus_needed == 2
    assert figures.scenario("reserved").gpu_nano == usd(500)
    assert month_figures(inputs(own, terms=terms)).capacity.records_per_gpu is None


def test_why_no_volume_pays() -> None:
    """A record that costs no less here is one cause, a machine that does not pay when it is full is another."""
    dear = month_figures(inputs(usage(sync=10, api=10), gpu_runs=(run(),), terms=(reserved("250"),)))
    assert dear.at_once.break_even("hybrid").never == "each_record"
    slow = month_figures(inputs(usage(sync=10), gpu_runs=(run(hours=700),), terms=(reserved("250"),)))
    assert slow.at_once.break_even("hybrid").never == "full_machine"
    told = [sentences_outlook.break_even(one, one.at_once) for one in (dear, slow)]
    assert told[0] is not None
    assert told[0].endswith("no volume pays; each further record costs no less than there.")
    assert told[1] is not None
    assert told[1].endswith(
        "no volume pays; even a machine that is full all month costs more than it saves there."
    )


def test_a_small_share_is_written_in_digits_where_it_is_a_threshold() -> None:
    """`0.0625% or less`, and not `less than 0.1% or less`."""
    month = inputs(usage(sync=900), gpu_runs=(run(hours=0.4),), terms=(reserved("250"),))
    lever = next(one for one in month_figures(month).at_once.levers if one.name == "utilization")
    assert lever.threshold is not None
    assert lever.threshold < Fraction(1, 1000)
    assert sentences_outlook.lever_flips(lever) == "0.0269% or less"
