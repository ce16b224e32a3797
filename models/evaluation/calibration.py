"""What a confidence is worth: reliability bins, expected calibration error, and Platt's calibration of it."""

from collections.abc import Sequence
from itertools import groupby
from math import isnan, log
from operator import itemgetter
from statistics import fmean

from models.evaluation.figures import Bin, Calibration
from models.evaluation.intervals import share
from models.evaluation.logistic import Line, fit, folds, probability

_LEAST_IN_BIN = 10
"""With fewer records the share of right answers in a bin says next to nothing."""
_FOLDS = 5
_CLIP = 1e-6
"""A probability nearer to 0 or 1 is the engine's rounding; its logit would be endless."""


def calibrate(
    confidences: Sequence[float | None], right: Sequence[bool], bins: int = 10, seed: int = 0
) -> Calibration | None:
    """Compare the confidence of answers with whether they were right; both in the order of the records.

    Records of unknown confidence are left out; None where all are. Bins hold equal numbers as far as equal
    confidences stay together, and are fewer where they would hold less than ten. The expected calibration error (Naeini,
    Cooper, Hauskrecht 2015) is the mean distance over the records between a bin's confidence and its share
    of right answers. Platt (1999): a logistic regression of right on the logit of the confidence. `seed` makes
    the five folds of which each is predicted from the other four for `calibrated_brier`; that is None with
    fewer than five right or five wrong answers.
    """
    known = sorted(
        (confidence, correct)
        for confidence, correct in zip(confidences, right, strict=True)
        if confidence is not None and not isnan(confidence)
    )
    if not known:
        return None
    found = _bin(known, bins)
    correct = sum(correct for _, correct in known)
    fewer = min(correct, len(known) - correct)
    line = _fit(known) if fewer else None
    return Calibration(
        bins=found,
        error=sum(one.right.of * abs(one.confidence - (one.right.value or 0.0)) for one in found)
        / len(known),
        slope=None if line is None else line[0],
        intercept=None if line is None else line[1],
        brier=_brier(known, [confidence for confidence, _ in known]),
        calibrated_brier=_held_out_brier(known, seed) if fewer >= _FOLDS else None,
    )


def apply_calibration(calibration: Calibration, confidence: float | None) -> float | None:
    """Probability that an answer of this confidence is right; None where it or the calibration is unknown."""
    if confidence is None or isnan(confidence) or calibration.slope is None or calibration.intercept is None:
        return None
    return probability((calibration.slope, calibration.intercept), logit(confidence))


def _bin(known: Sequence[tuple[float, bool]], bins: int) -> tuple[Bin, ...]:
    """Put each group of equal confidences into the bin in which the middle of the group lies."""
    count = max(1, min(bins, len(known) // _LEAST_IN_BIN))
    filled: list[list[tuple[float, bool]]] = [[] for _ in range(count)]
    before = 0
    for _, group in groupby(known, key=itemgetter(0)):
        equal = list(group)
        filled[(2 * before + len(equal)) * count // (2 * len(known))] += equal
        before += len(equal)
    return tuple(
        Bin(fmean(confidence for confidence, _ in one), share(sum(correct for _, correct in one), len(one)))
        for one in filled
        if one
    )


def _fit(known: Sequence[tuple[float, bool]]) -> Line:
    """Return Platt's line; there has to be a right and a wrong answer."""
    return fit([logit(confidence) for confidence, _ in known], [correct for _, correct in known])


def _held_out_brier(known: Sequence[tuple[float, bool]], seed: int) -> float:
    fold = folds([correct for _, correct in known], _FOLDS, seed)
    lines = [
        _fit([one for one, at in zip(known, fold, strict=True) if at != held_out])
        for held_out in range(_FOLDS)
    ]
    return _brier(
        known,
        [probability(lines[at], logit(confidence)) for (confidence, _), at in zip(known, fold, strict=True)],
    )


def _brier(known: Sequence[tuple[float, bool]], predicted: Sequence[float]) -> float:
    return fmean((one - correct) ** 2 for one, (_, correct) in zip(predicted, known, strict=True))


def logit(confidence: float) -> float:
    """Return the logit of a probability, of the nearest that is not 0 or 1 to six digits."""
    clipped = min(max(confidence, _CLIP), 1 - _CLIP)
    return log(clipped / (1 - clipped))
