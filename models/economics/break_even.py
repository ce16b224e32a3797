"""The break-even of one month: inputs in, all figures out; docs/break_even.md explains every formula."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor

from models.economics.billing import MonthBill, bill_month
from models.economics.candidate_costs import CandidateCost, cost_candidates
from models.economics.cost_over_volume import find_break_even, project_costs
from models.economics.curve import draw_curve
from models.economics.figures import MonthFigures, Outlook, Scenario, WorkloadFigures
from models.economics.figures_outlook import ApiWay, Capacity, Payback
from models.economics.figures_recommendation import Flip, KeptShare, WorkloadAdvice
from models.economics.judging import judge
from models.economics.month import MonthInputs, Tokens, WorkloadUsage
from models.economics.notes import list_notes
from models.economics.past_month import PastMonth, UnitCosts
from models.economics.pricing import half_up
from models.economics.recommendation import OWN, Options
from models.economics.scenarios import Period, compare_scenarios, sum_period
from models.economics.sensitivity import find_levers, no_levers
from models.economics.trend import find_trend
from models.economics.unit_costs import merge_prices, unit_costs_of
from models.economics.workload_parts import WorkloadPart, divide_period
from models.gpu_time import split_exactly
from models.months import days_in
from models.requests import Usage

KEPT = (Fraction(60, 100), Fraction(80, 100), Fraction(95, 100))
"""Shares of the records that the own model could keep: what the month would cost with each is shown."""


def month_figures(inputs: MonthInputs) -> MonthFigures:
    """Compute all figures of a month: its bills, its sums, and what follows from them, each once."""
    used = inputs.list_usage()
    bill = bill_month(inputs, used)
    so_far, period = (sum_period(inputs, used, bill, span) for span in (bill.to_date, bill.whole))
    options = Options(inputs, used, bill, bill.whole, period, compare_scenarios(period))
    alternative = period.cheapest_api
    loaded_nano = bill.gpu.nano + so_far.hybrid_labour_nano
    units = unit_costs_of(used, bill.gpu, bill.gpu.time.busy_ns, loaded_nano)
    capacity = _measure_capacity(bill.machines, period)
    prices = merge_prices(used)
    recommendation = options.recommend()
    outlook = _look_ahead(inputs, bill, period, alternative)
    return MonthFigures(
        month=inputs.month,
        days=inputs.days,
        days_in_month=days_in(inputs.month),
        mode=period.mode,
        to_date=compare_scenarios(so_far),
        scenarios=options.scenarios,
        recommendation=recommendation,
        flip=None if period.mode == "none" else _find_flip(options.scenarios, outlook),
        alternative=outlook,
        at_once=_look_ahead(inputs, bill, period, "api_sync"),
        curve=draw_curve(period, project_costs(period, period.api_way_nano(alternative))),
        capacity=capacity,
        kept=_keep_shares(period),
        own_share=Fraction(period.local, period.answered) if period.answered else None,
        candidates=_cost_candidates(inputs, used, period),
        gpu=bill.gpu,
        unit_costs=units,
        workloads=_describe_workloads(
            used, bill, divide_period(period, used, bill.times), loaded_nano, recommendation.per_workload
        ),
        prices=prices,
        batch_discount=period.batch_discount,
        history=(*inputs.earlier, _sum_up(inputs, bill, period, options.scenarios, units)),
        notes=list_notes(inputs, used, bill, period, options.scenarios, capacity, prices),
        spot=bill.spot,
    )


def past_month(inputs: MonthInputs) -> PastMonth:
    """Compute what later months need to know of this one: what each scenario cost, whole month."""
    used = inputs.list_usage()
    bill = bill_month(inputs, used)
    period = sum_period(inputs, used, bill, bill.whole)
    loaded_nano = bill.gpu.nano + sum_period(inputs, used, bill, bill.to_date).hybrid_labour_nano
    units = unit_costs_of(used, bill.gpu, bill.gpu.time.busy_ns, loaded_nano)
    return _sum_up(inputs, bill, period, compare_scenarios(period), units)


def _look_ahead(inputs: MonthInputs, bill: MonthBill, period: Period, against: ApiWay) -> Outlook:
    """Say what follows from a period's sums, against one way of the API."""
    costs = project_costs(period, period.api_way_nano(against))
    hybrid, verdict = costs["hybrid"], judge(period, against)
    records = [*(month.records for month in inputs.earlier), period.records]
    flip = None if hybrid is None else hybrid.nearest_flip()
    return Outlook(
        against=against,
        verdict=verdict,
        break_evens=tuple(find_break_even(name, cost, period.records) for name, cost in costs.items()),
        payback=_pay_back(bill.setup_nano, period, verdict.saving_nano),
        trend=find_trend(inputs.month, records, hybrid),
        levers=no_levers() if hybrid is None else find_levers(period, against, flip),
    )


