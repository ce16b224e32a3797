"""What machines and people cost in a month: the bill in force, and what it would have been in one mode alone.

Each bill is worked out once, exactly: `Fraction`s of nano-dollars, so that whoever adds it up rounds once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from models.economics.figures import GpuBill, Mode
from models.economics.gpu_run import BillingMode, GpuRun, UsedMode
from models.economics.interruptions import SpotUse, sum_spot
from models.economics.month import MonthInputs, Rate, WorkloadUsage
from models.economics.on_demand import OnDemandCost
from models.economics.pricing import half_up
from models.economics.sessions import Session, group_sessions
from models.economics.supposed import SpotCost, find_reference, suppose_on_demand, suppose_spot
from models.economics.terms_in_force import (
    DayTerms,
    RunTerms,
    TermsInForce,
    find_terms,
)
from models.gpu_time import NS_PER_DAY, GpuTime
from models.months import days_in


@dataclass(frozen=True, slots=True)
class SpanBill:
    """What the first `days` days of a month cost; exact nano-dollars.

    `reserved` and `on_demand`: the bill in force, by what does not depend on use and what does; of sessions, those
    of the replaceable workloads, and what all others cost (`other_sessions`). `as_reserved`: what reserved machines
    cost or would have cost; None without a rate. `labour` and `labour_hours`: maintenance, each day its part of the month's.
    """

    days: int
    mode: Mode
    reserved: Fraction
    on_demand: OnDemandCost
    other_sessions: Fraction
    as_reserved: Fraction | None
    labour: Fraction
    labour_hours: Fraction
    engineer_nano_per_hour: int


@dataclass(frozen=True, slots=True)
class MonthBill:
    """All that is billed in a month, and the terms that it stands on.

    `gpu`: GPU time of all runs against the bill, `times`: by workload. `to_date`: the days that are covered, `whole`: the
    whole month. `as_on_demand`, `as_spot`: the sessions of replaceable workloads at what they cost or would have cost in that
    mode; None without a rate. `machines`: how many the terms name. `spot`: runs on spot machines, by kind. `references`: sources of the rates that scenarios stand on.
    """

    terms: TermsInForce
    times: Mapping[str, GpuTime]
    gpu: GpuBill
    to_date: SpanBill
    whole: SpanBill
    as_on_demand: OnDemandCost | None
    as_spot: SpotCost | None
    machines: int
    setup_nano: int
    spot: tuple[SpotUse, ...]
    references: tuple[str, ...]


def bill_month(inputs: MonthInputs, used: Sequence[WorkloadUsage]) -> MonthBill:
    """Work out everything that a month is billed. `used`: the usage of every workload."""
    terms = find_terms(inputs)
    replaceable = {usage.workload for usage in used if usage.replaceable}
    own = [one for one in terms.runs if one.run.workload in replaceable]
    every, theirs = list_sessions(terms.runs), list_sessions(own)
    covered, all_days = terms.days[: inputs.days], terms.days
    to_date, whole = (_bill_span(inputs, terms, span, every, theirs) for span in (covered, all_days))
    labour = covered[-1].labour
    return MonthBill(
        terms=terms,
        times={usage.workload: sum_gpu_time(inputs.gpu_runs, usage.workload) for usage in used},
        gpu=_bill_gpu(inputs, terms, covered, every),
        to_date=to_date,
        whole=whole,
        as_on_demand=suppose_on_demand(inputs, own),
        as_spot=(as_spot := suppose_spot(inputs, own)),
        machines=_count_machines(covered),
        setup_nano=half_up(Fraction(labour.setup_minutes * labour.engineer_nano_per_hour, 60)),
        spot=sum_spot(terms.runs, _bill_in_force(inputs, covered, _cost(every))[1]),
        references=_list_references(inputs, covered, terms.runs, spot=as_spot is not None),
    )


def list_sessions(runs: Sequence[RunTerms]) -> list[Session]:
    """Return the sessions that runs were billed for, on demand or on spot machines."""
    return group_sessions((one.run, tariff) for one in runs if (tariff := one.tariff) is not None)


def sum_gpu_time(runs: Sequence[GpuRun], workload: str | None = None) -> GpuTime:
    """Add up the GPU time of a workload's runs (None: of all)."""
    return sum((run.time for run in runs if workload in {None, run.workload}), GpuTime())


def _cost(sessions: Sequence[Session]) -> Fraction:
    return sum((session.nano for session in sessions), Fraction(0))


def _bill_span(
    inputs: MonthInputs,
    terms: TermsInForce,
    days: Sequence[DayTerms],
    every: Sequence[Session],
    own: Sequence[Session],
) -> SpanBill:
    """Bill the first days of a month; `every`: the sessions of all runs that are covered, `own`: the replaceable ones'."""
    pace = _pace_of_sessions(terms.days, inputs.days, len(days))
    reserved, scale = _bill_in_force(inputs, days, _cost(every) * pace)
    on_demand = OnDemandCost.of(own).times(pace * scale)
    shares = [
        (Fraction(day.labour.maintenance_minutes, 60 * len(terms.days)), day.labour.engineer_nano_per_hour)
        for day in days
    ]
    return SpanBill(
        days=len(days),
        mode=_find_mode(inputs, terms.runs, days),
        reserved=reserved,
        on_demand=on_demand,
        other_sessions=_cost(every) * pace * scale - on_demand.nano_at(),
        as_reserved=_bill_reserved(inputs, days),
        labour=sum((hours * rate for hours, rate in shares), Fraction(0)),
        labour_hours=sum((hours for hours, _ in shares), Fraction(0)),
        engineer_nano_per_hour=days[-1].labour.engineer_nano_per_hour,
    )


