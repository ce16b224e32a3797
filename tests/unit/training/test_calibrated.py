"""The confidence of a head is the share of right answers, and its threshold the first that keeps the wished share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.classifier.head import HeadKind, answers, probabilities, right_probabilities
from models.evaluation.calibration import calibrate
from models.evaluation.intervals import wilson
from models.training.calibrated import NEVER, calibrate_head, choose_cut

ANSWERS = st.lists(st.tuples(st.integers(0, 20).map(lambda one: one / 20), st.booleans()), max_size=60)


@given(ANSWERS, st.sampled_from([0.3, 0.6, 0.8]))
def test_the_cut_is_the_smallest_that_keeps_the_precision(
    found: list[tuple[float, bool]], precision: float
) -> None:
    """Against trying every confidence."""
    confidences = [sure for sure, _ in found]
    right = [correct for _, correct in found]

    def keeps(cut: float) -> bool:
        served = [correct for sure, correct in found if sure >= cut]
        interval = wilson(sum(served), len(served))
        return interval is not None and interval.low >= precision

    assert choose_cut(confidences, right, precision) == min(filter(keeps, confidences), default=NEVER)


def test_equal_confidences_stay_together() -> None:
    """Thirty right and thirty wrong of one confidence: a cut between them cannot be made."""
    assert choose_cut([0.5] * 60, [True] * 30 + [False] * 30, 0.8) == NEVER


@pytest.mark.parametrize(("kind", "precision"), [("label", 0.8), ("labels", 0.5)])
@pytest.mark.parametrize("factor", [0.2, 1.0, 8.0])
def test_sums_that_are_too_sure_or_too_shy_are_corrected(
    kind: HeadKind, precision: float, factor: float
) -> None:
    """Truths drawn from the sums' own probabilities: whatever the sums are multiplied by, confidence is the share of right ones."""
    random = np.random.default_rng(11)
    sums = random.normal(size=(4_000, 4)) * 2
    chance = probabilities(kind, sums, 1.0)
    if kind == "label":
        drawn = (chance.cumsum(axis=1) > random.random((4_000, 1))).argmax(axis=1)
        truths = np.eye(4, dtype=np.float32)[drawn]
    else:
        truths = (random.random(chance.shape) < chance).astype(np.float32)
    found = calibrate_head(kind, sums * factor, truths, precision)
    assert found.temperature == pytest.approx(factor, rel=0.15)
    chosen, sureness = answers(kind, probabilities(kind, sums * factor, found.temperature))
    right = [bool(one) for one in (chosen == (truths > 0)).all(axis=1)]
    confidences = right_probabilities(found.platt, sureness)
    told = calibrate(confidences, right)
    assert told is not None
    assert told.error < 0.03
    served = [correct for sure, correct in zip(confidences, right, strict=True) if sure >= found.threshold]
    assert len(served) > 100
    assert sum(served) / len(served) >= precision


@pytest.mark.parametrize("right", [True, False])
def test_all_right_and_all_wrong_are_finite(right: bool) -> None:
    """Few rows that are all right serve some, all wrong none; no confidence is 1."""
    sums = np.tile([4.0, 0.0], (30, 1))
    truths = np.tile(np.asarray([1.0, 0.0] if right else [0.0, 1.0], dtype=np.float32), (30, 1))
    found = calibrate_head("label", sums, truths, 0.8)
    assert np.isfinite([found.temperature, *found.platt]).all()
    assert (found.threshold < NEVER) == right
    _, sureness = answers("label", probabilities("label", sums, found.temperature))
    assert max(right_probabilities(found.platt, sureness)) < NEVER
