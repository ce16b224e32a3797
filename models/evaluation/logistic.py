"""Logistic regression of an outcome on one number, and the folds on which one is held out.

Own code: a library for it makes every start of the engine slower (docs/decisions/0012-no-scipy-beside-the-engine.md).
"""

from collections.abc import Sequence
from math import exp, fsum, log1p
from random import Random

_RIDGE = 0.01
"""Half of it times the squared slope is added: not felt, but finite where the number separates the outcomes."""
_MOST_STEPS = 100
_CLOSE = 1e-13
"""Promised fall of a record's loss at which a step is the last: well above the rounding of the loss."""

Line = tuple[float, float]
"""Slope and intercept."""


def probability(line: Line, number: float) -> float:
    """Probability of the outcome at `number`: 1 / (1 + exp(-(slope x number + intercept))), also where exp would overflow."""
    value = line[0] * number + line[1]
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))


def fit(numbers: Sequence[float], outcomes: Sequence[bool]) -> Line:
    """Return the likeliest line, by Newton's method: a step that is too long is halved.

    A ridge of 0.01 on the slope (scikit-learn's `C=100`) keeps it finite. There has to be an outcome of each kind.
    """
    line: Line = 0.0, 0.0
    loss = _loss(line, numbers, outcomes)
    for _ in range(_MOST_STEPS):
        slope, intercept, fall = _step(line, numbers, outcomes)
        if fall < _CLOSE * len(numbers):
            return line[0] + slope, line[1] + intercept
        before, moved = loss, (line[0] + slope, line[1] + intercept)
        while (loss := _loss(moved, numbers, outcomes)) > before:
            slope, intercept = slope / 2, intercept / 2
            moved = line[0] + slope, line[1] + intercept
        line = moved
    return line


def folds(outcomes: Sequence[int], count: int, seed: int) -> list[int]:
    """Deal records out to `count` folds, seeded; each kind of outcome evenly, to one record."""
    random = Random(seed)  # noqa: S311  no secret is made of it
    order = list(range(len(outcomes)))
    random.shuffle(order)
    order.sort(key=lambda at: outcomes[at])
    fold = [0] * len(outcomes)
    for place, at in enumerate(order):
        fold[at] = place % count
    return fold


def _loss(line: Line, numbers: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Return the negative logarithm of the likelihood, with the ridge."""
    values = (line[0] * number + line[1] for number in numbers)
    against = (-value if outcome else value for value, outcome in zip(values, outcomes, strict=True))
    return fsum(max(0.0, one) + log1p(exp(-abs(one))) for one in against) + _RIDGE * line[0] ** 2 / 2


def _step(line: Line, numbers: Sequence[float], outcomes: Sequence[bool]) -> tuple[float, float, float]:
    """Return Newton's step of slope and intercept, and twice the fall of the loss that it promises.

    Numbers are taken from their weighted mean, where slope and intercept do not depend on one another.
    """
    expected = [probability(line, number) for number in numbers]
    weights = [one * (1 - one) for one in expected]
    missing = [outcome - one for outcome, one in zip(outcomes, expected, strict=True)]
    weight, level = fsum(weights), fsum(missing)
    mean = fsum(one * number for one, number in zip(weights, numbers, strict=True)) / weight
    from_mean = [number - mean for number in numbers]
    bend = fsum(one * number**2 for one, number in zip(weights, from_mean, strict=True)) + _RIDGE
    pull = fsum(one * number for one, number in zip(missing, from_mean, strict=True)) - _RIDGE * line[0]
    slope = pull / bend
    return slope, level / weight - mean * slope, pull * slope + level * level / weight
