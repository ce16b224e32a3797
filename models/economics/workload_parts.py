"""Each workload's part of the month: shares that sum to the whole, to the nano-dollar.

What a workload did itself is its own: its API's costs, counted or real. What is shared, the bill for machines and people's
time, is divided by the time that each kept the machines busy (evenly where none did), by the largest-remainder
method of `split_exactly`. People's time is shared among those that self-hosting can replace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from models.economics.month import WorkloadUsage
from models.economics.scenarios import Period
from models.gpu_time import GpuTime, split_exactly


@dataclass(frozen=True, slots=True)
class WorkloadPart:
    """What one workload cost, and would have cost on the API, over the whole month; nano-dollars."""

    api_sync_nano: int
    api_batch_nano: int
    api_nano: int
    upper_bound_nano: int
    gpu_nano: int
    labour_nano: int


def divide_period(
    period: Period, used: Sequence[WorkloadUsage], times: Mapping[str, GpuTime]
) -> dict[str, WorkloadPart]:
    """Divide a period's sums over the workloads: those that can be replaced, and those outside."""
    outside = period.outside
    own = [usage for usage in used if usage.replaceable]
    others = [usage for usage in used if not usage.replaceable]
    whole = WorkloadPart(
        period.api_sync_nano,
        period.api_batch_nano,
        period.api_nano,
        period.upper_bound_nano,
        period.gpu_nano,
        period.hybrid_labour_nano,
    )
    left = WorkloadPart(
        outside.api_sync_nano,
        outside.api_batch_nano,
        outside.paid_api_nano,
        outside.upper_bound_nano,
        outside.paid_gpu_nano,
        0,
    )
    return {
        name: part
        for sums, usages in ((whole, own), (left, others))
        for name, part in _divide(sums, usages, times, period.batch_discount).items()
    }


def _divide(
    whole: WorkloadPart,
    used: Sequence[WorkloadUsage],
    times: Mapping[str, GpuTime],
    discount: Fraction,
) -> dict[str, WorkloadPart]:
    if not used:
        return {}
    batched, at_once = (1 - discount).numerator, (1 - discount).denominator
    busy = [times[usage.workload].busy_ns for usage in used]
    columns = (
        split_exactly(whole.api_sync_nano, [usage.api_sync_nano for usage in used]),
        split_exactly(
            whole.api_batch_nano,
            [one.api_sync_nano * (batched if one.batch_acceptable else at_once) for one in used],
        ),
        split_exactly(whole.api_nano, [usage.api_nano for usage in used]),
        split_exactly(whole.upper_bound_nano, [usage.api_upper_bound_nano for usage in used]),
        split_exactly(whole.gpu_nano, busy),
        split_exactly(whole.labour_nano, busy),
    )
    parts = (WorkloadPart(*values) for values in zip(*columns, strict=True))
    return dict(zip((usage.workload for usage in used), parts, strict=True))
