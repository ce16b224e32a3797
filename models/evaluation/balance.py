"""Balanced accuracy: each class of right answers counts the same, however many records it has.

Of one label a record the classes are the labels, and the balanced accuracy is the mean of their recalls. Of sets of labels it is the
macro-averaged recall: the mean over the labels of how many of the records that have one were given it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassHits:
    """The classes of each record's right answer, and which of them an answer got right; both in the order of the records."""

    truths: Sequence[AbstractSet[str]]
    found: Sequence[AbstractSet[str]]

    def scores(self) -> list[float]:
        """Return what each answer scores, so that the mean over the records is the balanced accuracy."""
        weights = weigh_classes(self.truths)
        return [sum(weights[one] for one in found) for found in self.found]

    def highest(self) -> list[float]:
        """Return what each record's right answer would score."""
        return ClassHits(self.truths, self.truths).scores()

    def mean(self) -> float | None:
        """Return the balanced accuracy; None where no record is of any class."""
        return sum(self.scores()) / len(self.truths) if any(self.truths) else None


def count_classes(truths: Sequence[AbstractSet[str]]) -> Counter[str]:
    """Count the records of each class that occurs."""
    return Counter(one for truth in truths for one in sorted(truth))


def weigh_classes(truths: Sequence[AbstractSet[str]]) -> Mapping[str, float]:
    """Return the weight of a record of each class: records / (classes x records of the class)."""
    counts = count_classes(truths)
    return {name: len(truths) / (len(counts) * count) for name, count in counts.items()}
