"""The break-even of one month: inputs in, all figures out; docs/break_even.md explains every formula."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from models.economics.billing import MonthBill, bill_month
from models.economics.cost_over_volume import (
    CostOverVolume,
    find_break_even,
    project_costs,
    project_hybrid,
)
from models.economics.curve import draw_curve
from models.economics.figures import MonthFigures, Scenario, UnitCosts, Verdict, WorkloadFigures
from models.economics.figures_outlook import BreakEven, Capacity, Lever, Payback
from models.economics.month import MonthInputs, PastMonth, Tokens, WorkloadUsage
from models.economics.notes import list_notes
from models.economics.scenarios import Period, compare_scenarios, judge, sum_period
from models.economics.sensitivity import find_levers, no_levers
from models.economics.trend import find_trend
from models.economics.unit_costs import merge_prices, unit_costs_of
from models.economics.workload_parts import divide_period
from models.gpu_time import GpuTime, split_exactly
from models.months import days_in


@dataclass(frozen=True, slots=True)
class Assessment:
    """What follows from a period's sums, those of the whole month or of one workload's part."""

    scenarios: tuple[Scenario, ...]
    verdict: Verdict
    break_even: BreakEven | None
    levers: tuple[Lever, ...]

    @property
    def hybrid(self) -> Scenario | None:
        """The scenario of the month as it really ran; None of a workload that is in no scenario."""
        return self.scenarios[-1] if self.scenarios else None


LEFT_OUT = Assessment((), Verdict("cannot_be_said", ("not_viable",), None, None, None), None, no_levers())
"""Of a workload that self-hosting cannot replace."""


def month_figures(inputs: MonthInputs) -> MonthFigures:
    """Compute all figures of a month: its bills, its sums, and what follows from them, each once."""
    used = inputs.list_usage()
    bill = bill_month(inputs, used)
    so_far, period = (sum_period(inputs, used, bill, span) for span in (bill.to_date, bill.whole))
    over_volume = project_costs(period)
    whole = _assess(period, over_volume["hybrid"])
    loaded_nano = bill.gpu.nano + so_far.hybrid_labour_nano
    capacity = _measure_capacity(bill.machines, period)
    prices = merge_prices(used)
    return MonthFigures(
        month=inputs.month,
        days=inputs.days,
        days_in_month=days_in(inputs.month),
        mode=period.mode,
        to_date=compare_scenarios(so_far),
        scenarios=whole.scenarios,
        verdict=whole.verdict,
        break_evens=tuple(find_break_even(name, cost, period.records) for name, cost in over_volume.items()),
        curve=draw_curve(period, over_volume),
        capacity=capacity,
        payback=_pay_back(bill.setup_nano, period, whole.verdict.saving_nano),
        trend=find_trend(
            inputs.month,
            [*(month.records for month in inputs.earlier), period.records],
            over_volume["hybrid"],
        ),
        levers=whole.levers,
        gpu=bill.gpu,
        unit_costs=unit_costs_of(used, bill.gpu, bill.gpu.time.busy_ns, loaded_nano),
        workloads=_describe_workloads(used, bill, divide_period(period, used, bill.times), loaded_nano),
        prices=prices,
        batch_discount=period.batch_discount,
        history=(*inputs.earlier, _sum_up(inputs, period, whole.scenarios)),
        notes=list_notes(inputs, used, bill, period, whole.scenarios, capacity, prices),
    )


def past_month(inputs: MonthInputs) -> PastMonth:
    """Compute what later months need to know of this one: what each scenario cost, whole month."""
    used = inputs.list_usage()
    bill = bill_month(inputs, used)
    period = sum_period(inputs, used, bill, bill.whole)
    return _sum_up(inputs, period, compare_scenarios(period))


def _assess(period: Period, hybrid: CostOverVolume | None) -> Assessment:
    """Say what follows from a period's sums; `hybrid`: how its cost grows with volume, None without a machine."""
    scenarios = compare_scenarios(period)
    verdict = judge(scenarios[0], scenarios[-1], period.mode)
    if hybrid is None:
        return Assessment(scenarios, verdict, None, no_levers())
    break_even = find_break_even("hybrid", hybrid, period.records, period.room)
    return Assessment(scenarios, verdict, break_even, find_levers(period, hybrid.nearest_flip()))


