"""The 90 % rule: is one model good enough beside another, and if that is open, how many more labels would tell."""

from collections.abc import Sequence
from math import ceil
from statistics import fmean

from models.economics.month import Viability
from models.evaluation.figures import KEEP, ArmName, Comparison, MeanComparison
from models.evaluation.intervals import paired_ratio
from models.evaluation.resampling import ratio_of_means
from models.evaluation.scores import Interval

_MOST_LABELS = 100_000
"""Beyond so many further labels nobody would label: the shares are as good as the rule's own."""


def compare(
    first: ArmName,
    second: ArmName,
    right_first: Sequence[bool],
    right_second: Sequence[bool],
    keep: float = KEEP,
) -> Comparison:
    """Compare two arms that answered the same records, in the same order.

    Viable where the ratio of the accuracies is at least `keep` with 95 % confidence, not viable where it is below
    it with the same, else undecided. Raises `ValueError` for arms with unequal numbers of records.
    """
    pairs = list(zip(right_first, right_second, strict=True))
    both, only_first, only_second, neither = (
        pairs.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))
    )
    ratio, interval = paired_ratio(both, only_first, only_second)
    viability = _viability(interval, keep)
    more = _more(both, only_first, only_second, neither, keep) if viability == "undecided" else None
    return Comparison(first, second, both, only_first, only_second, neither, ratio, interval, viability, more)


def compare_means(
    first: ArmName,
    second: ArmName,
    scores_first: Sequence[float],
    scores_second: Sequence[float],
    keep: float = KEEP,
) -> MeanComparison:
    """Compare two arms that answered the same records, in the same order, by the means of their scores.

    The rule is that of `compare`, with the bootstrap's interval of the ratio of the means. Raises `ValueError` for arms with unequal
    numbers of records.
    """
    records = len(scores_first)
    ratio, interval = ratio_of_means(scores_first, scores_second)
    viability = _viability(interval, keep)
    more = None
    if viability == "undecided" and ratio is not None and interval is not None:
        more = _more_of_means(records, ratio, interval, keep)
    mine, other = (fmean(scores) if records else 0.0 for scores in (scores_first, scores_second))
    return MeanComparison(first, second, records, mine, other, ratio, interval, viability, more)


def _more_of_means(records: int, ratio: float, interval: Interval, keep: float) -> int | None:
    """Return about how many further records decide it: an interval narrows with the root of their number."""
    reach = ratio - interval.low if ratio >= keep else interval.high - ratio
    distance = abs(ratio - keep)
    if distance * (1 + _MOST_LABELS / records) ** 0.5 <= reach:
        return None
    return max(1, ceil(records * ((reach / distance) ** 2 - 1)))


def _viability(interval: Interval | None, keep: float) -> Viability:
    if interval is None:
        return "undecided"
    if interval.low >= keep:
        return "viable"
    return "not_viable" if interval.high < keep else "undecided"


def _more(both: int, only_first: int, only_second: int, neither: int, keep: float) -> int | None:
    """Return about how many further records decide it, if their shares are those seen so far.

    The counts are scaled as real numbers; the number is found by doubling, then by bisection. None beyond
    100,000, as where the ratio is the wished one itself, and where the second got nothing right.
    """
    records = both + only_first + only_second + neither

    def decided(more: int) -> bool:
        times = 1 + more / records
        _, interval = paired_ratio(times * both, times * only_first, times * only_second)
        return _viability(interval, keep) != "undecided"

    if both + only_second == 0 or not decided(_MOST_LABELS):
        return None
    open_, enough = 0, 1
    while not decided(enough):
        open_, enough = enough, 2 * enough
    while enough - open_ > 1:
        middle = (open_ + enough) // 2
        open_, enough = (open_, middle) if decided(middle) else (middle, enough)
    return enough
