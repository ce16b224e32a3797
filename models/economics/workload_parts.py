"""Each workload's part of the month: shares that sum to the whole, to the nano-dollar. Pure.

What a workload did itself is its own: its API's costs, counted or real. What is shared, the bill for machines and people's
time, is divided by the time that each kept the machines busy (evenly where none did), by the largest-remainder
method of `split_exactly`.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from models.economics.billing import gpus_needed, half_up
from models.economics.cost_over_volume import break_even
from models.economics.figures import BreakEven, GpuBill, Verdict, WorkloadFigures
from models.economics.month import MonthInputs, Tokens, WorkloadUsage
from models.economics.scenarios import Period, replaceable, scenarios, usages, verdict
from models.economics.sensitivity import Stand, levers, no_levers
from models.economics.unit_costs import gpu_time, of_usage
from models.gpu_time import split_exactly


def workload_parts(
    inputs: MonthInputs, gpu: GpuBill, period: Period, so_far: Period
) -> tuple[WorkloadFigures, ...]:
    """Return the figures of all workloads, in the order of the inputs. `period`: the whole month, of them all."""
    every = usages(inputs)
    parts = _periods(inputs, period, [usage for usage in every if replaceable(usage)])
    busy = [gpu_time(inputs, usage.workload).busy_ns for usage in every]
    loaded = _split(gpu.nano + so_far.hybrid_labour_nano, busy)
    figures = []
    for usage, nano in zip(every, loaded, strict=True):
        one = _left_out(inputs, gpu, usage, period, nano)
        part = parts.get(usage.workload)
        figures.append(one if part is None else _taking_part(one, part, period, gpu))
    return tuple(figures)


def _periods(inputs: MonthInputs, period: Period, own: Sequence[WorkloadUsage]) -> dict[str, Period]:
    """Divide a period's sums over its workloads."""
    busy = [gpu_time(inputs, usage.workload).busy_ns for usage in own]
    sync = _split(period.api_sync_nano, [usage.api_sync_nano for usage in own])
    batch = _split(period.api_batch_nano, sync)
    api = _split(period.api_nano, [usage.api_nano for usage in own])
    bounds = _split(period.upper_bound_nano, [usage.api_upper_bound_nano for usage in own])
    reserved, on_demand = _split(period.reserved_nano, busy), _split(period.on_demand_nano, busy)
    as_reserved, as_on_demand = _known(period.as_reserved_nano, busy), _known(period.as_on_demand_nano, busy)
    labour = _split(period.labour_nano, busy)
    return {
        usage.workload: replace(
            period,
            api_sync_nano=sync[place],
            api_batch_nano=batch[place],
            api_nano=api[place],
            upper_bound_nano=bounds[place],
            unknown_counterfactual=usage.unknown_counterfactual,
            unknown_api_cost=usage.unknown_api_cost,
            reserved_nano=reserved[place],
            on_demand_nano=on_demand[place],
            as_reserved_nano=as_reserved[place],
            as_on_demand_nano=as_on_demand[place],
            labour_nano=labour[place],
            labour_hours=period.labour_hours * _share(busy, place),
            load=_load(inputs, usage),
        )
        for place, usage in enumerate(own)
    }


def _split(total: int, weights: Sequence[int]) -> list[int]:
    return split_exactly(total, weights) if weights else []


def _known(total: int | None, weights: Sequence[int]) -> Sequence[int | None]:
    """Divide what is known; every part of what is not is unknown."""
    return [None] * len(weights) if total is None else _split(total, weights)


def _share(weights: Sequence[int], place: int) -> Fraction:
    whole = sum(weights)
    return Fraction(weights[place], whole) if whole else Fraction(1, len(weights))


def _load(inputs: MonthInputs, usage: WorkloadUsage) -> Fraction:
    return gpus_needed(inputs, [run for run in inputs.gpu_runs if run.workload == usage.workload])


def _left_out(
    inputs: MonthInputs, gpu: GpuBill, usage: WorkloadUsage, period: Period, loaded_nano: int
) -> WorkloadFigures:
    """Return what is known of a workload that is in no scenario."""
    time, sync = gpu_time(inputs, usage.workload), period.pace * usage.api_sync_nano
    prices = usage.counterfactual
    return WorkloadFigures(
        workload=usage.workload,
        viability=usage.viability,
        replaceable=False,
        runs=usage.runs,
        records=usage.records,
        local=usage.local,
        api=usage.api,
        reused=usage.reused,
        escalated=usage.escalated,
        quarantined=usage.quarantined,
        quarantined_answered=usage.quarantined_answered,
        quarantined_nano=usage.quarantined_nano,
        local_tokens=usage.local_tokens,
        api_tokens=usage.api_tokens,
        counterfactual_tokens=Tokens(
            sum(price.input_tokens for price in prices), 0, sum(price.output_tokens for price in prices)
        ),
        time=time,
        api_sync_nano=half_up(sync),
        api_batch_nano=half_up(sync * (1 - Fraction(inputs.batch_discount))),
        api_nano=half_up(period.pace * usage.api_nano),
        gpu_nano=0,
        labour_nano=0,
        total_nano=None,
        saving_nano=None,
        missing=usage.unknown_counterfactual,
        upper_bound_nano=half_up(period.pace * usage.api_upper_bound_nano),
        unit_costs=of_usage([usage], gpu, time.busy_ns, loaded_nano),
        scenarios=(),
        verdict=Verdict("cannot_be_said", ("not_viable",), None, None, None),
        break_even=None,
        levers=no_levers(),
    )


def _taking_part(one: WorkloadFigures, part: Period, period: Period, gpu: GpuBill) -> WorkloadFigures:
    """Fill in a workload's part of the scenarios, and what would flip its own verdict."""
    costs = scenarios(part)
    hybrid = costs[-1]
    stand = Stand.of(part, gpu.utilization, _room(part, period))
    there = part.mode != "none"
    return replace(
        one,
        replaceable=True,
        api_sync_nano=part.api_sync_nano,
        api_batch_nano=part.api_batch_nano,
        api_nano=part.api_nano,
        gpu_nano=part.gpu_nano,
        labour_nano=part.hybrid_labour_nano,
        total_nano=hybrid.total_nano,
        saving_nano=hybrid.saving_sync_nano,
        upper_bound_nano=part.upper_bound_nano,
        scenarios=costs,
        verdict=verdict(costs[0], hybrid, part.mode),
        break_even=_break_even(stand, half_up(period.pace * one.records)) if there else None,
        levers=levers(stand) if there else no_levers(),
    )


def _room(part: Period, period: Period) -> Fraction | None:
    """Return the multiple of its volume at which a workload fills the machines beside the others; None: no limit."""
    if not part.reserved_nano or not part.load:
        return None
    return (period.gpus - (period.load - part.load)) / part.load


def _break_even(stand: Stand, records: int) -> BreakEven:
    """Return where a workload's part meets the API; None for volumes that the machines do not serve."""
    alone = break_even("hybrid", stand.over_volume, records)
    if stand.room is None or alone.factor is None or alone.factor < stand.room:
        return alone
    return replace(alone, spend_nano=None, factor=None, records=None, gpus=None, crossings=(), for_good=None)
