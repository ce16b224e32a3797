"""What a check of the ledger finds, gathered so that a thousand equal flaws are one row."""

from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN = 10
"""Ids that a finding names; more are only counted."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong. `what` is the same for all of its kind, `detail` says it of this one.

    `id` names a row as `check` says: a line, a run, a version, a day.
    """

    check: str
    what: str
    id: str
    detail: str = ""


@dataclass(slots=True)
class Finding:
    """All flaws of one kind: how many, the ids of the first ones, and what is wrong with the very first."""

    check: str
    what: str
    detail: str
    count: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, flaw_id: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.ids) < SHOWN:
            self.ids.append(flaw_id)


def gather(flaws: Iterable[Flaw]) -> list[Finding]:
    """Gather flaws by kind, in the order in which the first of each was found."""
    found: dict[tuple[str, str], Finding] = {}
    for flaw in flaws:
        finding = found.setdefault((flaw.check, flaw.what), Finding(flaw.check, flaw.what, flaw.detail))
        finding.add(flaw.id)
    return list(found.values())
