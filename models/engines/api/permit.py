"""What an API engine takes and tells: requests that may be sent out, and the journal of attempts.

An API engine answers `ApiRequest` and nothing else. One can only be made with an `ApiPermit`, and a
permit only comes from `ApiPermit.of`, which gives none for a workload whose data must stay: the types
allow no other way to the API (invariant I7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol, Self, SupportsIndex, final
from uuid import UUID

from models.errors import ResidencyError
from models.records import EscalationReason
from models.requests import ClosedAttempt, Request
from models.workloads.base import Workload

_ISSUED = object()


@final
class ApiPermit:
    """Permission to send one workload's records to an API. `ApiPermit.of` is the only way to get one.

    It cannot be changed, subclassed, or carried to another process, where other settings may hold; a copy
    is the permit itself.
    """

    __slots__ = ("_issued", "workload")

    workload: str
    _issued: object

    def __init__(self, workload: str, issued: object) -> None:
        if issued is not _ISSUED:
            msg = "a permit is issued by ApiPermit.of, never made"
            raise ResidencyError(msg)
        object.__setattr__(self, "workload", workload)
        object.__setattr__(self, "_issued", issued)

    @classmethod
    def of(cls, workload: Workload) -> "ApiPermit | None":
        """Return a permit, or None for a workload whose data residency is `local`.

        Raises `ResidencyError` for what is no workload, and so has no residency that could be trusted.
        """
        if not isinstance(workload, Workload):
            msg = f"{type(workload).__name__} is no workload: it gets no permit"
            raise ResidencyError(msg)
        return ApiPermit(workload.name, _ISSUED) if workload.residency == "any" else None

    @property
    def is_issued(self) -> bool:
        """Whether it comes from `of`: an instance made past `__init__` carries no such mark."""
        return getattr(self, "_issued", None) is _ISSUED

    def __setattr__(self, name: str, value: object) -> None:
        msg = "a permit cannot be changed"
        raise ResidencyError(msg)

    def __delattr__(self, name: str) -> None:
        msg = "a permit cannot be changed"
        raise ResidencyError(msg)

    def __init_subclass__(cls) -> None:
        msg = "a permit has no other kinds"
        raise ResidencyError(msg)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[object, ...]:
        msg = "a permit cannot be stored or sent to another process: it is issued anew there"
        raise ResidencyError(msg)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest(Request):
    """One record's request to an API: a `Request` with permission to be sent, and why it is sent.

    `reasoning_room` are tokens that the model may reason with beside the `max_tokens` of its answer. `failures` of
    its record's attempts gave nothing usable before: they count against the attempts that it has.
    """

    DOMAIN: ClassVar[str] = "api:"

    permit: ApiPermit
    reason: EscalationReason = "complex"
    reasoning_room: int = 0
    failures: int = 0

    @property
    def token_limit(self) -> int:
        """Tokens that the model may make at most, in reasoning and answer."""
        return self.max_tokens + self.reasoning_room

    def __post_init__(self) -> None:
        """Refuse a request without a permit, whatever the type checker was told."""
        if not (isinstance(self.permit, ApiPermit) and self.permit.is_issued):
            msg = "an API request needs a permit that ApiPermit.of has issued"
            raise ResidencyError(msg)

    def __init_subclass__(cls) -> None:
        """Allow no kind of API request that could skip that check."""
        msg = "an API request has no other kinds"
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

    def answered(self, attempt: ClosedAttempt) -> None:
        """Hear of an attempt whose usage came, before another one is opened. Returns at once; it is closed elsewhere."""

    def close(self, closed: Sequence[ClosedAttempt]) -> None:
        """Note how attempts ended that no completion carries (a failed one that is tried again).

        Returns at once; the lines are closed with the next transaction.
        """
