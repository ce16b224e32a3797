"""How many further labels would decide a verdict: in half of the cases, and in four of five.

What the accuracies really are is not known, so the shares seen so far do not say how the next labels fall. Each case is drawn from what
the labels leave open: shares from their posterior (a Dirichlet distribution), then further records from these shares. The share of
the cases that are decided is the predictive power of so many labels (Spiegelhalter, Freedman and Blackburn 1986, Controlled Clinical
Trials 7:8-17). How often it holds: `python -m bench.looks`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
import numpy.typing as npt

from models.evaluation.sequential import SURE, Numbers, PairedScores, is_above, is_below

MOST_LABELS = 100_000
"""Beyond so many further labels nobody would label."""
HALF, FOUR_OF_FIVE = 0.5, 0.82
"""Four of five is aimed at a little high, since models are not spread as the prior is: in simulations it is then what comes of it."""
CASES = 400
SEED = 20_030


@dataclass(frozen=True, slots=True)
class PairedRecords:
    """Records by kind: what two arms scored on each, in one or two measures that both have to keep.

    `kinds` has two columns a measure, the first's score and the second's, and a row a kind; `counts` how many records are of it, `prior`
    how many are made up, so that what was not seen yet can come. `most`: the highest score of each measure.
    """

    kinds: Numbers
    counts: Numbers
    prior: Numbers
    most: Sequence[float]

    @classmethod
    def count(
        cls,
        rows: Sequence[Sequence[float]],
        made_up: Sequence[Sequence[float]],
        *,
        prior: float,
        most: Sequence[float],
    ) -> "PairedRecords":
        """Count the kinds of records in `rows`, and `prior` of a record for each of `made_up`."""
        every = np.asarray([*rows, *made_up], float)
        kinds, kind_of = np.unique(every, axis=0, return_inverse=True)
        kind_of = kind_of.ravel()
        counts = np.bincount(kind_of[: len(rows)], minlength=len(kinds)).astype(float)
        added = prior * np.bincount(kind_of[len(rows) :], minlength=len(kinds)).astype(float)
        return cls(kinds, counts, added, most)

    def test(self, measure: int) -> PairedScores:
        """Return the scores of one measure."""
        first, second = self.kinds[:, 2 * measure], self.kinds[:, 2 * measure + 1]
        return PairedScores(first, second, self.counts, self.most[measure])

    def is_decided(self, keep: float, counts: Numbers) -> npt.NDArray[np.bool_]:
        """Say of each row of counts whether the first surely keeps enough of every measure, or surely not of one."""
        tests = [self.test(measure) for measure in range(len(self.most))]
        above = np.all([is_above(one, keep, counts) >= SURE for one in tests], axis=0)
        below = np.any([is_below(one, keep, counts) >= SURE for one in tests], axis=0)
        return np.asarray(above | below)


@dataclass(frozen=True, slots=True)
class MoreLabels:
    """About how many further labels decide it in half of the cases, and in four of five."""

    half: int
    four_of_five: int


def predict_labels(records: PairedRecords, keep: float) -> MoreLabels | None:
    """Return how many further records would decide it; None where not even 100,000 do in four of five cases.

    Drawn by a fixed seed: the same every time. Rounded up to two digits, since more would be chance.
    """
    whole = records.counts + records.prior
    drawn = np.random.default_rng(SEED).dirichlet(whole[whole > 0], size=CASES)

    def share_decided(more: int) -> float:
        further = np.zeros((CASES, len(whole)))
        further[:, whole > 0] = np.random.default_rng((SEED, more)).multinomial(more, drawn)
        return float(np.mean(records.is_decided(keep, records.counts + further)))

    most = _least(share_decided, FOUR_OF_FIVE)
    if most is None:
        return None
    half = _least(share_decided, HALF) or most
    return MoreLabels(_round_up(min(half, most)), _round_up(most))


def _least(share_decided: Callable[[int], float], wanted: float) -> int | None:
    """Find about the least number that decides the wanted share, by doubling, then by bisection to a fiftieth."""
    low, high = 0, 1
    while share_decided(high) < wanted:
        if high >= MOST_LABELS:
            return None
        low, high = high, min(2 * high, MOST_LABELS)
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if share_decided(middle) >= wanted else (middle, high)
    return high


def _round_up(number: int) -> int:
    """Round up to two digits."""
    unit = int(10 ** max(0, floor(log10(number)) - 1))
    return ceil(number / unit) * unit
