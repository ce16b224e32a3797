"""How well answers do, as plain values: shares and means with their intervals, and the scores of each kind of workload.

Shares and means are between 0 and 1. Intervals hold 95 %.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a quantity lies with 95 % confidence. `low` <= `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, and the Wilson interval of the share; None of nothing."""

    count: int
    of: int
    interval: Interval | None

    @property
    def value(self) -> float | None:
        """The share itself, None of nothing."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class ScoreEstimate:
    """A mean or F1 over `of` records, with the interval of the bootstrap; None of nothing."""

    value: float | None
    of: int
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label: `precision` of the answers that gave it, `recall` of the records that have it; `f1` of both."""

    label: str
    precision: Share
    recall: Share
    f1: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How the answers compare with the labels.

    A record without a valid answer counts as wrong. `confusion[i][j]`: records of label i that were answered
    with label j, in the order of `labels`; its last column counts records without a valid answer. `macro_f1`
    is the mean over the labels that occur among the records.
    """

    accuracy: Share
    macro_f1: float
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LabelSetScores:
    """How sets of labels compare with the right ones.

    `exact`: records whose set is the right one. `micro_f1` over all labels given and had; `macro_f1` is the mean
    over the labels that occur among the records. No valid answer gives no label, and is never exact.
    """

    exact: Share
    micro_f1: ScoreEstimate
    macro_f1: ScoreEstimate
    labels: tuple[LabelScore, ...]


@dataclass(frozen=True, slots=True)
class FieldScore:
    """One field of an object.

    `exact`: the very value. `normalised`: the value after letter case, white space, the way numbers are written
    and the order of a list. `f1`: mean over the records of the F1 of what the lists have in common, of a text the words.
    """

    field: str
    exact: Share
    normalised: Share
    f1: ScoreEstimate


@dataclass(frozen=True, slots=True)
class ObjectScores:
    """How objects compare with the right ones. `right`: records of which all `compared` fields are, normalised."""

    right: Share
    compared: tuple[str, ...]
    fields: tuple[FieldScore, ...]


@dataclass(frozen=True, slots=True)
class AnsweringScores:
    """How answers to questions compare with the right ones, as SQuAD 2 does it.

    `exact` and `f1` (of the words) after lower case, without articles, punctuation and further white space. `abstained`:
    of the answers that say that the context does not hold it, how many were right (precision). `unanswerable`: of the records
    whose context does not hold it, how many were told so (recall).
    """

    exact: Share
    f1: ScoreEstimate
    abstained: Share
    unanswerable: Share


@dataclass(frozen=True, slots=True)
class TextScores:
    """How free texts compare with references: means over the records; no valid answer scores 0."""

    chrf: ScoreEstimate
    rouge_l: ScoreEstimate


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """One thing that was looked at in free answers, e.g. attributes found in the text."""

    name: str
    share: Share


@dataclass(frozen=True, slots=True)
class ConstantAnswer:
    """What one and the same answer to all records would score: the right answer that most records have.

    `balanced`: its balanced accuracy, None where there is none. `reaches`: it reaches the wished part of the API model's
    accuracy, so that accuracy alone cannot tell a model from it.
    """

    answer: str
    right: Share
    balanced: float | None
    reaches: bool


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How far two labellers agree on `same.of` records, of which both gave a label.

    `kappa`: Cohen's, None where both always gave the same one. `error`: how often each labels wrongly if both err as often,
    independently, and between two labels.
    """

    column: str
    same: Share
    kappa: ScoreEstimate
    error: float
