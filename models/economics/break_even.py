"""The break-even of one month: inputs in, all figures out. Pure; docs/break_even.md explains every formula."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor

from models.economics import billing
from models.economics.cost_over_volume import CostOverVolume, break_even
from models.economics.curve import curve
from models.economics.figures import Capacity, MonthFigures, Payback, SelfHosted
from models.economics.month import MonthInputs, PastMonth
from models.economics.notes import notes
from models.economics.scenarios import (
    Period,
    replaceable_records,
    scenarios,
    to_date,
    verdict,
    whole_month,
)
from models.economics.sensitivity import Stand, levers, no_levers
from models.economics.trend import trend
from models.economics.unit_costs import gpu_bill, merged_prices, unit_costs
from models.economics.workload_parts import workload_parts
from models.months import days_in


def month_figures(inputs: MonthInputs) -> MonthFigures:
    """Compute all figures of a month."""
    period, so_far, gpu = whole_month(inputs), to_date(inputs), gpu_bill(inputs)
    costs = scenarios(period)
    answer = verdict(costs[0], costs[-1], period.mode)
    records = replaceable_records(inputs, period.pace)
    over_volume = costs_over_volume(period)
    capacity = _capacity(inputs, period, records)
    months = [*(month.records for month in inputs.earlier), records]
    return MonthFigures(
        month=inputs.month,
        days=inputs.days,
        days_in_month=days_in(inputs.month),
        mode=period.mode,
        to_date=scenarios(so_far),
        scenarios=costs,
        verdict=answer,
        break_evens=tuple(break_even(name, cost, records) for name, cost in over_volume.items()),
        curve=curve(period, over_volume, records),
        capacity=capacity,
        payback=_payback(inputs, period, answer.saving_nano),
        trend=trend(inputs.month, months, over_volume["hybrid"]),
        levers=no_levers() if period.mode == "none" else levers(Stand.of(period, gpu.utilization)),
        gpu=gpu,
        unit_costs=unit_costs(inputs, gpu, so_far),
        workloads=workload_parts(inputs, gpu, period, so_far),
        prices=merged_prices(inputs.workloads),
        batch_discount=Fraction(inputs.batch_discount),
        history=(*inputs.earlier, past_month(inputs)),
        notes=notes(inputs, period, costs, gpu, capacity),
    )


def past_month(inputs: MonthInputs) -> PastMonth:
    """Compute what later months need to know of this one: what each scenario cost, whole month."""
    period = whole_month(inputs)
    sync, batch, reserved, on_demand, hybrid = scenarios(period)
    return PastMonth(
        month=inputs.month,
        records=replaceable_records(inputs, period.pace),
        api_sync_nano=sync.api_nano,
        api_batch_nano=batch.api_nano,
        reserved_nano=reserved.total_nano,
        on_demand_nano=on_demand.total_nano,
        hybrid_nano=hybrid.total_nano,
        complete=not sync.missing and not hybrid.missing,
        machine=period.mode != "none",
    )


def costs_over_volume(period: Period) -> Mapping[SelfHosted, CostOverVolume | None]:
    """Return how each self-hosted scenario's cost grows with volume; None where it has no rate, or no machine."""
    return {
        "reserved": _over_volume(period, period.as_reserved_nano, 0),
        "on_demand": _over_volume(period, 0, period.as_on_demand_nano),
        "hybrid": Stand.of(period).over_volume if period.mode != "none" else None,
    }


def _over_volume(period: Period, fixed: int | None, varying: int | None) -> CostOverVolume | None:
    if fixed is None or varying is None:
        return None
    return CostOverVolume(period.api_sync_nano, varying, fixed, period.labour_nano, period.gpus, period.load)


def _capacity(inputs: MonthInputs, period: Period, records: int) -> Capacity:
    """One machine serves as many records as its hours hold of the busy and idle time that each took."""
    measured = bool(period.load) and records > 0
    return Capacity(
        gpus=billing.machines(inputs),
        gpus_needed=ceil(period.load),
        records_per_gpu=floor(records / period.load) if measured else None,
        factor_per_gpu=1 / period.load if measured else None,
    )


def _payback(inputs: MonthInputs, period: Period, saving: int | None) -> Payback:
    setup = billing.setup_nano(inputs)
    pays = saving is not None and saving > 0 and period.mode != "none"
    return Payback(setup, Fraction(setup, saving) if saving and pays else None)
