"""What holds of every month there can be: sums that add up, parts that make the whole, verdicts that stand."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.economics.figures_recommendation import ScenarioName
from models.economics.gpu_run import UsedMode
from models.economics.month import MonthInputs, Viability, WorkloadUsage
from tests.month_inputs import (
    MONTHS,
    NANO,
    price_use,
)


@given(MONTHS)
def test_scenarios_add_up_from_their_parts(month: MonthInputs) -> None:
    """API + GPU + labour = total; savings are differences; all of it for every month there can be."""
    figures = month_figures(month)
    for costs in (figures.scenarios, figures.to_date):
        sync, batch = costs[0], costs[1]
        names = [one.name for one in costs]
        if "spot" in names:
            assert names.pop(4) == "spot"
        assert names[:5] == ["api_sync", "api_batch", "reserved", "on_demand", "hybrid"]
        assert set(names[5:]) <= {"fewer_machines", "move_workload"}
        for one in costs:
            if one.gpu_nano is None:
                assert one.total_nano is one.saving_sync_nano is one.saving_batch_nano is None
                continue
            assert one.total_nano == one.api_nano + one.gpu_nano + one.labour_nano
            assert one.saving_sync_nano == sync.api_nano - one.total_nano
            assert one.saving_batch_nano == batch.api_nano - one.total_nano
            assert 0 <= one.upper_bound_nano <= one.api_nano


@given(MONTHS)
def test_parts_of_workloads_sum_to_what_was_really_paid(month: MonthInputs) -> None:
    """To the nano-dollar, whatever their evaluations say; so do their costs on the API."""
    figures = month_figures(month)
    if not figures.workloads:
        return
    ran = figures.scenario("hybrid")
    if any(one.replaceable for one in figures.workloads):
        assert ran.total_nano == sum(one.total_nano for one in figures.workloads)
    assert ran.api_nano == sum(one.api_nano for one in figures.workloads)
    for name in ("api_sync", "api_batch"):
        assert figures.scenario(name).total_nano == sum(
            getattr(one, f"{name}_nano") for one in figures.workloads
        )


@given(MONTHS, st.sampled_from([None, "viable", "undecided", "not_viable"]))
def test_an_evaluation_changes_nothing_that_was_paid(month: MonthInputs, viability: Viability | None) -> None:
    """What really ran, and what the API would have charged for all of it, are the same whatever was found."""
    evaluated = tuple(replace(one, viability=viability) for one in month.workloads)
    before, after = (month_figures(one) for one in (month, replace(month, workloads=evaluated)))
    for name in ("hybrid", "api_sync", "api_batch"):
        one, other = before.scenario(name).total_nano, after.scenario(name).total_nano
        assert abs((one or 0) - (other or 0)) <= 2  # each of two sums is rounded once


@given(MONTHS)
def test_no_feasible_way_is_cheaper_than_the_recommended_one(month: MonthInputs) -> None:
    """The advice names ways of the month, one of which may be what ran, and the saving is their difference."""
    figures = month_figures(month)
    advice = figures.recommendation
    best, against = figures.scenario(advice.way), figures.scenario(advice.against)
    assert best.total_nano is not None
    assert against.total_nano is not None
    assert advice.saving_nano == against.total_nano - best.total_nano
    feasible = [one for one in figures.scenarios if one.feasible]
    assert not feasible or best.feasible
    assert all((one.total_nano or 0) >= best.total_nano for one in feasible)
    assert advice.saving_nano >= 0 or not figures.scenario("hybrid").feasible
    low, high = advice.low_nano, advice.high_nano
    assert low is None or low <= advice.saving_nano
    assert high is None or advice.saving_nano <= high


@given(MONTHS)
def test_gpu_time_reconciles_with_the_bill(month: MonthInputs) -> None:
    """Load + busy + idle + unused = billed; what ran on demand is never more than what was billed for it."""
    gpu = month_figures(month).gpu
    assert gpu.time.total_ns + gpu.unused_ns == gpu.billed_ns
    if not month.terms:
        assert gpu.unused_ns >= 0


@given(MONTHS)
def test_spot_machines_at_the_same_rate_cost_what_those_on_demand_do(month: MonthInputs) -> None:
    """Where none is taken away, to the nano-dollar: sessions, bill, utilization."""
    bills = {mode: month_figures(_all_used(month, mode)) for mode in ("on_demand", "spot")}
    on_demand, spot = bills.values()
    assert spot.gpu == on_demand.gpu
    assert spot.scenario("hybrid") == on_demand.scenario("hybrid")
    assert spot.mode == ("spot" if on_demand.mode == "on_demand" else on_demand.mode)


def _all_used(month: MonthInputs, mode: UsedMode) -> MonthInputs:
    """Let everything that is not reserved be paid in one mode."""
    terms = tuple(one if one.mode == "reserved" else replace(one, mode=mode) for one in month.terms)
    return replace(
        month, terms=terms, gpu_runs=tuple(replace(one, billing_mode=mode) for one in month.gpu_runs)
    )


@given(MONTHS)
def test_figures_survive_being_stored(month: MonthInputs) -> None:
    """As JSON and back they are the same, fractions and all."""
    adapter, figures = TypeAdapter(MonthFigures), month_figures(month)
    assert adapter.validate_json(adapter.dump_json(figures)) == figures


@given(MONTHS, st.integers(0, 500 * NANO))
def test_a_dearer_api_never_makes_self_hosting_worse(month: MonthInputs, more: int) -> None:
    """Each scenario's saving grows by what the API got dearer, if nothing went there really."""
    dearer = replace(month, workloads=tuple(_dearer(one, more) for one in month.workloads))
    before, after = month_figures(month).scenarios[:5], month_figures(dearer).scenarios[:5]
    for cheap, dear in zip(before, after, strict=True):
        if cheap.saving_sync_nano is not None and dear.saving_sync_nano is not None:
            assert dear.saving_sync_nano >= cheap.saving_sync_nano


