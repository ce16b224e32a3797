"""What training something cost, and what it has saved since: when it was paid back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

NextStage = Literal["vllm", "openai", "as_before"]
"""What a record would have cost without: on the own model, on the API, or as the workload's records did before, all in all."""


@dataclass(frozen=True, slots=True)
class ServedDay:
    """A UTC day's records that a trained model served, what all of its attempts cost, and what the records would have cost without it."""

    day: date
    records: int
    cost_nano: int
    instead_nano: Fraction


@dataclass(frozen=True, slots=True)
class TrainedUse:
    """A trained model up to a day, nano-dollars: what its training cost, what it served since, and what that saved.

    `records` and `saved_nano` are those of all days, `month_records` and `month_saved_nano` of the month alone; what is saved is below 0 where the next
    stage would have been cheaper. `instead`: what the saving is held against, None where it served nothing. `paid_back`: the first day at whose end it
    had saved what its training cost. `accuracy` with its limits is that on held-out texts, 0..1.
    """

    workload: str
    name: str
    kind: str
    trained_on: date
    cost_nano: int
    examples: int
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    records: int = 0
    saved_nano: int = 0
    month_records: int = 0
    month_saved_nano: int = 0
    instead: NextStage | None = None
    paid_back: date | None = None


def saved_nano(days: Iterable[ServedDay]) -> int:
    """Return what days saved, rounded down once."""
    return sum((one.instead_nano - one.cost_nano for one in days), Fraction(0)).__floor__()


def paid_back_on(cost_nano: int, days: Iterable[ServedDay]) -> date | None:
    """Return the first day at whose end `days`, in their order, had saved what training cost; None where they have not."""
    saved = Fraction(0)
    for one in days:
        saved += one.instead_nano - one.cost_nano
        if saved >= cost_nano:
            return one.day
    return None
