"""Every cascade of some stages over the same records, by sums: which keep enough for sure, and which of them costs least."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.evaluation.sequential import SURE, Numbers, log_capital, log_growth
from models.evaluation.steps import NO_ANSWER, find_steps

Places = npt.NDArray[np.intp]
Choice = tuple[tuple[int, float], ...]
"""Stages by their place, each with its threshold; the last one's says nothing: it takes what comes."""
GRID = 40
"""Thresholds tried for a stage; of more confidences evenly many of them."""


@dataclass(frozen=True, slots=True)
class StageTable:
    """Stages over records, one row a stage: `confidence` of no valid answer is `NO_ANSWER`.

    `growth`: what each record answered by a stage adds to the bets that enough is kept, one block of columns a test. `cost`: of one
    record, what is least wanted first.
    """

    confidence: Numbers
    growth: Sequence[Numbers]
    cost: Sequence[tuple[float, ...]]
    reference: int

    @classmethod
    def of(
        cls,
        confidence: Sequence[Sequence[float | None]],
        tests: Sequence[tuple[Numbers, float]],
        cost: Sequence[tuple[float, ...]],
        reference: int,
        keep: float,
    ) -> "StageTable":
        """Work out the bets. `tests`: scores by stage and record, and the highest score there is."""
        growth = [
            np.hstack([log_growth((mine[at] / keep - mine[reference]) / most) for mine, most in tests])
            for at in range(len(cost))
        ]
        sure = [[NO_ANSWER if one is None or one != one else one for one in row] for row in confidence]  # noqa: PLR0124  not-a-number
        return cls(np.asarray(sure, float), growth, cost, reference)

    def choose(self, rows: Places, scale: float = 1.0) -> Choice:
        """Return the cheapest cascade that surely keeps enough on these records: the reference alone, if no other does.

        `scale`: as if there were so many times as many records of the same kinds. Of equal costs the one with fewer stages.
        """
        best: Choice = ((self.reference, 0.0),)
        least = (*self.cost[self.reference], 1)
        for leading in self._leading():
            found = self._cheapest(rows, leading, scale)
            if found is not None and found[0] < least:
                least, best = found
        return best

    def serving(self, choice: Choice, rows: Places) -> Places:
        """Return which stage answers each record."""
        found = np.full(len(rows), choice[-1][0])
        for at, threshold in reversed(choice[:-1]):
            found = np.where(self.confidence[at, rows] >= threshold, at, found)
        return found

    def reach(self, choice: Choice, rows: Places) -> list[float]:
        """Return the share of the records that reaches each stage of a cascade."""
        left = np.ones(len(rows), bool)
        shares = []
        for at, threshold in choice:
            shares.append(float(left.mean()))
            left &= ~(self.confidence[at, rows] >= threshold)
        return shares

    def _leading(self) -> Iterator[tuple[int, ...]]:
        """Yield which stages stand before the last one; none at all is the last one alone."""
        before = range(len(self.cost) - 1)
        for count in range(len(before) + 1):
            yield from combinations(before, count)

    def _cheapest(
        self, rows: Places, leading: Sequence[int], scale: float
    ) -> tuple[tuple[float, ...], Choice] | None:
        """Try all thresholds of these leading stages; None where nothing keeps enough for sure."""
        steps = [_thin(find_steps(self.confidence[at, rows].tolist())) for at in leading]
        bins = [
            np.searchsorted(one, self.confidence[at, rows], side="right")
            for one, at in zip(steps, leading, strict=True)
        ]
        shape = tuple(len(one) + 1 for one in steps)
        cell = np.ravel_multi_index(bins, shape) if bins else np.zeros(len(rows), np.intp)
        growth, cost = self._sum(rows, leading, cell, shape)
        tests = log_capital(growth.reshape(*growth.shape[:-1], -1, growth.shape[-1] // self._tests()) * scale)
        sure = np.argwhere((tests >= SURE).all(axis=-1))
        if not len(sure) or not len(rows):
            return None
        places = [tuple(map(int, one)) for one in sure]
        least, where = min(((*map(float, cost[one]), len(leading) + 1), one) for one in places)
        thresholds = ((at, float(steps[place][where[place]])) for place, at in enumerate(leading))
        return least, (*thresholds, (len(self.cost) - 1, 0.0))

    def _tests(self) -> int:
        return int(self.growth[0].shape[1] // log_growth(np.zeros(1)).shape[1])

    def _sum(
        self, rows: Places, leading: Sequence[int], cell: Places, shape: tuple[int, ...]
    ) -> tuple[Numbers, Numbers]:
        """Return, for each tuple of thresholds, the summed bets and the mean cost of a record.

        A record answered by the stage at place p lies below the thresholds of all stages before it, and at or above that of its own.
        """
        growth: Numbers = np.zeros(1)
        cost: Numbers = np.zeros(1)
        for place, at in enumerate((*leading, len(self.cost) - 1)):
            values = np.column_stack([self.growth[at][rows], np.ones(len(rows))])
            sums: Numbers = np.column_stack([np.bincount(cell, one, int(np.prod(shape))) for one in values.T])
            answered = _over(sums.reshape(*shape, -1), place, len(leading))
            reached = _over(sums.reshape(*shape, -1)[..., -1:], place, len(leading), all_that_reach=True)
            growth = growth + answered[..., :-1]
            cost = cost + reached / max(1, len(rows)) * np.asarray(self.cost[at])
        return growth, cost


def _over(sums: Numbers, place: int, leading: int, *, all_that_reach: bool = False) -> Numbers:
    """Sum over records that stages before `place` leave to it, and that it answers; what comes after it does not matter."""
    for axis in range(leading):
        below = np.cumsum(sums, axis=axis)
        if axis < place:
            sums = np.take(below, range(sums.shape[axis] - 1), axis=axis)
        elif axis == place and not all_that_reach:
            sums = np.take(below, [-1], axis=axis) - np.take(below, range(sums.shape[axis] - 1), axis=axis)
        else:
            sums = np.take(below, [-1], axis=axis)
    return sums


def _thin(steps: Sequence[float]) -> Sequence[float]:
    """Keep the first, the last, and others evenly."""
    if len(steps) <= GRID:
        return steps
    return [steps[at] for at in sorted({round(one) for one in np.linspace(0, len(steps) - 1, GRID)})]
