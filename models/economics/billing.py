"""What machines are billed in a month: reserved hours, on-demand sessions by increment, people's time. Exact.

Everything is a `Fraction` of nano-dollars, so that whoever adds it up rounds once.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor

from models.economics.month import (
    BillingMode,
    GpuRun,
    InfrastructureTerms,
    LabourTerms,
    MonthInputs,
    Rate,
    ReferenceRate,
)
from models.gpu_time import NS_PER_HOUR
from models.months import days_in

NS_PER_DAY = 24 * NS_PER_HOUR
NS_PER_SECOND = 1_000_000_000
GAP_NS = 60 * NS_PER_SECOND
"""Runs of one machine kind with no more than this between them are one session: nobody stops a machine for less."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What an on-demand hour of a machine costs, and by which increment it is billed."""

    kind: str
    nano_per_hour: int
    increment_seconds: int


@dataclass(frozen=True, slots=True)
class Session:
    """A machine that was held without a longer pause. `used_ns`: GPU time of its runs; `length_ns`: from end to end.

    `billed_ns` is the length rounded up to the increment; what was not used of it is unused.
    """

    tariff: Tariff
    started_ns: int
    used_ns: int
    length_ns: int

    @property
    def billed_ns(self) -> int:
        """Billed time, nanoseconds."""
        increment = self.tariff.increment_seconds * NS_PER_SECOND
        return -(-self.length_ns // increment) * increment

    @property
    def nano(self) -> Fraction:
        """What it costs."""
        return Fraction(self.billed_ns * self.tariff.nano_per_hour, NS_PER_HOUR)


@dataclass(frozen=True, slots=True)
class Charges:
    """Charges by rates: what does not depend on use (`reserved`) and what does (`on_demand`), and its hours."""

    reserved: Fraction
    on_demand: Fraction
    reserved_ns: int
    on_demand_ns: int
    sessions: int

    @property
    def nano(self) -> Fraction:
        """Both together."""
        return self.reserved + self.on_demand


def half_up(value: Fraction) -> int:
    """Round half up to a whole number, as everything that is money here."""
    return floor(value + Fraction(1, 2))


def same_kind(one: str, other: str) -> bool:
    """Whether two names are of one machine kind: `A10G` and `NVIDIA A10G` are, `A10` and `A100` are not."""
    first, second = (set(re.findall(r"[a-z0-9]+", name.lower())) for name in (one, other))
    return first <= second or second <= first


def terms_on(terms: Sequence[InfrastructureTerms], day: date) -> list[InfrastructureTerms]:
    """Return the terms that hold on a day: of several of one kind, those that were entered last; none of no machine."""
    held = {one.kind: one for one in terms if one.holds_on(day)}
    return [one for one in held.values() if one.gpus]


def labour_on(labour: Sequence[LabourTerms], day: date) -> LabourTerms:
    """Return the labour terms that hold on a day: those that began last. Raises `ValueError` where none do."""
    holding = [(one.effective_from, place) for place, one in enumerate(labour) if one.effective_from <= day]
    if not holding:
        msg = f"no labour terms hold on {day}"
        raise ValueError(msg)
    return labour[max(holding)[1]]


def days_of(inputs: MonthInputs, days: int) -> list[date]:
    """Return the first `days` days of the month."""
    return [inputs.month + timedelta(days=place) for place in range(days)]


def day_of(run: GpuRun) -> date:
    """Return the UTC day on which a run started."""
    return run.started_at.astimezone(UTC).date()


def maintenance(inputs: MonthInputs, days: int) -> tuple[Fraction, Fraction]:
    """Return hours and nano-dollars of maintenance over the first `days` days: each day its part of the month's."""
    length = days_in(inputs.month)
    hours, nano = Fraction(0), Fraction(0)
    for day in days_of(inputs, days):
        terms = labour_on(inputs.labour, day)
        share = Fraction(terms.maintenance_minutes, 60 * length)
        hours += share
        nano += share * terms.engineer_nano_per_hour
    return hours, nano


def setup_nano(inputs: MonthInputs) -> int:
    """Return what the set-up costs once, by the labour terms of the month's last day that is covered."""
    terms = labour_on(inputs.labour, days_of(inputs, inputs.days)[-1])
    return half_up(Fraction(terms.setup_minutes * terms.engineer_nano_per_hour, 60))


def sessions(runs: Iterable[tuple[GpuRun, Tariff]]) -> list[Session]:
    """Put runs at one tariff together to sessions of one machine each.

    A run starts when its row says, and ends when its GPU time is over. It goes on with a session that ended
    no more than `GAP_NS` before; where runs overlap, they were on machines of their own. An overlap of up to
    `GAP_NS`, and half of the run before, is taken to be the clock's: a run's engine may have been started
    before its row was written.
    """
    by_tariff: dict[Tariff, list[GpuRun]] = {}
    for run, tariff in runs:
        if run.time.total_ns:
            by_tariff.setdefault(tariff, []).append(run)
    return [session for tariff, own in by_tariff.items() for session in _sessions(own, tariff)]


def _sessions(runs: Sequence[GpuRun], tariff: Tariff) -> list[Session]:
    ended: list[Session] = []
    held: list[tuple[Session, int]] = []  # with the time of its last run
    for start, used in sorted((_ns(run.started_at), run.time.total_ns) for run in runs):
        ended += [session for session, _ in held if _end(session) + GAP_NS < start]
        held = [one for one in held if _end(one[0]) + GAP_NS >= start]
        free = [one for one in held if start >= _end(one[0]) - min(GAP_NS, one[1] // 2)]
        before = min(free, key=lambda one: _distance(_end(one[0]), start), default=None)
        if before is None:
            held.append((Session(tariff, start, used, used), used))
            continue
        held.remove(before)
        held.append((_longer(before[0], start, used), used))
    return ended + [session for session, _ in held]


def _distance(end: int, start: int) -> tuple[bool, int]:
    """Order sessions by how well a run follows them: those that have ended first, the nearest first."""
    return end > start, abs(end - start)


def _longer(session: Session, start: int, used: int) -> Session:
    total = session.used_ns + used
    length = max(start + used - session.started_ns, session.length_ns, total)
    return Session(session.tariff, session.started_ns, total, length)


def _end(session: Session) -> int:
    return session.started_ns + session.length_ns


def _ns(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def charges_in_force(inputs: MonthInputs, days: int, runs: Sequence[GpuRun]) -> Charges:
    """Return the charges of the modes that really held, by rates: reserved hours of `days` days, sessions of `runs`."""
    reserved, reserved_ns = Fraction(0), 0
    for day in days_of(inputs, days):
        for terms in terms_on(inputs.terms, day):
            if terms.mode == "reserved":
                reserved += _day(terms.rate, terms.gpus, inputs.month)
                reserved_ns += terms.gpus * NS_PER_DAY
    held = sessions((run, tariff) for run in runs if (tariff := tariff_in_force(inputs, run)))
    on_demand = sum((session.nano for session in held), Fraction(0))
    return Charges(reserved, on_demand, reserved_ns, sum(session.billed_ns for session in held), len(held))


def terms_of(inputs: MonthInputs, run: GpuRun) -> InfrastructureTerms | None:
    """Return the terms of the kind of machine that a run used, as they held on its day; None: there were none."""
    held = terms_on(inputs.terms, day_of(run))
    exact = (terms for terms in held if terms.kind == run.kind)
    return next(exact, None) or next((terms for terms in held if same_kind(terms.kind, run.kind)), None)


def tariff_in_force(inputs: MonthInputs, run: GpuRun) -> Tariff | None:
    """Return the tariff that a run was billed at on demand; None where it ran on a reserved machine.

    A run on a kind of machine without terms is billed at its own rate.
    """
    terms = terms_of(inputs, run)
    if terms is None:
        return _own(run)
    if terms.mode == "reserved":
        return None
    return Tariff(run.kind, terms.rate.nano_per_hour or 0, terms.increment_seconds)


def bill_reserved(inputs: MonthInputs, days: int) -> Fraction | None:
    """Return what `days` days of reserved machines cost or would have cost; None without a rate.

    Around the clock on the days on which terms hold: at their rate where they are reserved, else at the
    reference. Without any terms in these days, one machine of the kind that was used, for all of them.
    """
    held = [terms for day in days_of(inputs, days) for terms in terms_on(inputs.terms, day)]
    if not held:
        reference = _reference(inputs, "reserved", _most_used(inputs))
        return None if reference is None else days * _day(reference.rate, 1, inputs.month)
    total = Fraction(0)
    for terms in held:
        reference = _reference(inputs, "reserved", terms.kind)
        if terms.mode == "reserved":
            total += _day(terms.rate, terms.gpus, inputs.month)
        elif reference is None:
            return None
        else:
            total += _day(reference.rate, terms.gpus, inputs.month)
    return total


def bill_on_demand(inputs: MonthInputs, runs: Sequence[GpuRun]) -> Fraction | None:
    """Return what the sessions of `runs` cost or would have cost on demand; None without a rate.

    Of a run on reserved terms: at the reference rate, else at its own where that is an on-demand rate.
    """
    tariffs = [(run, _on_demand(inputs, run)) for run in runs if run.time.total_ns]
    known = [(run, tariff) for run, tariff in tariffs if tariff is not None]
    if len(known) < len(tariffs):
        return None
    return sum((session.nano for session in sessions(known)), Fraction(0))


def machines(inputs: MonthInputs) -> int:
    """Return how many machines the terms of the days that are covered name, at least 1: the reserved ones, if any."""
    most = 1
    for day in days_of(inputs, inputs.days):
        held = terms_on(inputs.terms, day)
        reserved = [terms.gpus for terms in held if terms.mode == "reserved"]
        most = max(most, sum(reserved or [terms.gpus for terms in held]))
    return most


def gpus_needed(inputs: MonthInputs, runs: Iterable[GpuRun]) -> Fraction:
    """Return how many machines the busy and idle time of `runs` fills around the clock."""
    held = sum(run.time.busy_ns + run.time.idle_ns for run in runs)
    return Fraction(held, inputs.days * NS_PER_DAY)


def references_used(inputs: MonthInputs) -> list[str]:
    """Name the sources of the reference rates that the scenarios of the days that are covered stand on."""
    held = [terms for day in days_of(inputs, inputs.days) for terms in terms_on(inputs.terms, day)]
    kinds = {terms.kind for terms in held if terms.mode != "reserved"} if held else {_most_used(inputs)}
    used = [_reference(inputs, "reserved", kind) for kind in sorted(kinds, key=str)]
    reserved = {run.kind for run in inputs.gpu_runs if tariff_in_force(inputs, run) is None}
    used += [_reference(inputs, "on_demand", kind) for kind in sorted(reserved)]
    return list(dict.fromkeys(one.source for one in used if one is not None))


def _most_used(inputs: MonthInputs) -> str | None:
    """Return the kind of machine of the longest run; None where there was none."""
    return max(inputs.gpu_runs, key=lambda run: run.time.total_ns).kind if inputs.gpu_runs else None


def _on_demand(inputs: MonthInputs, run: GpuRun) -> Tariff | None:
    if (tariff := tariff_in_force(inputs, run)) is not None:
        return tariff
    reference = _reference(inputs, "on_demand", run.kind)
    if reference is not None and reference.rate.nano_per_hour is not None:
        return Tariff(run.kind, reference.rate.nano_per_hour, reference.increment_seconds)
    return _own(run) if run.billing_mode == "on_demand" else None


def _reference(inputs: MonthInputs, mode: BillingMode, kind: str | None) -> ReferenceRate | None:
    """Return the reference rate of a kind of machine (None: of any)."""
    for one in inputs.references:
        if one.mode == mode and (one.kind is None or kind is None or same_kind(one.kind, kind)):
            return one
    return None


def _own(run: GpuRun) -> Tariff:
    return Tariff(run.kind, run.nano_usd_per_hour, run.billing_increment_seconds)


def _day(rate: Rate, machines: int, month: date) -> Fraction:
    """Return what a day around the clock costs: 24 hours, or a day's part of a month's amount."""
    if rate.nano_per_month is not None:
        return Fraction(machines * rate.nano_per_month, days_in(month))
    return Fraction(machines * 24 * (rate.nano_per_hour or 0))
