"""Input rows as plain values."""

from dataclasses import dataclass, field
from typing import Literal

QuarantineReason = Literal[
    "missing_text",
    "missing_id",
    "wrong_type",
    "undecodable",
    "bad_timestamp",
    "too_long",
    "refused",
    "invalid_output",
]


@dataclass(frozen=True, slots=True)
class Record:
    """One valid input row of a partition. `ordinal` is its place in the partition, from 0.

    `key` is its id, and from the second occurrence of an id on `id#2`, `id#3`, … `complex` says that the
    policy's condition on the input's columns (`complex_where`) holds for it.
    """

    key: str
    id: str
    ordinal: int
    text: str = field(repr=False)
    complex: bool = False


EscalationReason = Literal[
    "complex", "low_confidence", "invalid_output", "too_long", "refused", "engine_failed"
]
"""Why a record goes to the API instead of being served by the local engine."""


@dataclass(frozen=True, slots=True)
class Escalated:
    """One record on its way to the API, and how many attempts it has had so far."""

    record: Record
    reason: EscalationReason
    attempts: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One row that was set aside, and why. `detail` never holds the row's text."""

    key: str
    id: str | None
    ordinal: int
    reason: QuarantineReason
    detail: str