def _dearer(own: WorkloadUsage, nano: int) -> WorkloadUsage:
    return replace(own, counterfactual=(*own.counterfactual, price_use(nano)))


@given(MONTHS)
def test_costs_grow_with_volume(month: MonthInputs) -> None:
    """Along the curve no scenario ever gets cheaper, and today's point shows today's costs."""
    figures = month_figures(month)
    own: tuple[ScenarioName, ...] = ("reserved", "on_demand", "hybrid", "spot")
    names = tuple(
        name for name in ("api_sync", "api_batch", *own) if name in {one.name for one in figures.scenarios}
    )
    for name in names:
        values = [getattr(point, f"{name}_nano") for point in figures.curve]
        assert None in values or values == sorted(values)
    today = next(point for point in figures.curve if point.factor == 1)
    for name in names:
        nano = getattr(today, f"{name}_nano")
        unlike = name == "hybrid" and figures.mode == "none"
        if all(one.replaceable for one in figures.workloads):
            assert nano == figures.scenario(name).total_nano or unlike


@given(MONTHS, st.integers(0, 3000 * NANO), st.fractions(0, 1))
def test_a_verdict_holds_whatever_the_unknown_turns_out_to_be(
    month: MonthInputs, unknown: int, part: Fraction
) -> None:
    """Fill in what is missing with any cost, and bounds with any part of them: the answer stays."""
    before = month_figures(month).at_once.verdict
    known = tuple(_known(one, unknown, part) for one in month.workloads)
    after = month_figures(replace(month, workloads=known)).at_once.verdict
    if before.answer != "cannot_be_said":
        assert after.answer == before.answer
    elif "no_gpu" not in before.reasons:
        assert before.low_nano is None or before.high_nano is None or before.low_nano <= 0 < before.high_nano


def _known(own: WorkloadUsage, unknown: int, part: Fraction) -> WorkloadUsage:
    """Let attempts that are still out be answered, at the same part of what they can cost and would have cost at once."""
    out = sum(one.nano for one in own.pending)
    less = int(part * (own.api_upper_bound_nano - out)) + sum(
        one.nano - int((1 - part) * one.nano) for one in own.pending
    )
    served = tuple(price_use(int((1 - part) * one.sync_nano)) for one in own.pending)
    counted = (price_use(unknown),) if own.unknown_counterfactual else ()
    return replace(
        own,
        counterfactual=(*own.counterfactual, *counted, *served),
        unknown_counterfactual=0,
        api_nano=own.api_nano - less,
        api_upper_bound_nano=0,
        api_upper_bound=0,
        pending=(),
    )
