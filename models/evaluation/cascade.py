"""Chooses the stages and thresholds of a cascade: classifier, small model, API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.evaluation.scores import Interval, Share

StageName = Literal["classifier", "small", "api"]


@dataclass(frozen=True, slots=True)
class StageAnswers:
    """One stage over the same records: whether each was right, and how sure it was (None: no answer). Costs are of one record.

    `nano` in nano-dollars (None: unknown), `seconds` of the machine's or the API's time.
    """

    name: StageName
    right: Sequence[bool]
    confidence: Sequence[float | None]
    nano: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a chosen cascade: `threshold` below which a record goes on (None: the last stage takes what comes), and the share it serves."""

    name: StageName
    threshold: float | None
    served: Share


@dataclass(frozen=True, slots=True)
class Cascade:
    """The cheapest cascade that keeps the wished part of the last stage's accuracy, on records that chose no threshold.

    `ratio` to the reference's accuracy (the API's; without one the best stage's) with its interval, on held-out records. Costs per 1,000 records.
    `left_out`: stages that do not pay.
    """

    stages: tuple[Stage, ...]
    accuracy: Share
    ratio: float | None
    interval: Interval | None
    nano_per_thousand: int | None
    seconds_per_thousand: float
    left_out: tuple[StageName, ...]


def choose_cascade(stages: Sequence[StageAnswers], keep: float, seed: int = 0) -> Cascade | None:
    """Choose stages and thresholds on one half of the records by their cross-fitted halves, and measure on what chose nothing. None: fewer than two stages."""
    raise NotImplementedError
