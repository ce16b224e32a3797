"""What one evaluation found, as plain values: what the report shows and the ledger keeps.

Shares are between 0 and 1, money is integer nano-dollars, durations are seconds. Intervals hold 95 %.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from models.economics.month import Viability

ArmName = Literal["small", "api", "adapter"]
"""`small`: the local model as production runs it (without the adapter that is evaluated); `api`: the API model;
`adapter`: the local model with the LoRA adapter that is evaluated."""
KEEP = 0.9
"""The 90 % rule: how much of the API model's accuracy a small model has to reach."""


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
class QualityCheck:
    """One thing that was looked at in free answers, e.g. attributes found in the text."""

    name: str
    share: Share


@dataclass(frozen=True, slots=True)
class Arm:
    """One engine over the records.

    `answered`: records with a valid answer. `asked`: records that an engine was asked for in the runs behind
    it (the others reuse an identical one's answer, or were rejected); cost and time are theirs. `seconds`
    are the engine's busy seconds on the own machine, and of the API from the first request to the last
    answer. `load_nano` and `load_seconds` (loading and idling) come once a run, whatever its records. None: unknown. `scores`
    is None where the records have no labels.
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
class Comparison:
    """One arm against another on the same records.

    The four counts say how many records both answered right, only one of them, or neither. `ratio` of the
    accuracies, first to second, with the paired score interval of Tang, Tang and Chan; None where the second
    got nothing right. `viability` by the 90 % rule; `more`: about how many further labels would decide it, at
    the shares seen so far; None where it is decided, or no reasonable number would.
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
    small model's free answers agree with the API's. `missing` says in sentences what could not be said and why. `keep`: the part of the API model's
    accuracy that was asked for; the verdicts stand on it.
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

    def arm(self, name: ArmName) -> Arm | None:
        """Return an arm by its name, None where it did not run."""
        return next((arm for arm in self.arms if arm.name == name), None)

    @property
    def verdict(self) -> Comparison | None:
        """Small model against API: what decides whether the workload is replaceable."""
        return next((one for one in self.comparisons if (one.first, one.second) == ("small", "api")), None)

    @property
    def viability(self) -> Viability:
        """The verdict's; without one nothing is decided."""
        return "undecided" if self.verdict is None else self.verdict.viability
