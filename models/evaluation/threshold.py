"""From which confidence on the small model's answer is kept: accuracy and cost over all thresholds, and the one to take."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import isnan

import numpy as np

from models.evaluation.balance import ClassHits
from models.evaluation.figures import KEEP, Point, Threshold
from models.evaluation.intervals import paired_ratio, share
from models.evaluation.sequential import SURE, PairedScores, is_above_when_replaced
from models.evaluation.steps import NO_ANSWER, find_steps

_MOST_POINTS = 200


def choose_threshold(
    confidences: Sequence[float | None],
    right_small: Sequence[bool],
    right_api: Sequence[bool],
    small_nano_per_record: Fraction | None,
    api_nano_per_record: Fraction | None,
    keep: float = KEEP,
    hits: tuple[ClassHits, ClassHits] | None = None,
) -> Threshold:
    """Try every threshold on records that both models answered, all in the same order.

    A record goes to the API where production would send it (`models.routing.rules.find_reason`): its confidence is below
    the threshold. None is the confidence of a record without a valid answer; it goes at every threshold, 0 as
    well, since `invalid_output` is sent on by default. A valid answer whose confidence is unknown counts as 0 in
    production; give it as 0 (not-a-number is taken for 0 as well).

    The thresholds are 0 and one between each confidence and the next higher; the last is at most 1, so that
    a confidence of 1 never goes, as in production. Each record costs the small model, and the API as well if
    it goes; cost is None where a price that it needs is unknown. The curve holds at most 200 points, evenly taken.

    `chosen` is the first, and so the cheapest, of all points that a verdict would call viable (`models.evaluation.verdict`): whose accuracy,
    and with `hits` whose balanced accuracy, surely keeps `keep` of the API's. The ratio itself being there would not do: the threshold is
    chosen on the very records that it is judged by, and the best of many points looks better than it is.
    """
    every = list(zip(map(_sureness, confidences), right_small, right_api, strict=True))
    order = sorted(range(len(every)), key=lambda at: every[at][0])
    records = [every[at] for at in order]
    sureness = [sure for sure, _, _ in records]
    outcomes = _Outcomes.of([(small, api) for _, small, api in records])
    keeps = _surely_keeps(records, order, hits, keep)
    points, chosen = [], None
    for at in find_steps(sureness):
        escalated = bisect_left(sureness, at)
        cost = _nano_per_thousand(escalated, len(records), small_nano_per_record, api_nano_per_record)
        points.append(outcomes.point(at, escalated, cost))
        chosen = points[-1] if chosen is None and keeps[escalated] else chosen
    return Threshold(keep, _thin(points, chosen), chosen)


def _surely_keeps(
    records: Sequence[tuple[float, bool, bool]],
    order: Sequence[int],
    hits: tuple[ClassHits, ClassHits] | None,
    keep: float,
) -> Sequence[bool]:
    """Say of each number of first records that go to the API whether what is then answered surely keeps enough."""
    if not records:
        return [False]
    tests = [([float(one) for _, one, _ in records], [float(one) for _, _, one in records], 1.0)]
    if hits is not None and any(hits[0].truths):
        mine, other = ([scores[at] for at in order] for scores in (hits[0].scores(), hits[1].scores()))
        tests.append((mine, other, max(hits[0].highest())))
    none = np.zeros(len(records))
    sure = [
        is_above_when_replaced(PairedScores(np.asarray(mine), np.asarray(other), none, most), keep) >= SURE
        for mine, other, most in tests
    ]
    return [bool(one) for one in np.all(sure, axis=0)]


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Sums over the first records in order of confidence: of those that the API, both, or one alone answered right."""

    api: Sequence[int]
    both: Sequence[int]
    only_small: Sequence[int]
    only_api: Sequence[int]

    @classmethod
    def of(cls, outcomes: Sequence[tuple[bool, bool]]) -> "_Outcomes":
        """Sum up pairs of right by the small model and right by the API."""
        return cls(
            api=_sums(api for _, api in outcomes),
            both=_sums(small and api for small, api in outcomes),
            only_small=_sums(small and not api for small, api in outcomes),
            only_api=_sums(api and not small for small, api in outcomes),
        )

    def point(self, at: float, escalated: int, nano_per_thousand: int | None) -> Point:
        """Answer the first `escalated` records by the API and the others by the small model, against the API alone."""
        records = len(self.api) - 1
        both, only_small, only_api = (
            sums[-1] - sums[escalated] for sums in (self.both, self.only_small, self.only_api)
        )
        both += self.api[escalated]
        ratio, interval = paired_ratio(both, only_small, only_api)
        return Point(
            threshold=at,
            escalated=share(escalated, records),
            accuracy=share(both + only_small, records),
            ratio=ratio,
            interval=interval,
            nano_per_thousand=nano_per_thousand,
        )


def _sureness(confidence: float | None) -> float:
    if confidence is None:
        return NO_ANSWER
    return 0.0 if isnan(confidence) else confidence


def _nano_per_thousand(
    escalated: int, records: int, small: Fraction | None, api: Fraction | None
) -> int | None:
    if small is None or not records or (api is None and escalated):
        return None
    return round(1000 * (small + Fraction(escalated, records) * (api or 0)))


def _thin(points: Sequence[Point], chosen: Point | None) -> tuple[Point, ...]:
    """Keep the first, the last, the chosen, and others evenly."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    kept = {at * (len(points) - 1) // (_MOST_POINTS - 2) for at in range(_MOST_POINTS - 1)}
    if chosen is not None:
        kept.add(points.index(chosen))
    return tuple(points[at] for at in sorted(kept))


def _sums(flags: Iterable[bool]) -> list[int]:
    return [0, *accumulate(map(int, flags))]
