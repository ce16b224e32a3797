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
    """How many records of a month's partitions were audited that one engine had served, and how many of them `judge` answered the same.

    `unjudged`: drawn records that people saw beside these, and of which they said nothing that counts: skipped, or tied.
    """

    workload: str
    engine: str
    month: date
    audited: int
    agreeing: int
    judge: Judge = "api"
    unjudged: int = 0

    @property
    def agreement(self) -> float | None:
        """The share that agrees; None of nothing."""
        return self.agreeing / self.audited if self.audited else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's interval of it (95 %), from where all unjudged records disagree to where all agree; None without a judged one."""
        every = self.audited + self.unjudged
        low, high = wilson(self.agreeing, every), wilson(self.agreeing + self.unjudged, every)
        return None if low is None or high is None or not self.audited else Interval(low.low, high.high)
