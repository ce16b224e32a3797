"""The logistic head over sentence embeddings: from vectors to guesses with calibrated probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.engines.classifier.embedding import Embedded
from models.engines.classifier.guess import Guess
from models.evaluation.calibration import logit
from models.evaluation.logistic import Line, probability

Numbers = npt.NDArray[np.float64]
HeadKind = Literal["label", "labels"]
LEAST = 0.5
"""The probability from which a label is among several."""
HIGHEST = 1 - 1e-6
"""No confidence is 1, so that a threshold of 1 serves nothing."""


@dataclass(frozen=True, slots=True)
class Head:
    """Weights of the classes (classes x dimension), what each starts from, and the calibration of both.

    `temperature` divides the sums, `platt` turns the logit of an answer's probability into the logit of its being right.
    """

    kind: HeadKind
    classes: tuple[str, ...] = field(repr=False)
    weights: npt.NDArray[np.float32] = field(repr=False)
    bias: npt.NDArray[np.float32] = field(repr=False)
    temperature: float = 1.0
    platt: Line = (1.0, 0.0)

    def sums(self, vectors: npt.NDArray[np.float32]) -> Numbers:
        """Return what the classes come to before calibration, a row for each vector."""
        return (vectors @ self.weights.T + self.bias).astype(np.float64)

    def guess(self, embedded: Embedded) -> list[Guess]:
        """Return a guess for each embedded text."""
        found = probabilities(self.kind, self.sums(embedded.vectors), self.temperature)
        chosen, sureness = answers(self.kind, found)
        return [
            Guess(
                value=list(names) if self.kind == "labels" else names[0],
                confidence=right_probability(self.platt, sure),
                probabilities=dict(zip(self.classes, map(float, row), strict=True)),
                tokens=tokens,
            )
            for names, sure, row, tokens in zip(
                ([self.classes[at] for at in np.flatnonzero(row)] for row in chosen),
                sureness,
                found,
                embedded.tokens,
                strict=True,
            )
        ]


def probabilities(kind: HeadKind, sums: Numbers, temperature: float) -> Numbers:
    """Return the classes' probabilities: of one label they sum to 1, of several each is its own."""
    scaled = sums / temperature
    if kind == "labels":
        return np.asarray(1 / (1 + np.exp(-np.clip(scaled, -500, 500))))
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def answers(kind: HeadKind, found: Numbers) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """Return which classes each row answers with, and the probability that just these are the right ones."""
    if kind == "labels":
        return found >= LEAST, np.asarray(np.maximum(found, 1 - found).prod(axis=1))
    best = found.argmax(axis=1)
    return np.arange(found.shape[1]) == best[:, None], found[np.arange(len(found)), best]


def right_probability(platt: Line, sure: float) -> float:
    """Return the calibrated probability that an answer is right; it rises with what the classes say of it."""
    return min(probability(platt, logit(float(sure))), HIGHEST)


def right_probabilities(platt: Line, sureness: Numbers) -> Sequence[float]:
    """Return the same of many answers."""
    return [right_probability(platt, sure) for sure in sureness]
