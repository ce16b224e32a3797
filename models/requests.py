"""Requests, completions and usage: what workloads, engines and the ledger share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import ClassVar, Literal, Protocol
from uuid import UUID

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


Role = Literal["system", "user", "assistant"]


RejectionReason = Literal["empty", "too_long", "refused", "reasoning_limit", "invalid_output"]
"""Why a record has no answer. `reasoning_limit`: the model used up its tokens in reasoning, which is billed.

`invalid_output`: the endpoint itself found, each time, that what the model wrote is not what was asked for."""


DeferralReason = Literal["budget", "api_unavailable", "deadline", "stopped"]
"""Why an engine gave a request back unanswered though nothing is wrong with it: a later run takes it up."""


AttemptOutcome = Literal["ok", "failed", "unknown_outcome"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Role
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer is exactly one of `labels`."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JsonObject:
    """The answer is a JSON object of this schema (canonical JSON text, hashable)."""

    schema: str


@dataclass(frozen=True, slots=True)
class FreeText:
    """The answer is plain text."""


OutputFormat = Choice | JsonObject | FreeText


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt to be made for one record.

    `id` is our own UUIDv7 and becomes the key of the ledger line; `messages` are shared between
    records where they are constant, so that a million requests do not hold a million prompts.
    `attempt` numbers the attempts of one record within a run, from 1.
    """

    DOMAIN: ClassVar[str] = ""
    """Keeps the digests of another kind of engine apart: their answers are not each other's."""

    id: UUID
    record_key: str
    messages: tuple[Message, ...]
    output: OutputFormat
    max_tokens: int
    attempt: int = 1
    _digest: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def token_limit(self) -> int:
        """Tokens that the model may make at most."""
        return self.max_tokens

    def digest(self, start: "CommonStart | None" = None) -> bytes:
        """16-byte hash of everything that decides the answer; equal for identical requests.

        Window, part and ledger line each ask for it, so it is worked out once. `start` saves work where many
        requests begin alike.
        """
        if self._digest is None:
            digest = (start or CommonStart()).digest_of(self)
            object.__setattr__(self, "_digest", digest)
            return digest
        return self._digest


class CommonStart:
    """Hashes what requests have in common, all but the last message, once for as many as follow each other."""

    __slots__ = ("_common", "_hash")

    def __init__(self) -> None:
        self._common: tuple[object, ...] = ()
        self._hash = blake2b(digest_size=16)

    def digest_of(self, request: Request) -> bytes:
        """Return the digest of a request."""
        common = (request.DOMAIN, request.output, request.max_tokens, request.messages[:-1])
        if common != self._common:
            text = request.DOMAIN + _shape(request.output, request.max_tokens)
            self._hash = blake2b(_bytes(text + "".join(map(_spell, request.messages[:-1]))), digest_size=16)
            self._common = common
        whole = self._hash.copy()
        whole.update(_bytes("".join(map(_spell, request.messages[-1:]))))
        return whole.digest()


def _spell(message: Message) -> str:
    return f"{message.role}:{len(message.content)}:{message.content}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=64)
def _shape(output: OutputFormat, max_tokens: int) -> str:
    """Spell out what a run's requests have in common; its length, up to the colon, keeps it apart."""
    shape = repr((output, max_tokens))
    return f"{len(shape)}:{shape}"


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the engine or provider reported them.

    `cached_tokens` (read from a cache) and `cache_write_tokens` (written to one) are two parts of `input_tokens`
    that share no token; `reasoning_tokens` is part of `output_tokens`.
    """

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """What a provider says of how it served an attempt; None: it says nothing of it.

    `model` is the one that it used, `tier` its tier of service, `cost_nano` what it charges, nano-dollars.
    """

    model: str | None = None
    tier: str | None = None
    cost_nano: int | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire in an attempt that reported no usage, for the estimate of its tokens; no ledger holds it.

    `messages` as they were sent, `shape` the schema beside them (empty where it was none), `reasoning` and `answer` what
    the model wrote for itself, as far as it is shown, and for us.
    """

    messages: tuple[Message, ...]
    shape: str = field(repr=False)
    answer: str = field(repr=False)
    reasoning: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ClosedAttempt:
    """How one attempt on an API ended, for the ledger line that was written before it was sent.

    `ok`: answered. `failed`: the provider refused it or was never reached, so nothing is billed.
    `unknown_outcome`: sent, but whether and what it used is not known; its line keeps the upper-bound
    cost. `usage` is what the provider reported, None where it reported none; of an answer `exchange` is estimated then.
    `doubted` is what the provider reported that the request cannot have used, as JSON of counts: then there is no `usage`,
    and the most that the attempt can cost is what it costs. `failure` is a short code
    (`http_429`, `timeout`, …), or of an answer how it was read (`from_prose`, …), and never holds text of a prompt or an answer.
    """

    id: UUID
    outcome: AttemptOutcome
    at: datetime
    usage: Usage | None = None
    failure: str | None = None
    served: Served | None = None
    exchange: Exchange | None = field(default=None, repr=False)
    doubted: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """How one request ended: answered, answered by reuse of an identical one, rejected or deferred.

    `value` is the parsed answer: the label, or the JSON object as Python values, or None where the
    text does not parse (a cut-off object). `confidence` lies in 0..1 and is None where the engine
    cannot tell. `label_probabilities` sums to 1 over the labels and is None for other outputs.
    `engine_ns` is the time from submission to the last token, nanoseconds. `attempt` closes the ledger
    line of an API's last attempt; `attempts` says how many attempts this request took, so that the
    record's next one is numbered `request.attempt + attempts`. A deferred request was not answered, and
    nothing is wrong with it.
    """

    request: Request
    text: str = field(default="", repr=False)
    value: JsonValue = field(default=None, repr=False)
    usage: Usage | None = None
    finish_reason: str | None = None
    confidence: float | None = None
    label_probabilities: Mapping[str, float] | None = field(default=None, repr=False)
    engine_ns: int = 0
    rejection: RejectionReason | None = None
    detail: str | None = None
    reuses: UUID | None = None
    deferral: DeferralReason | None = None
    attempt: ClosedAttempt | None = None
    attempts: int = 1

    @property
    def answered_by(self) -> UUID:
        """The attempt that was answered: an earlier one's that is reused, or the last of an API's tries."""
        return self.reuses or (self.request.id if self.attempt is None else self.attempt.id)


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of a completion that an identical request can reuse, and the attempt it came from."""

    attempt_id: UUID
    text: str = field(repr=False)
    value: JsonValue = field(repr=False)
    finish_reason: str | None
    confidence: float | None
    label_probabilities: Mapping[str, float] | None


class AnswerIndex(Protocol):
    """Finds the answer of an identical request that finished earlier."""

    def get(self, digest: bytes) -> Answer | None:
        """Return the answer to the request with this digest, if one is known."""

    def put(self, digest: bytes, answer: Answer) -> None:
        """Remember an answer."""
