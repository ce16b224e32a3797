"""What providers call a batch's states, counts and faults, as one vocabulary. No network.

The words are those of OpenAI, Azure and Groq (`validating` … `cancelled`); of Mistral (`QUEUED`, `SUCCESS`,
`TIMEOUT_EXCEEDED`, `CANCELLATION_REQUESTED`; counts `total_requests`, `succeeded_requests`); of Anthropic (`ended`,
`canceling`; counts `processing`, `succeeded`, `errored`, `canceled`, `expired`); of Gemini (`JOB_STATE_SUCCEEDED`); and of
gateways that hand them on as they are. Read 2026-11-30 in the providers' API references.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from models.engines.api.errors.error_codes import error_code

BatchStanding = Literal["open", "completed", "failed", "expired", "cancelled", "unknown"]
"""How a batch stands, whatever its provider calls it; `unknown`: a word that nobody has heard before."""

_STANDINGS: dict[BatchStanding, frozenset[str]] = {
    "open": frozenset(
        [
            "validating",
            "validated",
            "pending",
            "queued",
            "created",
            "submitted",
            "scheduled",
            "starting",
            "running",
            "active",
            "processing",
            "in_progress",
            "finalizing",
            "finalising",
            "expiring",
            "cancelling",
            "canceling",
            "cancellation_requested",
            "cancel_requested",
            "paused",
        ]
    ),
    "completed": frozenset(
        [
            "completed",
            "complete",
            "ended",
            "success",
            "succeeded",
            "successful",
            "done",
            "finished",
            "partially_succeeded",
            "completed_with_errors",
            "succeeded_with_errors",
        ]
    ),
    "failed": frozenset(["failed", "failure", "error", "errored", "invalid", "rejected"]),
    "expired": frozenset(["expired", "timeout", "timed_out", "timeout_exceeded"]),
    "cancelled": frozenset(["cancelled", "canceled", "aborted", "stopped", "terminated"]),
}
_PREFIXES = ("job_state_", "batch_state_", "batch_status_", "state_")

_ANSWERED = ("completed", "succeeded", "succeeded_requests", "successful", "success", "completed_requests")
_FAILED = ("failed", "errored", "failed_requests", "failure", "errors")
_TOTAL = ("total", "total_requests")
_NOT_ANSWERED = ("canceled", "cancelled", "expired")
"""Counts that Anthropic keeps apart from the failed ones."""

OVER_LIMIT_CODES = frozenset(
    {
        "token_limit_exceeded",
        "enqueued_token_limit_exceeded",
        "enqueued_tokens_exceeded",
        "batch_enqueued_token_limit_exceeded",
        "max_enqueued_tokens_exceeded",
        "batch_token_limit_exceeded",
    }
)
"""The batch does not fit in what the account may have enqueued of the model: now, or by itself."""
TOO_LARGE_CODES = frozenset(
    {
        "too_many_tasks",
        "too_many_requests_in_batch",
        "too_many_lines",
        "max_requests_exceeded",
        "file_too_large",
        "file_size_exceeded",
        "max_file_size_exceeded",
        "batch_too_large",
        "request_too_large",
        "http_413",
    }
)
"""The file holds more than the provider takes in one, whatever else is enqueued."""
_ENQUEUED_WORDS = re.compile(r"enqueued[ _-]?token", re.IGNORECASE)
_TOO_LARGE_WORDS = re.compile(
    r"(?:number of|too many|more) (?:requests|lines|tasks) (?:than|in (?:\w+ ){0,2}(?:file|batch|input))"
    r"|file (?:size )?(?:is )?(?:too large|exceeds)",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def standing_of(status: str) -> BatchStanding:
    """Return how a batch stands by its provider's word, in whatever case it is written."""
    word = status.strip().lower().replace("-", "_").replace(" ", "_")
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    return next((standing for standing, words in _STANDINGS.items() if word in words), "unknown")


def counts_of(reply: Mapping[str, object]) -> tuple[int, int | None, int]:
    """Return how many requests a batch has, how many of them were answered (None: not said), and how many failed."""
    for name in ("request_counts", "requestCounts", "counts"):
        if isinstance(given := reply.get(name), dict):
            counts: Mapping[str, object] = given
            break
    else:
        counts = {name: value for name, value in reply.items() if name.endswith("_requests")}
    answered = _first(counts, _ANSWERED)
    failed = (_first(counts, _FAILED) or 0) + sum(_first(counts, (name,)) or 0 for name in _NOT_ANSWERED)
    total = _first(counts, _TOTAL)
    if total is None:
        total = (answered or 0) + failed + (_first(counts, ("processing",)) or 0)
    return total, answered, failed


def over_limit(codes: Iterable[str]) -> bool:
    """Whether these codes say that a batch is above the limit of enqueued tokens, and nothing else."""
    said = plain_codes(codes)
    return bool(said) and said <= OVER_LIMIT_CODES


def too_large(codes: Iterable[str]) -> bool:
    """Whether these codes say that a file holds more than the provider takes in one, and nothing else."""
    said = plain_codes(codes)
    return bool(said) and said <= TOO_LARGE_CODES


def plain_codes(codes: Iterable[str]) -> set[str]:
    """Return codes in small letters, the words of `TokenLimitExceeded` parted as in `token_limit_exceeded`."""
    return {_CAPITAL.sub("_", code).lower() for code in codes}


def fault_entries(reply: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return what a batch object says was wrong with the whole, in whichever of its forms."""
    errors = reply.get("errors") or reply.get("error")
    if isinstance(errors, dict) and isinstance(data := errors.get("data"), list):
        errors = data
    entries = errors if isinstance(errors, list) else [errors]
    texts = [{"code": entry, "message": entry} for entry in entries if isinstance(entry, str)]
    return [*(entry for entry in entries if isinstance(entry, dict)), *texts]


def fault_code(entry: Mapping[str, object]) -> str:
    """Return the code of a fault, `unknown` where there is none.

    A limit is known by its words as well: some name it there alone, or under the code of something else, such as
    `rate_limit_exceeded` (github.com/openai/openai-python/issues/2084 has OpenAI's words, read 2026-11-30).
    """
    said = f"{entry.get('message')}"
    if _ENQUEUED_WORDS.search(said):
        return "token_limit_exceeded"
    code = error_code(entry.get("code")) or error_code(entry.get("type")) or "unknown"
    known = plain_codes([code]) & (OVER_LIMIT_CODES | TOO_LARGE_CODES)
    return "file_too_large" if _TOO_LARGE_WORDS.search(said) and not known else code


def _first(counts: Mapping[str, object], names: Iterable[str]) -> int | None:
    """Return the first of these counts that is a whole number."""
    for name in names:
        value = counts.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None
