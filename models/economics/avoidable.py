"""What stops to be paid if workloads leave, or machines that nobody needs: the rest of the bill stays. Exact.

A session on demand goes where all of its runs go; a reserved machine, where the runs that stay need one less; people's
time, with the last machine.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from models.economics.billing import MonthBill, SpanBill, cost_of_reserved, list_sessions
from models.economics.month import MonthInputs
from models.economics.on_demand import OnDemandCost
from models.economics.sessions import Session, group_sessions
from models.economics.terms_in_force import RunTerms, Tariff
from models.gpu_time import NS_PER_DAY


@dataclass(frozen=True, slots=True)
class Avoidable:
    """What a month would not have been billed: for machines, and for people's time; nano-dollars."""

    gpu: Fraction
    labour: Fraction


def avoid_machines(inputs: MonthInputs, bill: MonthBill, span: SpanBill) -> tuple[int, Fraction]:
    """Return how many reserved machines nobody needed at any time of the days that are covered, and what they cost.

    One is kept of each kind that some run used, and one of all where none was used.
    """
    needed = _count_needed(bill.terms.runs, inputs.days)
    days = bill.terms.days[: span.days]
    kinds = {terms.kind for day in days for terms in day.reserved}
    if not any(needed[kind] for kind in kinds) and kinds:
        needed[min(kinds)] = 1
    paid = cost_of_reserved(days)
    kept = cost_of_reserved(days, {kind: needed[kind] for kind in kinds})
    most = max((sum(one.gpus for one in day.reserved) for day in days), default=0)
    least = max((sum(min(one.gpus, needed[one.kind]) for one in day.reserved) for day in days), default=0)
    return most - least, span.reserved * (paid - kept) / paid if paid else Fraction(0)


def avoid_workloads(
    inputs: MonthInputs, bill: MonthBill, span: SpanBill, leaving: Collection[str]
) -> Avoidable:
    """Return what stops over a span if these workloads leave the machines."""
    stay = [one for one in bill.terms.runs if one.run.workload not in leaving]
    sessions = span.on_demand.nano_at() + span.other_sessions
    if not any(one.run.time.total_ns for one in stay):
        return Avoidable(span.reserved + sessions, span.labour if span.mode != "none" else Fraction(0))
    left = OnDemandCost.of(list_sessions(stay)).times(span.on_demand.scale).nano_at()
    before, after = (_count_needed(runs, inputs.days) for runs in (bill.terms.runs, stay))
    days = bill.terms.days[: span.days]
    paid = cost_of_reserved(days)
    gone = cost_of_reserved(days, before) - cost_of_reserved(days, after)
    return Avoidable(sessions - left + (span.reserved * gone / paid if paid else 0), Fraction(0))


def _count_needed(runs: Sequence[RunTerms], days: int) -> Counter[str]:
    """Return how many reserved machines of each kind runs need: as many as ran at a time, and as their hours fill."""
    on_reserved = [
        (one.run, Tariff(one.terms.kind, 0, 1))
        for one in runs
        if one.terms is not None and one.tariff is None
    ]
    held: Counter[str] = Counter()
    for run, tariff in on_reserved:
        held[tariff.kind] += run.time.busy_ns + run.time.idle_ns
    sessions = group_sessions(on_reserved)
    return Counter(
        {
            kind: max(
                ceil(Fraction(ns, days * NS_PER_DAY)),
                _count_at_once([one for one in sessions if one.tariff.kind == kind]),
            )
            for kind, ns in held.items()
        }
    )


def _count_at_once(sessions: Sequence[Session]) -> int:
    """Return how many sessions there were at a time, at most."""
    marks = sorted(
        mark for one in sessions for mark in ((one.started_ns, 1), (one.ended_ns, -1))
    )  # an end sorts before a start at the same moment
    most = now = 0
    for _, change in marks:
        now += change
        most = max(most, now)
    return most
