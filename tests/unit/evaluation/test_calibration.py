"""Calibration: bins, error and Platt's line against hand counts, other fits, and data of known calibration."""

from collections.abc import Sequence
from math import exp, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from models.evaluation.calibration import apply_calibration, calibrate
from models.evaluation.figures import Calibration
from models.evaluation.logistic import folds

RECORDS = st.lists(st.tuples(st.floats(0, 1) | st.sampled_from([0.25, 0.5, 1.0]), st.booleans()), min_size=1)


def found(confidences: Sequence[float | None], right: Sequence[bool]) -> Calibration:
    """Calibrate where there is something to calibrate."""
    calibration = calibrate(confidences, right)
    assert calibration is not None
    return calibration


def drawn(records: int, slope: float, intercept: float) -> tuple[list[float | None], list[bool]]:
    """Draw confidences between 0.02 and 0.98, and answers that are right as often as the line says."""
    source = np.random.default_rng(11)
    confidences = source.uniform(0.02, 0.98, records)
    logits = np.log(confidences / (1 - confidences))
    right = source.uniform(size=records) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    return confidences.tolist(), right.tolist()


def test_a_case_by_hand() -> None:
    """Twenty sure answers, 15 right, and twenty unsure ones, 12 right: |0.95 - 0.75| and |0.5 - 0.6|, half each."""
    calibration = found([0.95] * 20 + [0.5] * 20, [True] * 15 + [False] * 5 + [True] * 12 + [False] * 8)
    assert [one.confidence for one in calibration.bins] == pytest.approx([0.5, 0.95])
    assert [(one.right.count, one.right.of) for one in calibration.bins] == [(12, 20), (15, 20)]
    assert calibration.error == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert calibration.brier == pytest.approx((15 * 0.05**2 + 5 * 0.95**2 + 20 * 0.25) / 40)
    # Two confidences and two parameters: the line goes through both shares
    assert apply_calibration(calibration, 0.95) == pytest.approx(0.75, abs=0.001)
    assert apply_calibration(calibration, 0.5) == pytest.approx(0.6, abs=0.001)


def test_bins_hold_equal_numbers() -> None:
    """105 different confidences: ten bins of ten or eleven, in order."""
    bins = found([at / 105 for at in range(105)], [True] * 105).bins
    assert sorted(one.right.of for one in bins) == [10] * 5 + [11] * 5
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)


@pytest.mark.parametrize(("records", "bins"), [(1, 1), (19, 1), (20, 2), (55, 5), (100, 10), (1000, 10)])
def test_few_records_make_fewer_bins(records: int, bins: int) -> None:
    """A bin of fewer than ten records would say nothing."""
    assert len(found([at / records for at in range(records)], [True] * records).bins) == bins


@given(RECORDS)
def test_bins_are_whole_and_in_order(records: list[tuple[float, bool]]) -> None:
    """Each record is in one bin, equal confidences are in the same, and the error is between 0 and 1."""
    calibration = found([one for one, _ in records], [right for _, right in records])
    assert sum(one.right.of for one in calibration.bins) == len(records)
    assert sum(one.right.count for one in calibration.bins) == sum(right for _, right in records)
    ordered, start = sorted(one for one, _ in records), 0
    for one in calibration.bins:
        inside = ordered[start : start + one.right.of]
        start += one.right.of
        assert one.confidence == pytest.approx(sum(inside) / len(inside))
        assert start == len(ordered) or ordered[start] > inside[-1]
    assert 0 <= calibration.error <= 1
    assert calibration.brier == pytest.approx(
        brier_score_loss([right for _, right in records], [one for one, _ in records], pos_label=True)
    )


def test_the_line_is_found_again() -> None:
    """Of 4,000 answers that follow a known line, overconfident by half, Platt's is near it, and the error goes down."""
    confidences, right = drawn(4000, slope=0.5, intercept=-0.4)
    calibration = found(confidences, right)
    assert calibration.slope == pytest.approx(0.5, abs=0.06)
    assert calibration.intercept == pytest.approx(-0.4, abs=0.1)
    assert calibration.calibrated_brier is not None
    assert calibration.calibrated_brier < calibration.brier - 0.01
    after = found([apply_calibration(calibration, one) for one in confidences], right)
    assert calibration.error > 0.1
    assert after.error < 0.03


def test_what_is_calibrated_stays() -> None:
    """Where the confidence is the probability, the line is the identity and the error is noise."""
    confidences, right = drawn(4000, slope=1, intercept=0)
    calibration = found(confidences, right)
    assert (calibration.slope, calibration.intercept) == pytest.approx((1, 0), abs=0.1)
    assert calibration.error < 0.03
    assert calibration.calibrated_brier == pytest.approx(calibration.brier, abs=0.002)


