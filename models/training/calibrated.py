"""What a classifier's answers are worth: temperature, Platt's line, and the threshold, from predictions that saw no truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.engines.classifier.head import (
    HeadKind,
    Numbers,
    answers,
    probabilities,
    right_probabilities,
)
from models.evaluation.calibration import calibrate
from models.evaluation.intervals import wilson
from models.evaluation.logistic import Line
from models.training.logistic import mean_loss

NEVER = 1.0
"""A threshold that no confidence reaches."""
_TEMPERATURES = np.exp(np.linspace(np.log(0.05), np.log(20), 121))


@dataclass(frozen=True, slots=True)
class HeadCalibration:
    """What divides the sums, the line on an answer's probability, and from which confidence on records are served."""

    temperature: float
    platt: Line
    threshold: float


def calibrate_head(
    kind: HeadKind, sums: Numbers, truths: npt.NDArray[np.float32], precision: float
) -> HeadCalibration:
    """Calibrate on cross-fitted sums; the line is left out where all answers are right, all wrong, or it would fall."""
    temperature = min(_TEMPERATURES, key=lambda one: mean_loss(kind, sums / one, truths))
    chosen, sureness = answers(kind, probabilities(kind, sums, temperature))
    right = [bool(one) for one in (chosen == (truths > 0)).all(axis=1)]
    found = calibrate([float(one) for one in sureness], right)
    platt: Line = (1.0, 0.0)
    if found is not None and found.slope is not None and found.intercept is not None and found.slope > 0:
        platt = (found.slope, found.intercept)
    confidences = right_probabilities(platt, sureness)
    return HeadCalibration(float(temperature), platt, choose_cut(confidences, right, precision))


def choose_cut(confidences: Sequence[float], right: Sequence[bool], precision: float) -> float:
    """Return the smallest confidence from which on answers are right with `precision` by Wilson's lower limit; 1: none is.

    Equal confidences stay together.
    """
    order = sorted(range(len(right)), key=lambda at: -confidences[at])
    hits, cut = 0, NEVER
    for place, at in enumerate(order, start=1):
        hits += right[at]
        following = confidences[order[place]] if place < len(order) else -1.0
        interval = wilson(hits, place)
        if following < confidences[at] and interval is not None and interval.low >= precision:
            cut = confidences[at]
    return cut
