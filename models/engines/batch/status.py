"""How a batch stands at its provider, as plain values, and the errors of asking for it. No network."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal, TypeGuard
from uuid import UUID

from models.engines.api.errors.error_codes import is_id, is_secret
from models.engines.api.replies import NO_ACCESS_CODES, Meaning, ReplyVerdict, error_reply, judge
from models.engines.batch.provider_words import (
    OVER_LIMIT_CODES,
    BatchStanding,
    counts_of,
    fault_code,
    fault_entries,
    plain_codes,
    standing_of,
)
from models.errors import ApiAccessError, BreakevenError
from models.requests import Usage

LONGEST_WORD = 64
"""Characters of a word for how a batch stands."""

METADATA_KEY = "breakeven_batch"
"""Under this key a batch carries our own id at its provider."""
SETTLE_SECONDS = 20.0
"""How long the provider's list is watched for a batch whose creation may be under way."""

NAMES_LATE = timedelta(hours=2)
"""How long after its deadline a batch may still end, and name its files, before it is given up as lost."""

_LATER = OVER_LIMIT_CODES | {"rate_limit_exceeded", "server_error", "internal_error", "internal_server_error"}
_ACCOUNT = NO_ACCESS_CODES | {"invalid_api_key"}
_OF_ALL_LINES = re.compile(r"url|endpoint|method|window", re.IGNORECASE)
"""In codes of what is the same in every line, whichever of them is named."""
_OTHER_WAYS = frozenset({Meaning.OTHER_FIELDS, Meaning.OTHER_FORMAT, Meaning.OTHER_ROLES})


class BatchApiUnavailable(BreakevenError):
    """The Batch API did not do what it was asked; the same call may succeed later.

    `failure` is a short code (`timeout`, `http_503`). `sent`: it may have done it all the same.
    `wait_seconds` is what it asked to wait, if it did.
    """

    def __init__(
        self, what: str, host: str, failure: str, *, sent: bool, wait_seconds: float | None = None
    ) -> None:
        super().__init__(f"cannot {what}: {host} does not answer as it should ({failure}); try again later")
        self.failure = failure
        self.sent = sent
        self.wait_seconds = wait_seconds


class BatchApiRefused(BreakevenError):
    """The Batch API refuses what it was asked, and would again. `status` is the HTTP status."""

    def __init__(self, what: str, host: str, failure: str, status: int) -> None:
        super().__init__(f"cannot {what}: {host} refuses it ({failure})")
        self.failure = failure
        self.status = status


class BatchResultsTooLarge(BreakevenError):
    """A file of results is longer than may be read: the batch has failed, whatever it answered."""

    def __init__(self, host: str, most_bytes: int) -> None:
        super().__init__(
            f"a file of results of {host} is longer than {most_bytes:,} bytes (BREAKEVEN_BATCH_MAX_RESULT_BYTES)"
        )


