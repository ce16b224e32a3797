"""Whether the ratio of two paired means lies above or below a value, by a test that holds however often one looks.

A verdict is asked for again and again while labels are added. A usual 95 % interval errs in 2.5 % of samples at one look, and in
more with every further look. Here nothing has to be known of the looks: how many there were, of how many records, why one stopped.

The test bets against "the first reaches no more than `ratio` of the second" (Waudby-Smith and Ramdas 2024, Estimating means of
bounded random variables by betting, Journal of the Royal Statistical Society B 86:1-27). A stake of `t` multiplies the capital by
1 + t (first / ratio - second) / most with each record: as long as the bet is lost on average, no strategy is ever expected to gain, so
the capital ever reaches 40 in at most one of 40 samples (Ville's inequality). The capital is the mean over stakes from 0 to 1 with the
weights of Cover's universal portfolio (the arcsine distribution; Cover and Ordentlich 1996, IEEE Transactions on Information Theory
42:348-363), so it depends on the records and not on their order. No distribution is assumed: it holds for two records as for ten thousand.

What it costs, and how often each errs: `python -m bench.looks`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi

import numpy as np
import numpy.typing as npt

from models.evaluation.scores import Interval

Numbers = npt.NDArray[np.float64]
SURE = log(40)
"""Logarithm of the capital at which a bet is won: the claim is wrong in at most 2.5 of 100 samples."""
_STAKES: Numbers = (1 - np.cos(pi * (np.arange(40) + 0.5) / 40)) / 2
"""As many stakes of equal weight, spread as the arcsine distribution; all below 1, so that no capital is ever lost whole."""
_STEPS = 50


@dataclass(frozen=True, slots=True)
class PairedScores:
    """What two arms scored on the same records: kinds of pairs with how many records are of each.

    `most`: the highest score that a record can have; the lowest is 0.
    """

    first: Numbers
    second: Numbers
    counts: Numbers
    most: float = 1.0

    @property
    def ratio(self) -> float | None:
        """First mean to second mean; None where the second has nothing."""
        other = float(self.counts @ self.second)
        return float(self.counts @ self.first) / other if other > 0 else None


def is_above(scores: PairedScores, ratio: float, counts: Numbers | None = None) -> Numbers:
    """Return the logarithm of the capital of a bet that the first reaches more than `ratio` of the second.

    `counts`: rows of other counts of the same kinds of pairs, one result for each. Above `SURE` it is won.
    """
    return _log_capital((scores.first / ratio - scores.second) / scores.most, scores.counts, counts)


def is_below(scores: PairedScores, ratio: float, counts: Numbers | None = None) -> Numbers:
    """Return the logarithm of the capital of a bet that the first reaches less than `ratio` of the second."""
    return _log_capital((ratio * scores.second - scores.first) / scores.most, scores.counts, counts)


def always_valid_interval(scores: PairedScores) -> Interval | None:
    """Return all ratios that no bet was won against: the interval that holds at every look. None without a ratio.

    Swapping first and second gives the reciprocals.
    """
    ratio = scores.ratio
    if ratio is None:
        return None
    low = _limit(lambda at: float(is_above(scores, at)[0]) >= SURE, ratio, -1)
    high = _limit(lambda at: float(is_below(scores, at)[0]) >= SURE, ratio, 1)
    return Interval(low, high)


def is_above_when_replaced(scores: PairedScores, ratio: float) -> Numbers:
    """Return what `is_above` says once the first 0, 1, 2 ... records, in their order, score for the first what they score for the second.

    `scores` are one record a row; their counts do not matter.
    """
    kept = log_growth((scores.first / ratio - scores.second) / scores.most)
    replaced = log_growth((scores.second / ratio - scores.second) / scores.most)
    none = np.zeros((1, len(_STAKES)))
    sums = np.vstack([none, np.cumsum(replaced, axis=0)]) + np.vstack(
        [np.cumsum(kept[::-1], axis=0)[::-1], none]
    )
    return log_capital(sums)


def log_growth(gains: Numbers) -> Numbers:
    """Return the logarithm of what each stake makes of one unit of capital at each gain: one row a gain. Rows add up over records."""
    return np.asarray(np.log1p(np.outer(gains, _STAKES)))


def log_capital(growth: Numbers) -> Numbers:
    """Return the logarithm of the mean capital over the stakes, which are the last axis of the summed growth."""
    return np.asarray(np.logaddexp.reduce(growth, axis=-1) - log(len(_STAKES)))


def find_noise(scores: PairedScores, ratio: float) -> float:
    """Return the share of wrong labels up to which the first surely reaches `ratio` of the second all the same.

    Wrong labels draw both accuracies towards chance and so their ratio towards 1. They are taken to fall between two labels
    whatever the models answer: then an accuracy p is measured as p + (1 - 2p) times the share. Between more labels less is
    answered rightly by chance, and the ratio is flattered less. Searched from 0 to a half.
    """
    gains = (scores.first / ratio - scores.second) / scores.most

    def stands(noise: float) -> bool:
        lost = (1 / ratio - 1) * noise / scores.most
        return float(_log_capital((gains - lost) / (1 + lost), scores.counts, None)[0]) >= SURE

    low, high = 0.0, 0.5
    if not stands(low):
        return 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if stands(middle) else (low, middle)
    return low


def _log_capital(gains: Numbers, own: Numbers, counts: Numbers | None) -> Numbers:
    """Return the logarithm of the mean capital over the stakes, for each row of counts; `gains` of one unit, -1 at least."""
    return log_capital(np.asarray(np.atleast_2d(own if counts is None else counts) @ log_growth(gains)))


def _limit(rejects: Callable[[float], bool], ratio: float, direction: int) -> float:
    """Return the ratio nearest to the estimate that is rejected; 0 or infinity where none is."""
    if ratio == 0 and direction < 0:
        return 0.0
    step = 1.0
    inside = outside = ratio if ratio > 0 else 1e-9
    while not rejects(outside):
        inside, outside = outside, outside * 2.0 ** (direction * step)
        step *= 2
        if not 1e-12 < outside < 1e12:  # noqa: PLR2004
            return 0.0 if direction < 0 else float("inf")
    for _ in range(_STEPS):
        middle = (inside * outside) ** 0.5
        inside, outside = (inside, middle) if rejects(middle) else (middle, outside)
    return inside
