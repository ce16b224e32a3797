"""Input rows as plain values."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, NamedTuple, get_args

ServedBy = Literal["classifier", "vllm", "openai"]
"""Which engine answered a record: a classifier that was trained here, the local engine, or an API."""

QuarantineReason = Literal[
    "missing_text",
    "missing_id",
    "wrong_type",
    "undecodable",
    "bad_timestamp",
    "too_long",
    "refused",
    "invalid_output",
    "reasoning_limit",
    "unanswered",
]
"""Why a row is set aside. `unanswered`: the API gave no usable answer in all the attempts that a record has."""

EngineReason = Literal["too_long", "refused", "invalid_output", "reasoning_limit", "unanswered"]
"""Why an engine, or its answer, failed a record; any other reason is one of reading the row."""
ENGINE_REASONS: tuple[EngineReason, ...] = get_args(EngineReason)
AGAIN: frozenset[EngineReason] = frozenset({"invalid_output", "reasoning_limit", "unanswered"})
"""Reasons that pass by themselves or with other settings, so that asking again can help; a `refused` may be one as well."""

TEXT_HASH_BYTES = 8
WHOLE_LINE = "(whole line)"
WHOLE_ANSWER = "(whole answer)"
"""Fields of faults that are of no single column of the input, or of no single member of the answer."""


class Fault(NamedTuple):
    """Why a row of the input is set aside. `field` is the input's column, `rule` what it should have been.

    `detail` is part of the digest of an input: another text makes a published partition look changed.
    """

    reason: QuarantineReason
    detail: str
    field: str
    rule: str


PUBLISHED_COLUMNS = ("id", "record_key", "confidence", "engine", "model", "prompt_version", "text_hash")
"""Columns of each published file beside those of the workload's output, which may have none of these names."""

QUARANTINE = "quarantine.parquet"
"""The file of rows that were set aside, beside the published one."""


def hash_text(text: str) -> int:
    """Return the hash of a record's text, 64 bits."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=TEXT_HASH_BYTES)
    return int.from_bytes(digest.digest())


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
        return hash_text(self.text)


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
    """One record on its way to the API, and how many attempts it has had so far.

    `failures` of these gave nothing usable on the record's own account, over all runs and batches of its version.
    `correction` is what the model is told of an answer that broke a limit: field and rule.
    """

    record: Record
    reason: EscalationReason
    attempts: int
    failures: int = 0
    correction: str | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """One record whose published row is taken over: its text is unchanged, and nobody is asked for it.

    `output` is the workload's output model as plain JSON values; `engine` is where it was answered.
    """

    record: Record
    output: Mapping[str, object] = field(repr=False)
    confidence: float | None
    engine: ServedBy


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One row that was set aside, and why. `detail` and `rule` never hold the row's text or an answer's.

    `text_hash` is that of a record that an engine or its answer failed, None where there is no record.
    `field` is the column of the input, or the member of the answer, that broke `rule`. `engine` is the one that
    answered or rejected the record last, None where none was asked. `answer` is the answer's text, None where
    there is none or it is not to be kept.
    """

    key: str
    id: str | None
    ordinal: int
    reason: QuarantineReason
    detail: str
    text_hash: int | None = None
    engine: ServedBy | None = dataclasses.field(default=None, compare=False)
    answer: str | None = dataclasses.field(default=None, compare=False, repr=False)
    field: str | None = dataclasses.field(default=None, compare=False)
    rule: str | None = dataclasses.field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SetAside:
    """How many records were set aside, how many of them an engine had answered, and what these cost, nano-dollars."""

    records: int = 0
    answered: int = 0
    answered_nano: int = 0

    def __add__(self, other: "SetAside") -> "SetAside":
        return SetAside(
            self.records + other.records,
            self.answered + other.answered,
            self.answered_nano + other.answered_nano,
        )
