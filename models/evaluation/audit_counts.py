"""What audits counted: how often the API, or people, agree with what one engine served in a month."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from models.evaluation.intervals import wilson
from models.evaluation.scores import Interval

Judge = Literal["api", "people"]
"""Who looks at what was served without the API: the API, or people where it may not be asked."""


@dataclass(frozen=True, slots=True)
class AuditCount:
    """How many records of a month's partitions were audited that one engine had served, and how many of them `judge` answered the same."""

    workload: str
    engine: str
    month: date
    audited: int
    agreeing: int
    judge: Judge = "api"

    @property
    def agreement(self) -> float | None:
        """The share that agrees; None of nothing."""
        return self.agreeing / self.audited if self.audited else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's interval of it (95 %)."""
        return wilson(self.agreeing, self.audited)