def test_the_line_is_the_likeliest() -> None:
    """Scipy's own minimum of the same likelihood without the weak penalty is the same line."""
    confidences, right = drawn(300, slope=0.7, intercept=0.3)
    logits = np.array([log(one / (1 - one)) for one in confidences if one is not None])
    signs = np.where(right, 1, -1)
    least = minimize(lambda line: np.logaddexp(0, -signs * (line[0] * logits + line[1])).sum(), [1, 0])
    calibration = found(confidences, right)
    assert (calibration.slope, calibration.intercept) == pytest.approx(least.x, abs=0.002)


def test_the_held_out_figure_is_the_librarys() -> None:
    """Scikit-learn's predictions of each fold from the other four, by the same folds, have the same Brier score."""
    confidences, right = drawn(120, slope=0.7, intercept=0.3)
    known = sorted((one, correct) for one, correct in zip(confidences, right, strict=True) if one is not None)
    outcomes = [correct for _, correct in known]
    predicted = cross_val_predict(
        LogisticRegression(C=100, solver="newton-cholesky", tol=1e-10),
        [[log(one / (1 - one))] for one, _ in known],
        outcomes,
        cv=PredefinedSplit(folds(outcomes, 5, seed=0)),
        method="predict_proba",
    )
    expected = brier_score_loss(outcomes, predicted[:, 1])
    assert found(confidences, right).calibrated_brier == pytest.approx(expected, abs=1e-6)


def test_held_out_is_not_fitted() -> None:
    """On noise the held-out figure is no better than knowing nothing; the seed makes it repeatable."""
    source = np.random.default_rng(3)
    confidences, right = source.uniform(size=60).tolist(), (source.uniform(size=60) < 0.5).tolist()
    calibration = found(confidences, right)
    assert calibration.calibrated_brier is not None
    assert calibration.calibrated_brier > 0.25
    assert calibration == found(confidences, right)
    other = calibrate(confidences, right, seed=1)
    assert other is not None
    assert other.calibrated_brier != calibration.calibrated_brier


@pytest.mark.parametrize("outcome", [True, False])
def test_all_right_or_all_wrong_has_no_line(outcome: bool) -> None:
    """Then nothing says how confidence and outcome go together."""
    calibration = found([0.5 + at / 100 for at in range(30)], [outcome] * 30)
    assert (calibration.slope, calibration.intercept, calibration.calibrated_brier) == (None, None, None)
    assert apply_calibration(calibration, 0.9) is None


def test_few_of_one_kind_have_a_line_but_no_held_out_figure() -> None:
    """With four wrong answers one of five folds would have none."""
    calibration = found([0.5 + at / 100 for at in range(40)], [False] * 4 + [True] * 36)
    assert calibration.slope is not None
    assert calibration.calibrated_brier is None


def test_unknown_confidences_are_left_out() -> None:
    """None and not-a-number say nothing; where nothing is known there is no calibration."""
    known, right = [0.2, 0.4, 0.6, 0.8] * 5, [False, True, False, True] * 5
    with_unknown = calibrate([None, *known, nan], [True, *right, False])
    assert with_unknown == found([*known], right)
    assert calibrate([None, None], [True, False]) is None
    assert calibrate([], []) is None
    assert apply_calibration(found([*known], right), None) is None


@pytest.mark.parametrize("confidences", [[0.0] * 20 + [1.0] * 20, [0.1] * 20 + [0.9] * 20, [0.7] * 40])
def test_extreme_confidences_stay_finite(confidences: list[float | None]) -> None:
    """Confidence that separates right from wrong, 0 and 1 themselves, or one confidence only."""
    calibration = found(confidences, [False] * 20 + [True] * 20)
    low, high = (
        apply_calibration(calibration, confidences[0]),
        apply_calibration(calibration, confidences[-1]),
    )
    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= 1
    if confidences[0] == confidences[-1]:
        assert low == pytest.approx(0.5, abs=1e-6)
    else:
        assert low < 0.02
        assert high > 0.98


def test_the_formula() -> None:
    """1 / (1 + exp(-(slope x logit + intercept))), also where exp would overflow."""
    line = Calibration(bins=(), error=0, slope=2, intercept=-1, brier=0, calibrated_brier=None)
    assert apply_calibration(line, 0.8) == pytest.approx(1 / (1 + exp(-(2 * log(4) - 1))))
    steep = Calibration(bins=(), error=0, slope=500, intercept=0, brier=0, calibrated_brier=None)
    assert [apply_calibration(steep, 0.0), apply_calibration(steep, 1.0)] == pytest.approx([0, 1])
