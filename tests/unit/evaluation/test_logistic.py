"""The logistic line against scikit-learn's, and folds that hold both kinds evenly."""

from collections import Counter
from math import log

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from models.evaluation.logistic import Line, fit, folds, probability

NUMBERS = st.floats(-14, 14) | st.sampled_from([-13.8, 0.0, 2.0, 13.8])
POINTS = st.lists(st.tuples(NUMBERS, st.booleans(), st.sampled_from([1, 1, 5, 40])), min_size=2, max_size=12)
TOO_LONG = [
    (-2.5, True, 40),
    (-4.7, False, 1),
    (-4.0, True, 1),
    (-0.1, True, 1),
    (13.3, True, 1),
    (13.8, True, 1),
]
"""Here Newton's whole steps run away, from the second on."""


def librarys(numbers: list[float], outcomes: list[bool]) -> Line:
    """Fit scikit-learn's, with the same ridge."""
    model = LogisticRegression(C=100, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit([[number] for number in numbers], outcomes)
    return float(model.coef_[0][0]), float(model.intercept_[0])


@given(POINTS)
@example(TOO_LONG)
@example([(-13.8, False, 40), (13.8, True, 40)])
@pytest.mark.filterwarnings("ignore")
def test_the_line_is_the_librarys(points: list[tuple[float, bool, int]]) -> None:
    """Slope and intercept as scikit-learn has them, to a millionth, also where the number separates the outcomes."""
    numbers = [number for number, _, times in points for _ in range(times)]
    outcomes = [outcome for _, outcome, times in points for _ in range(times)]
    assume(any(outcomes) and not all(outcomes))
    assert fit(numbers, outcomes) == pytest.approx(librarys(numbers, outcomes), abs=1e-6)


def test_one_number_only() -> None:
    """Then the line is level, at the share itself."""
    line = fit([3.0] * 4, [True, True, True, False])
    assert line == pytest.approx((0, log(3)), abs=1e-6)
    assert probability(line, 3.0) == pytest.approx(0.75)


@given(st.lists(st.booleans(), max_size=80), st.integers(2, 7), st.integers(0, 5))
def test_folds_hold_both_kinds_evenly(outcomes: list[bool], count: int, seed: int) -> None:
    """Each fold has as many records as any other, to one, and so of each kind; the seed makes it repeatable."""
    found = folds(outcomes, count, seed)
    for kind in ([True, False], [True], [False]):
        sizes = Counter(at for at, outcome in zip(found, outcomes, strict=True) if outcome in kind)
        assert max((sizes[at] for at in range(count)), default=0) - min(sizes[at] for at in range(count)) <= 1
    assert found == folds(outcomes, count, seed)


def test_folds_are_drawn() -> None:
    """Another seed deals otherwise; and records are not dealt in their order."""
    outcomes = [True, False] * 20
    assert folds(outcomes, 5, 0) != folds(outcomes, 5, 1)
    assert folds(outcomes, 5, 0)[:10:2] != [0, 1, 2, 3, 4]
