"""What runs would have cost in a mode that they were not billed in. Exact.

On a spot machine, work takes longer by what interruptions lose: each session is prolonged by that share of it, so that the
loss grows with volume and is rounded to increments as all else is. Off it, what was lost would not have been.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from models.economics.gpu_run import BillingMode, GpuRun
from models.economics.month import MonthInputs, ReferenceRate
from models.economics.on_demand import OnDemandCost
from models.economics.pricing import half_up
from models.economics.sessions import Session, group_sessions
from models.economics.spot_basis import SpotBasis
from models.economics.terms_in_force import RunTerms, Tariff, is_same_kind
from models.gpu_time import NS_PER_DAY, NS_PER_HOUR, GpuTime

LEAST_HELD_NS = NS_PER_DAY
"""What was measured on spot machines counts where they were held for so long; less says nothing of how often they go."""


@dataclass(frozen=True, slots=True)
class Expected:
    """So many interruptions in an hour of useful work on a spot machine, each of which loses `lost_ns`.

    `measured`: on spot machines; else they are assumed.
    """

    per_hour: Fraction
    lost_ns: Fraction
    measured: bool

    @property
    def share(self) -> Fraction:
        """Time that is done again, as a share of the useful time."""
        return self.per_hour * self.lost_ns / NS_PER_HOUR


@dataclass(frozen=True, slots=True)
class SpotCost:
    """What a month's runs cost or would have cost on spot machines.

    `count`: interruptions that are expected for those that ran elsewhere, and `lost`: what they cost, which is in
    `cost`; of those that ran on spot machines, what was really lost is in it.
    """

    cost: OnDemandCost
    expected: Expected
    count: Fraction
    lost: Fraction


def find_reference(inputs: MonthInputs, mode: BillingMode, kind: str | None) -> ReferenceRate | None:
    """Return the reference rate of a kind of machine (None: of any)."""
    for one in inputs.references:
        if one.mode == mode and (one.kind is None or kind is None or is_same_kind(one.kind, kind)):
            return one
    return None


def suppose_on_demand(inputs: MonthInputs, runs: Sequence[RunTerms]) -> OnDemandCost | None:
    """Return what runs cost or would have cost on demand; None where one of them has no rate."""
    found = [(_without_loss(one), _find_on_demand(inputs, one)) for one in runs if one.run.time.total_ns]
    if None in (tariff for _, tariff in found):
        return None
    return OnDemandCost.of(group_sessions((run, tariff) for run, tariff in found if tariff is not None))


def suppose_spot(inputs: MonthInputs, runs: Sequence[RunTerms]) -> SpotCost | None:
    """Return what runs cost or would have cost on spot machines; None where nobody has one, or a run has no rate there."""
    found = [(one, _find_spot(inputs, one)) for one in runs if one.run.time.total_ns]
    if inputs.spot is None or None in (tariff for _, tariff in found):
        return None
    known = [(one, tariff) for one, tariff in found if tariff is not None]
    ran = group_sessions((one.run, tariff) for one, tariff in known if one.mode == "spot")
    supposed = group_sessions((one.run, tariff) for one, tariff in known if one.mode != "spot")
    expected = expect_interruptions(inputs.spot, [one.run for one in runs])
    prolonged = [_prolong(session, expected.share) for session in supposed]
    useful = Fraction(sum(session.used_ns for session in supposed), NS_PER_HOUR)
    before, after = (sum((one.nano for one in of), Fraction(0)) for of in (supposed, prolonged))
    cost = OnDemandCost.of([*ran, *prolonged])
    return SpotCost(cost, expected, expected.per_hour * useful, after - before)


def expect_interruptions(basis: SpotBasis, runs: Sequence[GpuRun]) -> Expected:
    """Return what was measured, else what is assumed: a load as long as those of these runs, and what lies between two commits."""
    useful_ns = basis.held_ns - basis.lost_ns
    if basis.held_ns >= LEAST_HELD_NS and useful_ns:
        lost = Fraction(basis.lost_ns, basis.interruptions or 1)
        return Expected(Fraction(basis.interruptions * NS_PER_HOUR, useful_ns), lost, measured=True)
    loads = [run.time.load_ns for run in runs if run.time.load_ns]
    load = Fraction(sum(loads), len(loads) or 1) if basis.load_ns is None else Fraction(basis.load_ns)
    return Expected(Fraction(basis.per_hour), load + basis.commit_ns, measured=False)


def _prolong(session: Session, share: Fraction) -> Session:
    more = half_up(share * session.used_ns)
    return replace(
        session,
        used_ns=session.used_ns + more,
        length_ns=session.length_ns + more,
        varying_ns=session.varying_ns + more,
    )


def _without_loss(one: RunTerms) -> GpuRun:
    """Return a run as it would have been where no machine is taken away; of a run elsewhere, as it was."""
    if one.mode != "spot" or not one.run.lost_ns:
        return one.run
    time, lost = one.run.time, one.run.lost_ns
    load = min(time.load_ns, lost)
    busy = min(time.busy_ns, lost - load)
    kept = GpuTime(time.load_ns - load, time.busy_ns - busy, time.idle_ns - (lost - load - busy))
    return replace(one.run, time=kept, lost_ns=None)


def _find_on_demand(inputs: MonthInputs, one: RunTerms) -> Tariff | None:
    """Return what a run cost or would have cost on demand; None without a rate.

    Of a run in another mode: at the reference rate, else at its own where that is an on-demand rate.
    """
    if (tariff := one.tariff) is not None and tariff.mode == "on_demand":
        return tariff
    reference = find_reference(inputs, "on_demand", one.run.kind)
    if reference is not None and reference.rate.nano_per_hour is not None:
        return Tariff(one.run.kind, reference.rate.nano_per_hour, reference.increment_seconds)
    return one.own_tariff if one.run.billing_mode == "on_demand" else None


def _find_spot(inputs: MonthInputs, one: RunTerms) -> Tariff | None:
    """Return what a run cost or would have cost on a spot machine; None without a rate."""
    if (tariff := one.tariff) is not None and tariff.mode == "spot":
        return tariff
    reference = find_reference(inputs, "spot", one.run.kind)
    if reference is None or reference.rate.nano_per_hour is None:
        return None
    return Tariff(one.run.kind, reference.rate.nano_per_hour, reference.increment_seconds, "spot")
