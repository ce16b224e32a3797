"""What audits counted, month by month, and whether a month agrees less with the API than those before it by more than chance.

Each month is compared with all months since the last drop, by Fisher's exact test of two shares, one-sided (Fisher 1935, The Logic of
Inductive Inference, Journal of the Royal Statistical Society 98:39-82): given how many agree in all, the probability that so few of them, or
fewer, fall into this month by chance. Somebody looks each month, and within a month after each week (`LOOK_DAYS`); so the probability that is taken for
more than chance is that of a year, divided by its looks (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import exp, fsum, lgamma

import numpy as np

from models.economics.month import Viability
from models.evaluation.audit_counts import AuditCount
from models.evaluation.scores import Interval
from models.evaluation.sequential import PairedScores, always_valid_interval
from models.months import days_in, month_of

LOOK_DAYS = (7, 14, 21, 28)
"""Days of a running month after which it is looked at; the last look is at its end."""
_LOOKS_OF_A_YEAR = 12 * (len(LOOK_DAYS) + 1)
CHANCE = 0.05 / _LOOKS_OF_A_YEAR
"""What counts as chance at one look: in a year without any change, at most one workload's route of 20 is told of."""


@dataclass(frozen=True, slots=True)
class AuditDrop:
    """A month that agrees less than the months before it, since the last drop, by more than chance.

    `chance`: the probability of so few agreeing records, or fewer, if nothing had changed.
    """

    now: AuditCount
    before: AuditCount
    chance: float


def last_look(today: date) -> date | None:
    """Return the last day of the running month that is looked at today, None before the first look."""
    ended = [day for day in (*LOOK_DAYS, days_in(month_of(today))) if day < today.day]
    return today.replace(day=ended[-1]) if ended else None


def find_drops(months: Sequence[AuditCount]) -> list[AuditDrop]:
    """Return each month in which agreement dropped; `months` are of one workload, engine and judge, the oldest first.

    A month after a drop is compared with the months from the drop on, so that each drop is found once.
    """
    found = []
    before: AuditCount | None = None
    for now in months:
        if before is not None and (drop := _find_drop(now, before)) is not None:
            found.append(drop)
            before = None
        before = now if before is None else _add(before, now)
    return found


def _find_drop(now: AuditCount, before: AuditCount) -> AuditDrop | None:
    chance = chance_of_so_few(now.agreeing, now.audited, before.agreeing, before.audited)
    return AuditDrop(now, before, chance) if chance <= CHANCE else None


def _add(before: AuditCount, now: AuditCount) -> AuditCount:
    names = ("audited", "agreeing", "unjudged")
    return replace(before, **{name: getattr(before, name) + getattr(now, name) for name in names})


def chance_of_so_few(agreeing: int, audited: int, before_agreeing: int, before_audited: int) -> float:
    """Return the probability, in 0..1, that so few of all agreeing records or fewer are of this month, if both share one rate.

    The lower tail of the hypergeometric distribution: exact for any counts. 1 where there is nothing to compare.
    """
    total = agreeing + before_agreeing
    least = max(0, total - before_audited)
    whole = _log_choose(audited + before_audited, total)
    return min(
        1.0,
        fsum(
            exp(_log_choose(audited, few) + _log_choose(before_audited, total - few) - whole)
            for few in range(least, agreeing + 1)
        ),
    )


def _log_choose(of: int, some: int) -> float:
    return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)


def judge_audits(counts: Sequence[AuditCount], keep: float) -> Viability | None:
    """Say whether what is served without the API is good enough, by how often the API answers the same; None without an audit.

    Viable where the share that agrees is surely at least `keep`, not viable where it surely is below; sure as a verdict on labels is, however often
    one looks (`models.evaluation.sequential`), and whatever people would have said of the records that they left unjudged.
    """
    audited, agreeing, unjudged = (
        sum(getattr(one, name) for one in counts) for name in ("audited", "agreeing", "unjudged")
    )
    if not audited:
        return None
    worst, best = _sure(agreeing, audited + unjudged), _sure(agreeing + unjudged, audited + unjudged)
    if worst is not None and worst.low >= keep:
        return "viable"
    return "not_viable" if best is not None and best.high < keep else "undecided"


def _sure(agreeing: int, audited: int) -> Interval | None:
    same = PairedScores(
        np.array([1.0, 0.0]), np.array([1.0, 1.0]), np.array([agreeing, audited - agreeing], dtype=float)
    )
    return always_valid_interval(same)
