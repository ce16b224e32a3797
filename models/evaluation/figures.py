"""What one evaluation found, as plain values: what the report shows and the ledger keeps.

Shares are between 0 and 1, money is integer nano-dollars, durations are seconds. Intervals hold 95 %.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from models.economics.month import Viability
from models.evaluation.cascade import Cascade
from models.evaluation.scores import (
    AnsweringScores,
    ConstantAnswer,
    Interval,
    LabelAgreement,
    LabelSetScores,
    ObjectScores,
    QualityCheck,
    Scores,
    Share,
    TextScores,
)

ArmName = Literal["classifier", "small", "api", "adapter"]
"""`small`: the local model as production runs it (without the adapter that is evaluated); `api`: the API model;
`adapter`: the local model with the LoRA adapter that is evaluated; `classifier`: one that was trained for the workload."""
Measure = Literal["accuracy", "exact_set", "whole_record", "exact_match", "chrf", "none"]
"""What the rule stands on: the share of right labels, of right sets of labels, of objects whose compared fields are right, of
right answers, the mean chrF of texts; none where there are no references."""
KEEP = 0.9
"""The 90 % rule: how much of the API model's accuracy a small model has to reach."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One engine over the records.

    `answered`: records with a valid answer. `asked`: records that an engine was asked for in the runs behind
    it (the others reuse an identical one's answer, or were rejected); cost and time are theirs. `seconds`
    are the engine's busy seconds on the own machine, and of the API from the first request to the last
    answer. `load_nano` and `load_seconds` (loading and idling) come once a run, whatever its records. None: unknown.
    At most one of `scores`, `label_sets`, `objects`, `answering` and `texts` is there, by what the records have references of;
    `checks` are of what needs none.
    """

    name: ArmName
    model: str
    records: int
    answered: int
    asked: int
    input_tokens: int
    output_tokens: int
    cost_nano: int | None
    seconds: float
    load_nano: int
    load_seconds: float
    scores: Scores | None
    checks: tuple[QualityCheck, ...] = ()
    label_sets: LabelSetScores | None = None
    objects: ObjectScores | None = None
    answering: AnsweringScores | None = None
    texts: TextScores | None = None

    @property
    def right(self) -> Share | None:
        """The records that were answered right; None where no record is right or wrong."""
        if self.scores is not None:
            return self.scores.accuracy
        if self.label_sets is not None:
            return self.label_sets.exact
        if self.objects is not None:
            return self.objects.right
        return None if self.answering is None else self.answering.exact

    @property
    def score(self) -> float | None:
        """What the rule stands on: the share of right answers, or the mean score; None without references."""
        if self.texts is not None:
            return self.texts.chrf.value
        return None if self.right is None else self.right.value

    @property
    def nano_per_thousand(self) -> int | None:
        """Cost of a thousand records that an engine is asked for, without loading; None where unknown."""
        if self.cost_nano is None or not self.asked:
            return None
        return round(1000 * self.cost_nano / self.asked)

    @property
    def seconds_per_thousand(self) -> float | None:
        """Time of a thousand records that an engine is asked for, without loading; None where none was."""
        return 1000 * self.seconds / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class BalancedComparison:
    """The balanced accuracies of two arms: each class of right answers counts the same, however many records it has.

    `interval` of the ratio holds however often one looks. `rarest`: the class with the fewest records, `rarest_records`.
    """

    first: float
    second: float
    ratio: float | None
    interval: Interval | None
    viability: Viability
    classes: int
    rarest: str
    rarest_records: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against another on the same records.

    The four counts say how many records both answered right, only one of them, or neither. `ratio` of the
    accuracies, first to second, with the paired score interval of Tang, Tang and Chan; None where the second
    got nothing right. `always`: the wider interval that holds however often one looks. `viability` by the 90 % rule
    on it and on that of the balanced accuracies. `more`: about how many further labels decide it in four of five cases, and
    `more_half` in half of them; None where it is decided, or no reasonable number would. `noise`: the share of wrong labels
    up to which a verdict of viable stands.
    """

    first: ArmName
    second: ArmName
    both: int
    only_first: int
    only_second: int
    neither: int
    ratio: float | None
    interval: Interval | None
    viability: Viability
    more: int | None
    always: Interval | None = None
    more_half: int | None = None
    balanced: BalancedComparison | None = None
    noise: float | None = None


@dataclass(frozen=True, slots=True)
class MeanComparison:
    """One arm against another on the same records, by the means of their scores.

    `ratio` of the means, first to second, with its paired bootstrap interval; None where the second's is 0. `viability`, `always`, `more`
    and `more_half` as those of a `Comparison`.
    """

    first: ArmName
    second: ArmName
    records: int
    first_mean: float
    second_mean: float
    ratio: float | None
    interval: Interval | None
    viability: Viability
    more: int | None
    always: Interval | None = None
    more_half: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the API model said of the small model's answers beside its own, each pair in both orders.

    `judged`: pairs of which it answered both orders. Of these `swapped` got another judgement in the other order, and the rest
    was the same in both: `small` or `api` preferred, or `ties`. `first`: of all single judgements that preferred one, those
    that preferred the answer that stood first. `unjudged`: records without two valid answers, or without both judgements.
    `equal`: pairs of the same text, which were not asked about and count as ties. This is no accuracy.
    """

    model: str
    judged: int
    small: Share
    api: Share
    ties: Share
    swapped: Share
    first: Share
    equal: int
    unjudged: int
    asked: int
    cost_nano: int | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Records of about one confidence: their mean confidence and the share of right answers."""

    confidence: float
    right: Share


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the small model's confidence is worth.

    `bins` hold as equal numbers of records as can be, in order of confidence. `error`: the expected calibration
    error over them. The calibrated confidence is 1 / (1 + exp(-(`slope` x logit(confidence) + `intercept`))),
    Platt's; None where all answers were right, or all wrong. `brier` and `calibrated_brier`: mean squared
    difference between confidence and outcome before and after, the latter on records held out.
    """

    bins: tuple[Bin, ...]
    error: float
    slope: float | None
    intercept: float | None
    brier: float
    calibrated_brier: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """Everything below `threshold` goes to the API: what that comes to.

    `escalated` is the share of the records that go. `ratio` is to the API's own accuracy, with its paired
    interval. `nano_per_thousand` is the cost of a thousand records, small model and API together.
    """

    threshold: float
    escalated: Share
    accuracy: Share
    ratio: float | None
    interval: Interval | None
    nano_per_thousand: int | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """The curve over all thresholds, and the cheapest that surely keeps the wished part of the API's accuracy.

    `chosen` is None where none keeps it for sure on so few records.
    """

    keep: float
    curve: tuple[Point, ...]
    chosen: Point | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation, whole.

    `labels_path` as it was given, `labels_digest` of the records and labels in it. `records` were evaluated,
    `duplicates` more were left out because their text and label were there before; `seed` chose them if there was a limit.
    `comparisons`: small against API first, if there is an API; then the adapter against small and API. `agreement`: how far the
    small model's answers agree with the API's where there are no references; `judgement`: what the API model said of the two. `constant`: what one answer to all
    records would score; `labellers`: how far two of them agree. `cascade`: which stages to answer with, one after the other. `missing` says in sentences what could not be said and why. `keep`: the part of the API model's
    accuracy (`measure`) that was asked for; the verdicts stand on it.
    """

    workload: str
    at: datetime
    month: date
    labels_path: str
    labels_digest: str
    records: int
    duplicates: int
    seed: int
    labels: tuple[str, ...] | None
    prompt_version: str
    prompt_fingerprint: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    agreement: tuple[QualityCheck, ...] = ()
    calibration: Calibration | None = None
    threshold: Threshold | None = None
    missing: tuple[str, ...] = ()
    keep: float = KEEP
    measure: Measure = "accuracy"
    mean_comparisons: tuple[MeanComparison, ...] = ()
    judgement: Judgement | None = None
    constant: ConstantAnswer | None = None
    labellers: LabelAgreement | None = None
    cascade: Cascade | None = None

    def arm(self, name: ArmName) -> Arm | None:
        """Return an arm by its name, None where it did not run."""
        return next((arm for arm in self.arms if arm.name == name), None)

    @property
    def verdict(self) -> Comparison | MeanComparison | None:
        """Small model against API: what decides whether the workload is replaceable."""
        return self.compared("small", "api")

    def compared(self, first: ArmName, second: ArmName) -> Comparison | MeanComparison | None:
        """Return how one arm compares with another, None where they were not compared."""
        every: tuple[Comparison | MeanComparison, ...] = (*self.comparisons, *self.mean_comparisons)
        return next((one for one in every if (one.first, one.second) == (first, second)), None)

    @property
    def viability(self) -> Viability:
        """The verdict's; without one nothing is decided."""
        return "undecided" if self.verdict is None else self.verdict.viability
