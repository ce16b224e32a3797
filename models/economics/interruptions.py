"""Spot machines that were taken away: how often, and what was paid and had to be done again. Exact."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from models.economics.gpu_run import GpuRun
from models.economics.pricing import half_up
from models.economics.terms_in_force import RunTerms
from models.gpu_time import NS_PER_HOUR, split_exactly


@dataclass(frozen=True, slots=True)
class SpotUse:
    """Runs on spot machines of one kind, in the days that are covered.

    `interruptions` of the `runs` ended because their machine was taken away. `held_ns`: GPU time of all of them;
    `lost_ns` of it was load that has to be done again and work that no record carries, and `lost_nano` is what that
    part of the bill came to.
    """

    kind: str
    runs: int
    held_ns: int
    interruptions: int
    lost_ns: int
    lost_nano: int


def sum_spot(runs: Sequence[RunTerms], scale: Fraction) -> tuple[SpotUse, ...]:
    """Sum up runs on spot machines by kind. `scale`: by what the bill in force differs from the rates.

    What was lost is rounded once, and its parts sum to it to the nano-dollar.
    """
    own = [one for one in runs if one.mode == "spot"]
    kinds = sorted({one.run.kind for one in own})
    if not kinds:
        return ()
    by_kind = {kind: [one for one in own if one.run.kind == kind] for kind in kinds}
    lost = [sum(map(_lost_nano_hours, of)) for of in by_kind.values()]
    parts = split_exactly(half_up(scale * Fraction(sum(lost), NS_PER_HOUR)), lost)
    return tuple(
        _sum_kind(kind, [one.run for one in of], nano)
        for (kind, of), nano in zip(by_kind.items(), parts, strict=True)
    )


def forget_interruptions(runs: Iterable[GpuRun]) -> tuple[GpuRun, ...]:
    """Return runs as they are where nothing is spot: no machine is taken away there."""
    return tuple(replace(run, lost_ns=None) for run in runs if run.time.total_ns)


def _lost_nano_hours(one: RunTerms) -> int:
    return (one.run.lost_ns or 0) * (0 if one.tariff is None else one.tariff.nano_per_hour)


def _sum_kind(kind: str, runs: Sequence[GpuRun], lost_nano: int) -> SpotUse:
    return SpotUse(
        kind=kind,
        runs=len(runs),
        held_ns=sum(run.time.total_ns for run in runs),
        interruptions=sum(run.lost_ns is not None for run in runs),
        lost_ns=sum(run.lost_ns or 0 for run in runs),
        lost_nano=lost_nano,
    )