class NoBatchApi(ApiAccessError):
    """The endpoint knows no batches. `host` is its name, `failure` a short code of what it said."""

    def __init__(self, host: str, failure: str) -> None:
        super().__init__(f"{host} has no Batch API ({failure}); set BREAKEVEN_API_MODE=sync")
        self.host = host
        self.failure = failure


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """Why a provider refused a whole batch when it checked the file; nothing was answered or billed.

    `retry`: `later`: the same file passes once other batches have ended (`token_limit_exceeded`);
    `account`: not before the user has seen to quota, key or model; `never`: the file itself is refused,
    because of `lines` (numbers, from 1) if any are named. `codes` are the provider's, each once. `other` says how the
    requests are to be made instead, where a field, a format or a role is not taken.
    """

    retry: Literal["later", "account", "never"]
    codes: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    other: ReplyVerdict | None = None


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """How a batch stands. `id` and the file ids are the provider's, `batch_id` is ours, from its metadata.

    `status` is the provider's word. The counts are of requests: `completed` were answered, and billed; None where that
    is not said, or where what is said cannot be. `model` is what it runs on, where that is said.
    `usage` is the sum over the answers, where the provider reports it once the batch has ended. `failure`
    is set for a batch that was refused whole, and has no files to read; there are servers that call one
    `failed` of which every request failed by itself.
    """

    id: str
    status: str
    created_at: datetime
    batch_id: UUID | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int | None = None
    failed: int = 0
    expires_at: datetime | None = None
    usage: Usage | None = None
    failure: BatchFailure | None = None
    model: str | None = None

    @property
    def standing(self) -> BatchStanding:
        """How it stands, in our words."""
        return standing_of(self.status)

    @property
    def final(self) -> bool:
        """Whether the provider says that it is done with it."""
        return self.standing not in {"open", "unknown"}

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, so that its files, which are both optional, can be read.

        A batch that may have answers but does not name their file yet has not ended: to ask again for what
        it holds would be to pay twice. One that is `completed` names a file in any case.
        """
        if not self.final:
            return False
        if self.completed is None:
            return self.output_file_id is not None or self.error_file_id is not None
        if self.completed == 0:
            return self.standing != "completed" or bool(self.output_file_id or self.error_file_id)
        return self.output_file_id is not None


def provider_batch(reply: Mapping[str, object]) -> ProviderBatch:
    """Read a batch object. Raises `ValueError` where id, status or time is missing."""
    provider_id, status, created_at = reply.get("id"), reply.get("status"), _time(reply.get("created_at"))
    if not is_id(provider_id) or not _is_word(status) or created_at is None:
        msg = "this is no batch object"
        raise ValueError(msg)
    standing = standing_of(status)
    total, completed, failed = counts_of(reply)
    begun = reply.get("in_progress_at") is not None or standing == "completed"
    if completed is not None and (
        (total == 0 and begun) or (standing == "completed" and completed + failed < total)
    ):
        completed = None  # a gateway that fills in no counts (BerriAI/litellm #38744)
    output, error = _file(reply, "output_file"), _file(reply, "error_file")
    whole = standing == "failed" and not (output or error or completed)
    return ProviderBatch(
        id=provider_id,
        status=status,
        created_at=created_at,
        batch_id=_our_id(_mapping(reply.get("metadata")).get(METADATA_KEY)),
        input_file_id=_file(reply, "input_file"),
        output_file_id=output,
        error_file_id=error,
        total=total,
        completed=completed,
        failed=failed,
        expires_at=_time(reply.get("expires_at")),
        usage=_usage(_mapping(reply.get("usage"))),
        failure=_failure(fault_entries(reply)) if whole else None,
        model=_id(reply.get("model")),
    )


def _failure(entries: Iterable[Mapping[str, object]]) -> BatchFailure:
    entries = list(entries)
    codes = tuple(dict.fromkeys(fault_code(entry) for entry in entries))
    numbers = {line for entry in entries if isinstance(line := entry.get("line"), int)}
    verdicts = (judge(error_reply(HTTPStatus.BAD_REQUEST, {"error": entry})) for entry in entries)
    other = next((one for one in verdicts if one.meaning in _OTHER_WAYS), None)
    retry = _retry(codes)
    whole = retry == "never" and any(_OF_ALL_LINES.search(code) for code in codes)
    return BatchFailure(retry, codes, () if whole else tuple(sorted(numbers)), other)


def _retry(codes: Iterable[str]) -> Literal["later", "account", "never"]:
    said = plain_codes(codes)
    if said & _ACCOUNT or any("model" in code for code in said):
        return "account"
    return "later" if said <= _LATER else "never"


def _usage(reported: Mapping[str, object]) -> Usage | None:
    given, made = reported.get("input_tokens"), reported.get("output_tokens")
    if not isinstance(given, int) or not isinstance(made, int):
        return None
    inputs = _mapping(reported.get("input_tokens_details"))
    outputs = _mapping(reported.get("output_tokens_details"))
    return Usage(
        given,
        _count(inputs.get("cached_tokens")),
        made,
        _count(outputs.get("reasoning_tokens")),
        _count(inputs.get("cache_write_tokens")),
    )


def _our_id(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _time(value: object) -> datetime | None:
    """Read Unix seconds, or a date and time of ISO 8601."""
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
    except (OverflowError, OSError, ValueError):
        return None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _file(reply: Mapping[str, object], name: str) -> str | None:
    """Return the id of a file of a batch: `output_file_id`, in Mistral's words `output_file`."""
    return _id(reply.get(f"{name}_id")) or _id(reply.get(name))


def _id(value: object) -> str | None:
    return value if is_id(value) else None


def _is_word(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str) and len(value) <= LONGEST_WORD and value.isprintable() and not is_secret(value)
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
