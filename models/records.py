"""Input rows as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
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

TEXT_HASH_BYTES = 8


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

    @property
    def text_hash(self) -> int:
        """Hash of the text, 64 bits: it is published with the answer and says what that answers."""
        digest = blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=TEXT_HASH_BYTES)
        return int.from_bytes(digest.digest())


EscalationReason = Literal[
    "complex",
    "low_confidence",
    "invalid_output",
    "too_long",
    "refused",
    "engine_failed",
    "chosen",
    "not_viable",
]
"""Why a record goes to the API instead of being served by the local engine.

`chosen`: the run was asked to use it. `not_viable`: an evaluation says that the small model is not good enough.
"""


@dataclass(frozen=True, slots=True)
class Escalated:
    """One record on its way to the API, and how many attempts it has had so far."""

    record: Record
    reason: EscalationReason
    attempts: int


@dataclass(frozen=True, slots=True)
class Carried:
    """One record whose published row is taken over: its text is unchanged, and nobody is asked for it.

    `output` is the workload's output model as plain JSON values; `engine` is where it was answered.
    """

    record: Record
    output: Mapping[str, object] = field(repr=False)
    confidence: float | None
    engine: Literal["vllm", "openai"]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One row that was set aside, and why. `detail` never holds the row's text.

    `text_hash` is that of a record that an engine or its answer failed, None where there is no record.
    """

    key: str
    id: str | None
    ordinal: int
    reason: QuarantineReason
    detail: str
    text_hash: int | None = None
