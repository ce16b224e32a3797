"""Input rows as plain values."""

from dataclasses import dataclass
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

    `key` is its id, and from the second occurrence of an id on `id#2`, `id#3`, …
    """

    key: str
    id: str
    ordinal: int
    text: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One row that was set aside, and why. `detail` never holds the row's text."""

    key: str
    id: str | None
    ordinal: int
    reason: QuarantineReason
    detail: str
