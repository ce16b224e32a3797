"""Logistic regression over many columns: softmax over classes, or a line for each class, with a ridge.

Own code: a library for it makes every start of the engine slower (docs/decisions/0012-no-scipy-beside-the-engine.md).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.engines.classifier.head import HeadKind, Numbers
from models.evaluation.logistic import folds

Matrix = npt.NDArray[np.float32]
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse ridges that are tried, the stiffest first: half the squared weights, divided by it, is added to the sum of losses."""
FOLDS = 5
_MOST_TO_CHOOSE = 10_000
"""Rows on which the ridge is chosen and the calibration is fitted: more change neither."""
_MOST_TO_TRY = 2_000
"""Rows up to which each ridge is tried on all folds."""
_FEW = 250
_FREEDOM = 1_000
"""How much less stiff what a class starts from is: a class that a fold has none of stays finite."""
_MEMORY = 10
_MOST_STEPS = 200
_FLAT, _CLOSE, _SHORTEST = 1e-6, 1e-4, 1e-8


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights (classes x dimension) and what each class starts from."""

    weights: Matrix = field(repr=False)
    bias: Matrix = field(repr=False)

    def sums(self, vectors: Matrix) -> Numbers:
        """Return what the classes come to, a row for each vector."""
        return (vectors @ self.weights.T + self.bias).astype(np.float64)


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """Sums of rows by a fit that has not seen them, at the ridge whose held-out loss is least. `rows`: which rows these are."""

    strength: float
    rows: npt.NDArray[np.int64] = field(repr=False)
    sums: Numbers = field(repr=False)


def fit_logistic(
    kind: HeadKind, vectors: Matrix, truths: Matrix, strength: float, start: Fitted | None = None
) -> Fitted:
    """Return the likeliest weights under a ridge, by L-BFGS from `start`; `truths` is 1 where a row has a class, else 0."""
    columns = np.hstack([vectors, np.ones((len(vectors), 1), dtype=np.float32)])
    stiffness = np.full(columns.shape[1], 1 / strength, dtype=np.float32)
    stiffness[-1] /= _FREEDOM

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        weights = flat.reshape(truths.shape[1], -1)
        sums = columns @ weights.T
        if kind == "labels":
            found = 1 / (1 + np.exp(-sums.clip(-80, 80)))
        else:
            found = np.exp(sums - sums.max(axis=1, keepdims=True))
            found /= found.sum(axis=1, keepdims=True)
        stiff = weights * stiffness
        value = mean_loss(kind, sums, truths) + float((stiff * weights).sum(dtype=np.float64)) / (
            2 * len(sums)
        )
        slope = ((found - truths).T @ columns + stiff) / len(sums)
        return value, slope.ravel()

    first = np.zeros(truths.shape[1] * columns.shape[1], dtype=np.float32)
    if start is not None:
        first = np.hstack([start.weights, start.bias[:, None]]).ravel()
    whole = minimise(loss, first).reshape(truths.shape[1], -1)
    return Fitted(np.ascontiguousarray(whole[:, :-1]), whole[:, -1].copy())


def minimise(loss: Callable[[Matrix], tuple[float, Matrix]], first: Matrix) -> Matrix:
    """Return where a smooth, convex function is least, by L-BFGS; `loss` gives its value and its slope.

    Nocedal and Wright, Numerical Optimization (2006), algorithm 7.4, with a step that is halved until the value falls enough. Ends where
    the slope is flat, or where three steps together gain next to nothing.
    """
    at, (value, slope) = first, loss(first)
    moves: deque[tuple[Matrix, Matrix]] = deque(maxlen=_MEMORY)
    values = [value]
    for _ in range(_MOST_STEPS):
        if float(np.abs(slope).max()) < _FLAT:
            break
        direction = _direction(slope, moves)
        step, promised = 1.0, float(slope @ direction)
        while (after := loss(at + step * direction))[0] > value + 1e-4 * step * promised and step > _SHORTEST:
            step /= 2
        if step <= _SHORTEST:
            break
        move, bend = step * direction, after[1] - slope
        at, value, slope = at + move, *after
        if float(move @ bend) > 0:
            moves.append((move, bend))
        values.append(value)
        if len(values) > 3 and values[-4] - value < _CLOSE * value:  # noqa: PLR2004  as the docstring says
            break
    return at


def _direction(slope: Matrix, moves: Sequence[tuple[Matrix, Matrix]]) -> Matrix:
    """Return where the last moves say that the function falls to its least."""
    if not moves:
        return -slope / max(1.0, float(np.linalg.norm(slope)))
    found, kept = slope.copy(), []
    for move, bend in reversed(moves):
        share = float(move @ found) / float(move @ bend)
        found -= share * bend
        kept.append(share)
    move, bend = moves[-1]
    found *= float(move @ bend) / float(bend @ bend)
    for (move, bend), share in zip(moves, reversed(kept), strict=True):
        found += move * (share - float(bend @ found) / float(move @ bend))
    return -found


def cross_fit(
    kind: HeadKind, vectors: Matrix, truths: Matrix, seed: int, go_on: Callable[[], None] = lambda: None
) -> CrossFitted:
    """Predict each row by a fit over the other folds, at the ridge whose held-out loss is least.

    Ridges are tried in turn until the loss rises, each from the weights of the one before; of many rows on one fold alone, which holds enough
    to tell them apart. `go_on` is called before each fit, and may raise.
    """
    rows = _some_rows(truths, seed)
    problem = _CrossFitting.deal(kind, vectors[rows], truths[rows], seed, go_on)
    trying = range(1 if len(rows) > _MOST_TO_TRY else problem.count)
    tried = problem.fold < len(trying)
    starts: list[Fitted | None] = [None] * problem.count
    chosen, least, sums = STRENGTHS[0], np.inf, np.zeros(problem.truths.shape)
    for strength in STRENGTHS:
        found = np.zeros_like(sums)
        for at in trying:
            starts[at] = problem.predict(at, strength, found, starts[at])
        loss = mean_loss(kind, found[tried], problem.truths[tried])
        if loss >= least:
            break
        chosen, least, sums = strength, loss, found
    for at in range(len(trying), problem.count):
        problem.predict(at, chosen, sums)
    return CrossFitted(chosen, rows, sums)


@dataclass(frozen=True, slots=True)
class _CrossFitting:
    """Rows dealt out to folds, each predicted by a fit over the others."""

    kind: HeadKind
    vectors: Matrix
    truths: Matrix
    fold: npt.NDArray[np.int64]
    count: int
    go_on: Callable[[], None]

    @classmethod
    def deal(
        cls, kind: HeadKind, vectors: Matrix, truths: Matrix, seed: int, go_on: Callable[[], None]
    ) -> "_CrossFitting":
        """Deal rows out, each class evenly; more folds for few rows, so that their fits see nearly as many as the last one."""
        count = FOLDS if len(truths) > _FEW else 2 * FOLDS
        fold = np.asarray(folds([int(one) for one in truths.argmax(axis=1)], count, seed))
        return cls(kind, vectors, truths, fold, int(fold.max()) + 1, go_on)

    def predict(self, at: int, strength: float, into: Numbers, start: Fitted | None = None) -> Fitted:
        """Predict the rows of a fold, and return the fit over the others."""
        self.go_on()
        mine = self.fold == at
        fitted = fit_logistic(self.kind, self.vectors[~mine], self.truths[~mine], strength, start)
        into[mine] = fitted.sums(self.vectors[mine])
        return fitted


def mean_loss(kind: HeadKind, sums: Numbers | Matrix, truths: Matrix) -> float:
    """Return the mean negative logarithm of what is given to the truth."""
    if kind == "labels":
        return float((np.logaddexp(0, sums) - sums * truths).sum(axis=1).mean(dtype=np.float64))
    highest = sums.max(axis=1, keepdims=True)
    whole = highest[:, 0] + np.log(np.exp(sums - highest).sum(axis=1))
    return float((whole - (sums * truths).sum(axis=1)).mean(dtype=np.float64))


def _some_rows(truths: Matrix, seed: int) -> npt.NDArray[np.int64]:
    if len(truths) <= _MOST_TO_CHOOSE:
        return np.arange(len(truths))
    return np.sort(np.random.default_rng(seed).choice(len(truths), _MOST_TO_CHOOSE, replace=False))
