"""Which labels are taken for which, most frequent first."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.evaluation.scores import Scores

MOST = 15
NO_ANSWER = "no valid answer"


@dataclass(frozen=True, slots=True)
class Confusion:
    """`records` records of `label` were answered with `answer`, which is this `share` of the label's."""

    label: str
    answer: str
    records: int
    share: float


def frequent(scores: Scores, most: int = MOST) -> list[Confusion]:
    """Return the most frequent confusions; of equal ones first the one whose label comes first."""
    return sorted(_every(scores), key=lambda one: -one.records)[:most]


def _every(scores: Scores) -> Iterator[Confusion]:
    answers = [*(one.label for one in scores.labels), NO_ANSWER]
    for row, records in enumerate(scores.confusion):
        for column, number in enumerate(records):
            if number and row != column:
                yield Confusion(answers[row], answers[column], number, number / sum(records))
