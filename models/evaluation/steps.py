"""Thresholds that are worth trying: one between any two confidences that occurred."""

from collections.abc import Sequence
from itertools import pairwise

NO_ANSWER = -1.0
"""The confidence of no valid answer: below every threshold, 0 as well."""


def find_steps(confidences: Sequence[float]) -> list[float]:
    """Return 0 and a threshold above each confidence below 1, at most the next: each sends on the next group.

    The last is at most 1, so that a confidence of 1 never goes, as in production. `NO_ANSWER` makes no threshold.
    """
    distinct = [*sorted({sure for sure in confidences if 0 <= sure < 1}), 1.0]
    return [0.0, *(_between(low, high) for low, high in pairwise(distinct))]


def _between(low: float, high: float) -> float:
    """Return the middle; `high` where floating point has none above `low`."""
    middle = (low + high) / 2
    return middle if middle > low else high
