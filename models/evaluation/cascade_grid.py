"""Every cascade of some stages over the same records, by sums: which keep enough for sure, and which of them costs least."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.evaluation.sequential import SURE, Numbers, log_capital, log_growth
from models.evaluation.steps import NO_ANSWER, find_steps

Places = npt.NDArray[np.intp]
GRID = 40
"""Thresholds tried for a stage; of more confidences evenly many of them."""
GATE_GRID = 16
"""The same for a gate, and for the stages beside one: three axes of thresholds are many."""
GATE = -1
"""The axis of a gate, beside those of stages by their place."""
_Side = Literal["below", "above"]
_Box = Mapping[int, _Side]
"""Records on this side of the thresholds of some axes, anywhere on the others."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Stages by their place, each with its threshold; the last one's says nothing: it takes what comes. `gate`: below it a record goes past the gated stage."""

    stages: tuple[tuple[int, float], ...]
    gate: float | None = None


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate before the stage at place `before`: a score of each record, and what asking for it costs, as `StageTable.cost`."""

    before: int
    score: Numbers
    cost: tuple[float, ...]


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
    gate: GateRow | None = None

    @classmethod
    def of(
        cls,
        confidence: Sequence[Sequence[float | None]],
        tests: Sequence[tuple[Numbers, float]],
        cost: Sequence[tuple[float, ...]],
        reference: int,
        keep: float,
        gate: GateRow | None = None,
    ) -> "StageTable":
        """Work out the bets. `tests`: scores by stage and record, and the highest score there is."""
        growth = [
            np.hstack([log_growth((mine[at] / keep - mine[reference]) / most) for mine, most in tests])
            for at in range(len(cost))
        ]
        sure = [[NO_ANSWER if one is None or one != one else one for one in row] for row in confidence]  # noqa: PLR0124  not-a-number
        return cls(np.asarray(sure, float), growth, cost, reference, gate)

    def choose(self, rows: Places, scale: float = 1.0, *, gated: bool = False) -> Choice:
        """Return the cheapest cascade that surely keeps enough on these records: the reference alone, if no other does.

        `scale`: as if there were so many times as many records of the same kinds. `gated`: with the gate, where that is cheaper. Of equal costs the
        one with fewer stages.
        """
        best = Choice(((self.reference, 0.0),))
        least = (*self.cost[self.reference], 1)
        for leading in self._leading():
            has_gate = gated and self.gate is not None and self.gate.before in leading
            for with_gate in (False, True)[: 1 + has_gate]:
                found = self._cheapest(rows, leading, scale, gated=with_gate)
                if found is not None and found[0] < least:
                    least, best = found
        return best

    def passed(self, choice: Choice, rows: Places) -> npt.NDArray[np.bool_]:
        """Return which records the gate sends past its stage, whether they reach it or not."""
        if self.gate is None or choice.gate is None:
            return np.zeros(len(rows), bool)
        return np.asarray(self.gate.score[rows] < choice.gate)

    def answers(self, choice: Choice, at: int, threshold: float, rows: Places) -> npt.NDArray[np.bool_]:
        """Return which records a stage answers, where they reach it."""
        sure = self.confidence[at, rows] >= threshold
        return np.asarray(sure & ~self.passed(choice, rows) if self._gates(choice, at) else sure)

    def serving(self, choice: Choice, rows: Places) -> Places:
        """Return which stage answers each record."""
        found = np.full(len(rows), choice.stages[-1][0])
        for at, threshold in reversed(choice.stages[:-1]):
            found = np.where(self.answers(choice, at, threshold, rows), at, found)
        return found

    def asked(self, choice: Choice, rows: Places) -> dict[int, npt.NDArray[np.bool_]]:
        """Return which records ask each stage, by its place, and the gate (-1): those that cost there."""
        left = np.ones(len(rows), bool)
        found = {}
        for at, threshold in choice.stages:
            found[at] = left
            if self._gates(choice, at):
                found[GATE], found[at] = left, left & ~self.passed(choice, rows)
            left = left & ~self.answers(choice, at, threshold, rows)
        return found

    def spent(self, choice: Choice, rows: Places) -> Numbers:
        """Return what each record costs, a column for each kind of cost."""
        total: Numbers = np.zeros((len(rows), len(self.cost[0])))
        for at, where in self.asked(choice, rows).items():
            total += np.outer(where, self._cost_of(at))
        return total

    def gate_asked(self, choice: Choice, rows: Places) -> npt.NDArray[np.bool_]:
        """Return which records are held against the gate."""
        return self.asked(choice, rows).get(GATE, np.zeros(len(rows), bool))

    def _gates(self, choice: Choice, at: int) -> bool:
        return self.gate is not None and choice.gate is not None and self.gate.before == at

    def _cost_of(self, at: int) -> tuple[float, ...]:
        return self.gate.cost if at == GATE and self.gate is not None else self.cost[at]

    def _leading(self) -> Iterator[tuple[int, ...]]:
        """Yield which stages stand before the last one; none at all is the last one alone."""
        before = range(len(self.cost) - 1)
        for count in range(len(before) + 1):
            yield from combinations(before, count)

    def _values(self, axis: int, rows: Places) -> Numbers:
        return (
            self.gate.score[rows] if axis == GATE and self.gate is not None else self.confidence[axis, rows]
        )

    def _cheapest(
        self, rows: Places, leading: Sequence[int], scale: float, *, gated: bool
    ) -> tuple[tuple[float, ...], Choice] | None:
        """Try all thresholds of these leading stages, and of the gate; None where nothing keeps enough for sure."""
        axes = (*leading, GATE) if gated else tuple(leading)
        steps = [
            _thin(find_steps(self._values(axis, rows).tolist()), GATE_GRID if gated else GRID)
            for axis in axes
        ]
        bins = [
            np.searchsorted(one, self._values(axis, rows), side="right")
            for one, axis in zip(steps, axes, strict=True)
        ]
        shape = tuple(len(one) + 1 for one in steps)
        cell = np.ravel_multi_index(bins, shape) if bins else np.zeros(len(rows), np.intp)
        growth, cost = self._sum(rows, leading, axes, cell, shape)
        tests = log_capital(growth.reshape(*growth.shape[:-1], -1, growth.shape[-1] // self._tests()) * scale)
        sure = np.argwhere((tests >= SURE).all(axis=-1))
        if not len(sure) or not len(rows):
            return None
        places = [tuple(map(int, one)) for one in sure]
        least, where = min(((*map(float, cost[one]), len(axes) + 1), one) for one in places)
        found = {axis: float(steps[place][where[place]]) for place, axis in enumerate(axes)}
        stages = (*((at, found[at]) for at in leading), (len(self.cost) - 1, 0.0))
        return least, Choice(stages, found.get(GATE))

    def _tests(self) -> int:
        return int(self.growth[0].shape[1] // log_growth(np.zeros(1)).shape[1])

    def _sum(
        self,
        rows: Places,
        leading: Sequence[int],
        axes: Sequence[int],
        cell: Places,
        shape: tuple[int, ...],
    ) -> tuple[Numbers, Numbers]:
        """Return, for each tuple of thresholds, the summed bets and the mean cost of a record.

        A record that a stage answers lies at or above its threshold, and above the gate's where it is gated; what comes to it lies in one of the
        `boxes` below what stands before it.
        """
        growth: Numbers = np.zeros(1)
        cost: Numbers = np.zeros(1)
        boxes: list[_Box] = [{}]
        counts: Numbers = np.bincount(cell, minlength=int(np.prod(shape))).astype(float).reshape(*shape, 1)

        def add_cost(at: int, where: Sequence[_Box]) -> Numbers:
            asked: Numbers = np.zeros(1)
            for box in where:
                asked = asked + _within(counts, axes, box)
            return np.asarray(cost + asked / max(1, len(rows)) * np.asarray(self._cost_of(at)))

        for at in leading:
            inside: _Box = {at: "above"}
            if GATE in axes and self.gate is not None and self.gate.before == at:
                cost = add_cost(GATE, boxes)
                passing: list[_Box] = [{**box, GATE: "below"} for box in boxes]
                boxes = [{**box, GATE: "above"} for box in boxes]
            else:
                passing = []
            cost = add_cost(at, boxes)
            growth = growth + self._bets(at, rows, cell, shape, axes, [{**box, **inside} for box in boxes])
            boxes = [*passing, *({**box, at: "below"} for box in boxes)]
        last = len(self.cost) - 1
        return growth + self._bets(last, rows, cell, shape, axes, boxes), add_cost(last, boxes)

    def _bets(
        self,
        at: int,
        rows: Places,
        cell: Places,
        shape: tuple[int, ...],
        axes: Sequence[int],
        boxes: Sequence[_Box],
    ) -> Numbers:
        """Sum a stage's bets over the records in these boxes."""
        size = int(np.prod(shape))
        sums = [np.bincount(cell, one, size) for one in self.growth[at][rows].T]
        whole: Numbers = np.column_stack(sums).astype(float, copy=False).reshape(*shape, -1)
        found: Numbers = np.zeros(1)
        for box in boxes:
            found = found + _within(whole, axes, box)
        return found


def _within(sums: Numbers, axes: Sequence[int], box: _Box) -> Numbers:
    """Sum over the records of a box, for each tuple of thresholds; an axis on which it is anywhere has one place."""
    for place, axis in enumerate(axes):
        below = np.cumsum(sums, axis=place)
        whole = np.take(below, [-1], axis=place)
        before = np.take(below, range(sums.shape[place] - 1), axis=place)
        side = box.get(axis)
        sums = whole if side is None else before if side == "below" else whole - before
    return sums


def _thin(steps: Sequence[float], most: int) -> Sequence[float]:
    """Keep the first, the last, and others evenly."""
    if len(steps) <= most:
        return steps
    return [steps[at] for at in sorted({round(one) for one in np.linspace(0, len(steps) - 1, most)})]
