"""chrF of a text against references (Popović 2015): the F-score of character n-grams, by sacrebleu."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF

_PER_CENT = 100


def chrf(answer: str, references: Sequence[str]) -> float:
    """Return chrF2 between 0 and 1, with the reference that it is best with; of an empty text 0.

    n-grams of 1 to 6 characters without white space, recall counts twice (sacrebleu's own setting, `nc:6|nw:0|space:no`).
    """
    return (
        float(_scorer().sentence_score(answer, list(references)).score) / _PER_CENT if answer.strip() else 0.0
    )


@cache
def _scorer() -> "CHRF":
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415  it takes a moment, and most evaluations need none

    return CHRF()
