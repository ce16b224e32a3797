"""What a caller asks for, and what an audit of one partition came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from tasks.planning.request import RunRequest

AuditState = Literal["audited", "waiting", "nothing"]


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """A published partition of a workload, how its input is read, and the share to audit; None: that of the settings."""

    workload: str
    partition: date
    input: str | None = None
    where: str | None = None
    share: float | None = None

    @property
    def reading(self) -> RunRequest:
        """The request that reads the partition's input."""
        return RunRequest(self.workload, self.partition, self.input, self.where)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit of one partition came to.

    `audited` records have the API's answer, `agreeing` of them the same as is published. `drawn` were to be asked; `changed` of them have another
    text by now, `unanswered` got no usable answer. `waiting`: the API's answers come later, counted by what they wait for. `cost_nano`: nano-dollars
    of this try, None where a line's cost is unknown.
    """

    workload: str
    partition: date
    state: AuditState
    drawn: int = 0
    audited: int = 0
    agreeing: int = 0
    changed: int = 0
    unanswered: int = 0
    cost_nano: int | None = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
