"""What holds of every month there can be: sums that add up, parts that make the whole, verdicts that stand."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.economics.figures_recommendation import ScenarioName
from models.economics.month import MonthInputs, WorkloadUsage
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
def test_gpu_time_reconciles_with_the_bill(month: MonthInputs) -> None:
    """Load + busy + idle + unused = billed; what ran on demand is never more than what was billed for it."""
    gpu = month_figures(month).gpu
    assert gpu.time.total_ns + gpu.unused_ns == gpu.billed_ns
    if not month.terms:
        assert gpu.unused_ns >= 0


@given(MONTHS)
def test_figures_survive_being_stored(month: MonthInputs) -> None:
    """As JSON and back they are the same, fractions and all."""
    adapter, figures = TypeAdapter(MonthFigures), month_figures(month)
    assert adapter.validate_json(adapter.dump_json(figures)) == figures


@given(MONTHS, st.integers(0, 500 * NANO))
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
def test_costs_grow_with_volume(month: MonthInputs) -> None:
    """Along the curve no scenario ever gets cheaper, and today's point shows today's costs."""
    figures = month_figures(month)
    names: tuple[ScenarioName, ...] = ("api_sync", "api_batch", "reserved", "on_demand", "hybrid")
    for name in names:
        values = [getattr(point, f"{name}_nano") for point in figures.curve]
        assert None in values or values == sorted(values)
    today = next(point for point in figures.curve if point.factor == 1)
    for name in names:
        nano = getattr(today, f"{name}_nano")
        assert nano == figures.scenario(name).total_nano or (name == "hybrid" and figures.mode == "none")


@given(MONTHS, st.integers(0, 3000 * NANO), st.fractions(0, 1))
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