def _pace_of_sessions(days: Sequence[DayTerms], covered: int, count: int) -> Fraction:
    """Return how many times the sessions of the covered days `count` days have: those without a reserved machine tell."""
    before, after = (sum(not day.reserved for day in days[:end]) for end in (covered, count))
    return Fraction(after, before) if before else Fraction(count, covered)


def _bill_in_force(
    inputs: MonthInputs, days: Sequence[DayTerms], sessions: Fraction
) -> tuple[Fraction, Fraction]:
    """Return the bill of reserved machines over some days, and by what the cost of all `sessions` is multiplied.

    An entered bill wins over rates: its days' part, divided as the rates would have divided it among
    reserved machines and sessions. Where rates know of nothing, all of it counts as reserved.
    """
    reserved = cost_of_reserved(days)
    if inputs.bill_nano is None:
        return reserved, Fraction(1)
    entered = Fraction(inputs.bill_nano * len(days), days_in(inputs.month))
    by_rates = reserved + sessions
    if not by_rates:
        return entered, Fraction(1)
    return entered * reserved / by_rates, entered / by_rates


def cost_of_reserved(days: Sequence[DayTerms], most: Mapping[str, int] | None = None) -> Fraction:
    """Return what the reserved machines of some days cost by their rates; `most`: with at most so many of a kind."""
    return sum(
        (
            cost_of_day(one.rate, one.gpus if most is None else min(one.gpus, most[one.kind]), day.day)
            for day in days
            for one in day.reserved
        ),
        Fraction(0),
    )


def _bill_gpu(
    inputs: MonthInputs, terms: TermsInForce, days: Sequence[DayTerms], sessions: Sequence[Session]
) -> GpuBill:
    """Hold the GPU time of all runs against the hours and the money that were billed in the days that are covered."""
    time, cost = sum_gpu_time(inputs.gpu_runs), _cost(sessions)
    reserved_ns = NS_PER_DAY * sum(terms.gpus for day in days for terms in day.reserved)
    billed_ns = reserved_ns + sum(session.billed_ns for session in sessions)
    reserved, scale = _bill_in_force(inputs, days, cost)
    held_ns = sum(one.run.time.total_ns for one in terms.runs if one.tariff is None)
    idle_ns = max(0, reserved_ns - held_ns)
    return GpuBill(
        time=time,
        unused_ns=billed_ns - time.total_ns,
        billed_ns=billed_ns,
        nano=half_up(reserved + cost * scale),
        entered=inputs.bill_nano is not None,
        sessions=len(sessions),
        utilization=Fraction(time.busy_ns, billed_ns) if billed_ns else None,
        idle_ns=idle_ns,
        idle_nano=half_up(reserved * idle_ns / reserved_ns) if reserved_ns else 0,
    )


def _find_mode(inputs: MonthInputs, runs: Sequence[RunTerms], days: Sequence[DayTerms]) -> Mode:
    held: set[BillingMode] = {terms.mode for day in days for terms in day.machines}
    held |= {one.tariff.mode for one in runs if one.run.time.total_ns and one.tariff is not None}
    if len(held) > 1:
        return "mixed"
    # a bill that nothing explains was not for use
    return held.pop() if held else "none" if inputs.bill_nano is None else "reserved"


def _bill_reserved(inputs: MonthInputs, days: Sequence[DayTerms]) -> Fraction | None:
    """Return what some days of reserved machines cost or would have cost; None without a rate.

    Around the clock on the days on which terms hold: at their rate where they are reserved, else at the
    reference. Without any terms in these days, one machine of the kind that was used, for all of them.
    """
    held = [terms for day in days for terms in day.machines]
    if not held:
        reference = find_reference(inputs, "reserved", _find_most_used(inputs))
        return None if reference is None else len(days) * cost_of_day(reference.rate, 1, inputs.month)
    total = Fraction(0)
    for terms in held:
        reserved = terms if terms.mode == "reserved" else find_reference(inputs, "reserved", terms.kind)
        if reserved is None:
            return None
        total += cost_of_day(reserved.rate, terms.gpus, inputs.month)
    return total


def _count_machines(days: Sequence[DayTerms]) -> int:
    """Return how many machines the terms of some days name, at least 1: the reserved ones, if any."""
    return max(1, *(sum(terms.gpus for terms in day.reserved or day.machines) for day in days))


def _list_references(
    inputs: MonthInputs, days: Sequence[DayTerms], runs: Sequence[RunTerms], *, spot: bool
) -> tuple[str, ...]:
    """Name the sources of the reference rates that the scenarios of the days that are covered stand on."""
    held = [terms for day in days for terms in day.machines]
    kinds = {terms.kind for terms in held if terms.mode != "reserved"} if held else {_find_most_used(inputs)}
    used = [find_reference(inputs, "reserved", kind) for kind in sorted(kinds, key=str)]
    by_use: tuple[UsedMode, ...] = ("on_demand", "spot") if spot else ("on_demand",)
    for mode in by_use:
        otherwise = {one.run.kind for one in runs if one.mode != mode}
        used += [find_reference(inputs, mode, kind) for kind in sorted(otherwise)]
    return tuple(dict.fromkeys(one.source for one in used if one is not None))


def _find_most_used(inputs: MonthInputs) -> str | None:
    """Return the kind of machine of the longest run; None where there was none."""
    return max(inputs.gpu_runs, key=lambda run: run.time.total_ns).kind if inputs.gpu_runs else None


def cost_of_day(rate: Rate, machines: int, day: date) -> Fraction:
    """Return what a day around the clock costs: 24 hours, or a day's part of a month's amount."""
    if rate.nano_per_month is not None:
        return Fraction(machines * rate.nano_per_month, days_in(day))
    return Fraction(machines * 24 * (rate.nano_per_hour or 0))
