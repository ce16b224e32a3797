"""Which lines are old enough for an archive, and which files they go to: plain arithmetic."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeVar

from models.months import days_in, month_of, months_later


class HasLines(Protocol):
    """A run: when it started, and how many lines it has."""

    @property
    def started_at(self) -> datetime:
        """When the run started."""

    @property
    def lines(self) -> int:
        """How many lines it has."""


Run = TypeVar("Run", bound=HasLines)


@dataclass(frozen=True, slots=True)
class ArchiveFileLimits:
    """How much one file holds at most; a run that is larger has a file to itself.

    Its lines leave the ledger in one transaction, for which other writers wait on SQLite: some seconds.
    """

    lines: int = 500_000
    runs: int = 500


def months_before(today: date, months: int) -> date:
    """Return the day so many months earlier; where that month is too short, its last day."""
    month = months_later(today, -months)
    return month.replace(day=min(today.day, days_in(month)))


def split_into_files(runs: Iterable[Run], limits: ArchiveFileLimits) -> Iterator[list[Run]]:
    """Yield the runs of each file, in their order; a file holds runs that started in one UTC month."""
    held: list[Run] = []
    for run in runs:
        full = sum(one.lines for one in held) + run.lines > limits.lines or len(held) == limits.runs
        if held and (full or month_of(held[0].started_at) != month_of(run.started_at)):
            yield held
            held = []
        held.append(run)
    if held:
        yield held
