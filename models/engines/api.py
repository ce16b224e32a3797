"""What an API engine takes and tells: requests that may leave the house, and the journal of attempts.

An API engine answers `ApiRequest` and nothing else. One can only be made with an `ApiPermit`, and a
permit only comes from `ApiPermit.of`, which gives none for a workload whose data must stay: the types
leave no other way to the API (invariant I7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol, Self
from uuid import UUID

from models.engines.base import ClosedAttempt, Request
from models.errors import ResidencyError
from models.workloads.base import Workload

_ISSUED = object()


class ApiPermit:
    """Leave to send one workload's records to an API. `ApiPermit.of` is the only way to get one."""

    __slots__ = ("workload",)

    def __init__(self, workload: str, issued: object) -> None:
        if issued is not _ISSUED:
            msg = "a permit is issued by ApiPermit.of, never made"
            raise ResidencyError(msg)
        self.workload = workload

    @classmethod
    def of(cls, workload: Workload) -> Self | None:
        """Return a permit, or None for a workload whose data residency is `local`."""
        return None if workload.residency == "local" else cls(workload.name, _ISSUED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest(Request):
    """One record's request to an API: a `Request` with leave to go out."""

    DOMAIN: ClassVar[str] = "api:"

    permit: ApiPermit

    def __post_init__(self) -> None:
        """Refuse a request without a permit, whatever the type checker was told."""
        if not isinstance(self.permit, ApiPermit):
            msg = "an API request needs a permit"
            raise ResidencyError(msg)


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """One attempt that is about to be sent. `id` becomes the key of its ledger line.

    `number` counts the record's attempts within the run; `upper_bound` in the ledger line is worked
    out from `request` (`models.economics.upper_bound`).
    """

    id: UUID
    request: ApiRequest
    number: int
    at: datetime


class Journal(Protocol):
    """Where attempts are written down before they are sent (invariant I2). Called from any thread."""

    def open(self, attempts: Sequence[OpenAttempt]) -> Mapping[UUID, str]:
        """Write attempts as pending and return once that is durable.

        Returns those that may not be sent, by id, with the name of the budget cap that stands against
        it (such as `day cap of $5 for sentiment`); nothing was written for these. Raises
        `DatabaseUnavailable` and `LeaseLost`: then none may be sent.
        """

    def close(self, closed: Sequence[ClosedAttempt]) -> None:
        """Note how attempts ended that no completion carries (a failed one that is tried again).

        Returns at once; the lines are closed with the next transaction.
        """
