"""What audits counted: how often the API agrees with what one engine served in a month."""

from dataclasses import dataclass
from datetime import date

from models.evaluation.intervals import wilson
from models.evaluation.scores import Interval


@dataclass(frozen=True, slots=True)
class AuditCount:
    """How many records of a month's partitions were audited that one engine had served, and how many of them the API answered the same."""

    workload: str
    engine: str
    month: date
    audited: int
    agreeing: int

    @property
    def agreement(self) -> float | None:
        """The share that agrees; None of nothing."""
        return self.agreeing / self.audited if self.audited else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's interval of it (95 %)."""
        return wilson(self.agreeing, self.audited)