def _describe_workloads(
    used: Sequence[WorkloadUsage], bill: MonthBill, parts: Mapping[str, Period], loaded_nano: int
) -> tuple[WorkloadFigures, ...]:
    """Return the figures of all workloads, in their order. `loaded_nano`: what machines and people cost so far."""
    busy = [bill.times[usage.workload].busy_ns for usage in used]
    loaded = split_exactly(loaded_nano, busy) if used else []
    return tuple(
        _describe_workload(
            usage,
            bill.times[usage.workload],
            parts[usage.workload],
            unit_costs_of([usage], bill.gpu, busy_ns, nano),
        )
        for usage, busy_ns, nano in zip(used, busy, loaded, strict=True)
    )


def _describe_workload(
    usage: WorkloadUsage, time: GpuTime, part: Period, unit_costs: UnitCosts
) -> WorkloadFigures:
    found = _assess(part, project_hybrid(part)) if usage.replaceable else LEFT_OUT
    hybrid = found.hybrid
    return WorkloadFigures(
        workload=usage.workload,
        viability=usage.viability,
        replaceable=usage.replaceable,
        runs=usage.runs,
        records=usage.records,
        local=usage.local,
        api=usage.api,
        reused=usage.reused,
        escalated=usage.escalated,
        quarantined=usage.quarantined,
        local_tokens=usage.local_tokens,
        api_tokens=usage.api_tokens,
        counterfactual_tokens=sum(
            (Tokens(price.input_tokens, 0, price.output_tokens) for price in usage.counterfactual), Tokens()
        ),
        time=time,
        api_sync_nano=part.api_sync_nano,
        api_batch_nano=part.api_batch_nano,
        api_nano=part.api_nano,
        gpu_nano=part.gpu_nano,
        labour_nano=part.hybrid_labour_nano,
        total_nano=None if hybrid is None else hybrid.total_nano,
        saving_nano=None if hybrid is None else hybrid.saving_sync_nano,
        missing=usage.unknown_counterfactual,
        upper_bound_nano=part.upper_bound_nano,
        unit_costs=unit_costs,
        scenarios=found.scenarios,
        verdict=found.verdict,
        break_even=found.break_even,
        levers=found.levers,
        quarantined_answered=usage.quarantined_answered,
        quarantined_nano=usage.quarantined_nano,
    )


def _sum_up(inputs: MonthInputs, period: Period, scenarios: Sequence[Scenario]) -> PastMonth:
    sync, batch, reserved, on_demand, hybrid = scenarios
    return PastMonth(
        month=inputs.month,
        records=period.records,
        api_sync_nano=sync.api_nano,
        api_batch_nano=batch.api_nano,
        reserved_nano=reserved.total_nano,
        on_demand_nano=on_demand.total_nano,
        hybrid_nano=hybrid.total_nano,
        complete=not sync.missing and not hybrid.missing,
        machine=period.mode != "none",
    )


def _measure_capacity(machines: int, period: Period) -> Capacity:
    """One machine serves as many records as its hours hold of the busy and idle time that each took."""
    measured = bool(period.load) and period.records > 0
    return Capacity(
        gpus=machines,
        gpus_needed=ceil(period.load),
        records_per_gpu=floor(period.records / period.load) if measured else None,
        factor_per_gpu=1 / period.load if measured else None,
    )


def _pay_back(setup_nano: int, period: Period, saving: int | None) -> Payback:
    pays = saving is not None and saving > 0 and period.mode != "none"
    return Payback(setup_nano, Fraction(setup_nano, saving) if saving and pays else None)
