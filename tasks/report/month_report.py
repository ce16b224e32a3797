"""What a report is made of: the figures, the inputs they stand on, and which version of the month's report it is."""

from dataclasses import dataclass
from datetime import datetime

from models.economics.figures import MonthFigures
from models.economics.month import MonthInputs


@dataclass(frozen=True, slots=True)
class MonthReport:
    """One version of one month's report.

    `created_at`: an aware time. `fingerprint`: the hash over the inputs. `changes`: what differs from the version
    before, one sentence each; empty for the first version. `software`: the version of breakeven that made it.
    `documentation`: address of the page that explains the figures, where there is one on the web.
    """

    figures: MonthFigures
    inputs: MonthInputs
    version: int
    created_at: datetime
    fingerprint: str
    software: str
    changes: tuple[str, ...] = ()
    documentation: str | None = None
