"""Each workload's part of the month: shares that sum to the whole, to the nano-dollar.

What a workload did itself is its own: its API's costs, counted or real. What is shared, the bill for machines and people's
time, is divided by the time that each kept the machines busy (evenly where none did), by the largest-remainder
method of `split_exactly`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from models.economics.month import WorkloadUsage
from models.economics.pricing import half_up
from models.economics.scenarios import Period
from models.gpu_time import GpuTime, split_exactly


def divide_period(
    period: Period, used: Sequence[WorkloadUsage], times: Mapping[str, GpuTime]
) -> dict[str, Period]:
    """Divide a period's sums over the replaceable workloads; others stand alone, without machines."""
    own = [usage for usage in used if usage.replaceable]
    parts = _divide(period, own, times) if own else {}
    return {usage.workload: parts.get(usage.workload) or _leave_out(period, usage) for usage in used}


def _divide(period: Period, own: Sequence[WorkloadUsage], times: Mapping[str, GpuTime]) -> dict[str, Period]:
    busy = [times[usage.workload].busy_ns for usage in own]
    held = [times[usage.workload].busy_ns + times[usage.workload].idle_ns for usage in own]
    sync = split_exactly(period.api_sync_nano, [usage.api_sync_nano for usage in own])
    columns: dict[str, Sequence[Any]] = {
        "records": [half_up(period.pace * usage.records) for usage in own],
        "api_sync_nano": sync,
        "api_batch_nano": _split(period.api_batch_nano, sync),
        "api_nano": _split(period.api_nano, [usage.api_nano for usage in own]),
        "upper_bound_nano": _split(period.upper_bound_nano, [usage.api_upper_bound_nano for usage in own]),
        "unknown_counterfactual": [usage.unknown_counterfactual for usage in own],
        "unknown_api_cost": [usage.unknown_api_cost for usage in own],
        "reserved_nano": _split(period.reserved_nano, busy),
        "on_demand_nano": _split(period.on_demand_nano, busy),
        "as_reserved_nano": _split(period.as_reserved_nano, busy),
        "as_on_demand_nano": _split(period.as_on_demand_nano, busy),
        "labour_nano": _split(period.labour_nano, busy),
        "labour_hours": [period.labour_hours * share for share in _shares(busy)],
        "load": [period.load * share for share in _shares(held)] if period.load else [period.load] * len(own),
    }
    parts = [
        replace(period, **dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]
    return {
        usage.workload: replace(part, room=_room(part, period))
        for usage, part in zip(own, parts, strict=True)
    }


def _split(total: int | None, weights: Sequence[int]) -> Sequence[int | None]:
    """Divide what is known; every part of what is not is unknown."""
    return [None] * len(weights) if total is None else split_exactly(total, weights)


def _shares(weights: Sequence[int]) -> list[Fraction]:
    whole = sum(weights)
    return [Fraction(weight, whole) if whole else Fraction(1, len(weights)) for weight in weights]


def _room(part: Period, period: Period) -> Fraction | None:
    """Return the multiple of its volume at which a workload fills the machines beside the others; None: no limit."""
    if not part.reserved_nano or not part.load:
        return None
    return (period.gpus - (period.load - part.load)) / part.load


def _leave_out(period: Period, usage: WorkloadUsage) -> Period:
    """Return what a workload cost on the API that self-hosting cannot replace."""
    sync = period.pace * usage.api_sync_nano
    return replace(
        period,
        api_sync_nano=half_up(sync),
        api_batch_nano=half_up(sync * (1 - period.batch_discount)),
        api_nano=half_up(period.pace * usage.api_nano),
        upper_bound_nano=half_up(period.pace * usage.api_upper_bound_nano),
        reserved_nano=0,
        on_demand_nano=0,
        labour_nano=0,
    )
