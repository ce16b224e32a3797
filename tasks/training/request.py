"""What a caller asks to be trained."""

from dataclasses import dataclass
from decimal import Decimal

from models.training.trained import Teacher, TrainedKind

MINUTES = 10.0
"""Processor minutes that an adapter is trained where nothing else is said."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A workload, and what to train for it on whose answers.

    `minutes`: time at most of an adapter; a classifier takes what it needs. `labels` None: the file that the workload's settings name, where they name one.
    `use`: put in force what comes of it. `consent`: the terms of the API's provider were looked at, so nobody is asked. `usd`: dollars of the
    machine's time at most, beside the minutes; an adapter ends with what is used up first.
    """

    workload: str
    kind: TrainedKind = "classifier"
    minutes: float = MINUTES
    teacher: Teacher = "labels"
    labels: str | None = None
    seed: int = 0
    use: bool = False
    consent: bool = False
    usd: Decimal | None = None

    def flow_parameters(self) -> dict[str, object]:
        """Return the parameters of the flow that does what is asked for."""
        return {name: getattr(self, name) for name in self.__slots__}
