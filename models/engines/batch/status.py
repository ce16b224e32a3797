"""How a batch stands at its provider, as plain values, and the errors of asking for it. No network."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from models.engines.api.error_codes import error_code
from models.engines.api.replies import NO_ACCESS_CODES
from models.errors import BreakevenError
from models.requests import Usage

METADATA_KEY = "breakeven_batch"
"""Under this key a batch carries our own id at its provider."""
SETTLE_SECONDS = 20.0
"""How long the provider's list is watched for a batch whose creation may be under way."""

_FINAL = frozenset({"completed", "failed", "expired", "cancelled"})
_LATER = frozenset({"token_limit_exceeded", "rate_limit_exceeded", "server_error", "internal_error"})
_ACCOUNT = NO_ACCESS_CODES | {"invalid_api_key", "model_not_found"}


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


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """Why a provider refused a whole batch when it checked the file; nothing was answered or billed.

    `retry`: `later`: the same file passes once other batches have ended (`token_limit_exceeded`);
    `account`: not before the user has seen to quota, key or model; `never`: the file itself is refused,
    because of `lines` (numbers, from 1) if any are named. `codes` are the provider's, each once.
    """

    retry: Literal["later", "account", "never"]
    codes: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """How a batch stands. `id` and the file ids are the provider's, `batch_id` is ours, from its metadata.

    `status` is the provider's word. The counts are of requests: `completed` were answered, and billed.
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
    completed: int = 0
    failed: int = 0
    expires_at: datetime | None = None
    usage: Usage | None = None
    failure: BatchFailure | None = None

    @property
    def final(self) -> bool:
        """Whether the provider says that it is done with it."""
        return self.status in _FINAL

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, so that its files, which are both optional, can be read.

        A batch that counts answers but does not name their file yet has not ended: to ask again for what
        it holds would be to pay twice.
        """
        return self.final and (self.completed == 0 or self.output_file_id is not None)


def provider_batch(reply: Mapping[str, object]) -> ProviderBatch:
    """Read a batch object. Raises `ValueError` where id, status or time is missing."""
    provider_id, status, created_at = reply.get("id"), reply.get("status"), _time(reply.get("created_at"))
    if not isinstance(provider_id, str) or not isinstance(status, str) or created_at is None:
        msg = "this is no batch object"
        raise ValueError(msg)
    counts = _mapping(reply.get("request_counts"))
    whole = status == "failed" and not (reply.get("output_file_id") or reply.get("error_file_id"))
    return ProviderBatch(
        id=provider_id,
        status=status,
        created_at=created_at,
        batch_id=_our_id(_mapping(reply.get("metadata")).get(METADATA_KEY)),
        input_file_id=_text(reply.get("input_file_id")),
        output_file_id=_text(reply.get("output_file_id")),
        error_file_id=_text(reply.get("error_file_id")),
        total=_count(counts.get("total")),
        completed=_count(counts.get("completed")),
        failed=_count(counts.get("failed")),
        expires_at=_time(reply.get("expires_at")),
        usage=_usage(_mapping(reply.get("usage"))),
        failure=_failure(_mapping(reply.get("errors")).get("data")) if whole else None,
    )


def _failure(errors: object) -> BatchFailure:
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    codes = tuple(dict.fromkeys(error_code(entry.get("code")) or "unknown" for entry in entries))
    numbers = {entry["line"] for entry in entries if isinstance(entry.get("line"), int)}
    return BatchFailure(_retry(codes), codes, tuple(sorted(numbers)))


def _retry(codes: Iterable[str]) -> Literal["later", "account", "never"]:
    said = set(codes)
    if said & _ACCOUNT:
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
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
    except (OverflowError, OSError, ValueError):
        return None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