def _find_flip(scenarios: Sequence[Scenario], outlook: Outlook) -> Flip | None:
    """Say where the cheapest way of one's own and the API's meet; None where one of them is not open, or nothing was run."""
    own = sorted(
        (one for one in scenarios if one.name in OWN and one.feasible), key=lambda one: OWN.index(one.name)
    )
    api = next(one for one in scenarios if one.name == outlook.against)
    best = min(own, key=lambda one: one.total_nano or 0, default=None)
    if best is None or not api.feasible or not api.api_nano:
        return None
    replaced = api.api_nano - best.api_nano
    fixed = (best.gpu_nano or 0) + best.labour_nano
    met = next((one for one in outlook.break_evens if one.name == best.name), None)
    return Flip(
        own=best.name,
        api=api.name,
        volume=None if met is None else met.factor,
        records=None if met is None else met.records,
        price=Fraction(fixed, replaced) if replaced > 0 else None,
    )


def _keep_shares(period: Period) -> tuple[KeptShare, ...]:
    """Say what the month costs if the own model kept a share of the records: its sessions stretch or shrink with it."""
    if period.mode == "none" or not period.local:
        return ()
    rest = period.api_way_nano(period.cheapest_api)
    fixed = period.reserved_nano + period.labour_nano
    return tuple(
        KeptShare(
            share,
            half_up(
                (1 - share) * rest + fixed + period.on_demand.nano_at(share * period.answered / period.local)
            ),
        )
        for share in KEPT
    )


def _cost_candidates(
    inputs: MonthInputs, used: Sequence[WorkloadUsage], period: Period
) -> tuple[CandidateCost, ...]:
    work = (
        (
            Usage(
                one.input_tokens,
                one.cached_tokens,
                one.output_tokens,
                cache_write_tokens=one.cache_write_tokens,
            ),
            usage.batch_acceptable,
        )
        for usage in used
        for one in usage.counterfactual
    )
    return cost_candidates(work, inputs.candidates, period.pace)


def _describe_workloads(
    used: Sequence[WorkloadUsage],
    bill: MonthBill,
    parts: Mapping[str, WorkloadPart],
    loaded_nano: int,
    advice: Sequence[WorkloadAdvice],
) -> tuple[WorkloadFigures, ...]:
    """Return the figures of all workloads, in their order. `loaded_nano`: what machines and people cost so far."""
    busy = [bill.times[usage.workload].busy_ns for usage in used]
    loaded = split_exactly(loaded_nano, busy) if used else []
    units = (
        unit_costs_of([usage], bill.gpu, busy_ns, nano)
        for usage, busy_ns, nano in zip(used, busy, loaded, strict=True)
    )
    return tuple(
        _describe_workload(usage, bill, parts[usage.workload], costs, own)
        for usage, costs, own in zip(used, units, advice, strict=True)
    )


def _describe_workload(
    usage: WorkloadUsage, bill: MonthBill, part: WorkloadPart, unit_costs: UnitCosts, advice: WorkloadAdvice
) -> WorkloadFigures:
    return WorkloadFigures(
        workload=usage.workload,
        viability=usage.viability,
        replaceable=usage.replaceable,
        batch_acceptable=usage.batch_acceptable,
        runs=usage.runs,
        records=usage.records,
        local=usage.local,
        api=usage.api,
        reused=usage.reused,
        escalated=usage.escalated,
        routed=usage.routed,
        quarantined=usage.quarantined,
        local_tokens=usage.local_tokens,
        api_tokens=usage.api_tokens,
        counterfactual_tokens=sum(
            (Tokens(price.input_tokens, 0, price.output_tokens) for price in usage.counterfactual), Tokens()
        ),
        time=bill.times[usage.workload],
        api_sync_nano=part.api_sync_nano,
        api_batch_nano=part.api_batch_nano,
        api_nano=part.api_nano,
        gpu_nano=part.gpu_nano,
        labour_nano=part.labour_nano,
        total_nano=part.api_nano + part.gpu_nano + part.labour_nano,
        missing=usage.unknown_counterfactual,
        upper_bound_nano=part.upper_bound_nano,
        unit_costs=unit_costs,
        advice=advice,
        quarantined_answered=usage.quarantined_answered,
        quarantined_nano=usage.quarantined_nano,
        basis=usage.basis,
    )


def _sum_up(
    inputs: MonthInputs,
    bill: MonthBill,
    period: Period,
    scenarios: Sequence[Scenario],
    units: UnitCosts,
) -> PastMonth:
    total = {one.name: one.total_nano for one in scenarios}
    sync, hybrid = (next(one for one in scenarios if one.name == name) for name in ("api_sync", "hybrid"))
    measured = any(time.busy_ns + time.idle_ns for time in bill.times.values())
    return PastMonth(
        month=inputs.month,
        records=period.records,
        api_sync_nano=sync.api_nano,
        api_batch_nano=total["api_batch"] or 0,
        reserved_nano=total["reserved"],
        on_demand_nano=total["on_demand"],
        hybrid_nano=total["hybrid"],
        complete=not sync.missing and not hybrid.missing,
        machine=period.mode != "none",
        load=period.load if measured else None,
        unit_costs=units,
        spot_nano=total.get("spot"),
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
