"""What a reply of an API means for the request: decided by type, status and code, never by a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus

from models.catalogue.model_ends import end_note
from models.engines.api.error_codes import error_code
from models.requests import AttemptOutcome, RejectionReason


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, or its absence, in the words of no client library.

    `status` is None where no whole reply came; then `failure` is a short code and `sent` says whether
    the request may have reached the provider. `code`, `param` and `kind` are those of an error body.
    """

    status: int | None = None
    body: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    code: str | None = None
    param: str | None = None
    kind: str | None = None
    failure: str | None = None
    sent: bool = True


class Meaning(Enum):
    """What is to be done about a reply."""

    ANSWERED = auto()
    """Status 200: read the body."""
    RETRY = auto()
    """Nothing is wrong with the request; try it again later."""
    REJECTED = auto()
    """The provider has named what is wrong with this request."""
    REFUSED = auto()
    """The provider will not have the request, and it could be any request's fault."""
    NO_ACCESS = auto()
    """No request can succeed."""
    OTHER_FORMAT = auto()
    """The endpoint does not take this `response_format`."""
    OTHER_FIELDS = auto()
    """The model does not take the field that `ReplyVerdict.field` names."""


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """The meaning of a reply, and how its attempt ended unless it was answered.

    `failure` goes into the ledger line, `rejection` and `detail` into the completion. `down` says that
    it counts as a failure of the endpoint, not of the request.
    """

    meaning: Meaning
    outcome: AttemptOutcome = "failed"
    failure: str | None = None
    rejection: RejectionReason | None = None
    detail: str | None = None
    field: str | None = None
    down: bool = False


CANCELLED = ReplyVerdict(Meaning.RETRY, "unknown_outcome", "cancelled")
"""Sent, and given up by us before a reply came."""
NOT_SENT = ReplyVerdict(Meaning.RETRY, "failed", "not_sent")
"""Written down, and then not sent after all."""

NO_ACCESS_STATUSES = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)
NO_ACCESS_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated"}
)
RETRY_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
TOO_LONG_CODES = frozenset(
    {"context_length_exceeded", "string_above_max_length", "exceed_context_size_error"}
)
TOO_LONG_PARAMS = frozenset({"input_tokens", "input_text"})
"""How vLLM's API server names a prompt that does not fit; its `code` is only the status again."""
CONTENT_CODES = frozenset(
    {"content_filter", "content_policy_violation", "content_policy", "invalid_prompt", "moderation_blocked"}
)
OPTIONAL_FIELDS = frozenset(
    {
        "temperature",
        "seed",
        "max_tokens",
        "max_completion_tokens",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
    }
)
DISPENSABLE = frozenset({"temperature", "seed", "reasoning_effort"})
"""Fields that are left out whatever is said against them; a limit may be wrong for one record alone."""
FIELD_CODES = frozenset({"unsupported_parameter", "unsupported_value"})


def judge(reply: Reply) -> ReplyVerdict:
    """Say what a reply means. What a 200 holds is not looked at."""
    status = reply.status
    if status is None:
        return ReplyVerdict(
            Meaning.RETRY, "unknown_outcome" if reply.sent else "failed", reply.failure, down=True
        )
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ReplyVerdict(Meaning.ANSWERED, "ok")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ReplyVerdict(Meaning.RETRY, failure=f"http_{status}", down=True)
    return _refusal(reply, status)


def malformed_reply(what: str) -> ReplyVerdict:
    """Return the verdict on a reply with status 200 that is no answer: it may have been billed."""
    return ReplyVerdict(Meaning.RETRY, "unknown_outcome", what, down=True)


def describe_error(reply: Reply) -> str:
    """Return status and code of an error, such as `http_400 invalid_value`; never a message."""
    status = f"http_{reply.status}"
    word = error_code(reply.code)
    return status if word is None or word == str(reply.status) else f"{status} {word}"


def _refusal(reply: Reply, status: int) -> ReplyVerdict:
    """Judge a redirect or a 4xx: it is about the account, the moment, or the request."""
    failure = f"http_{status}"
    named = {reply.code, reply.kind}
    if named & CONTENT_CODES:
        return ReplyVerdict(Meaning.REJECTED, failure=failure, rejection="refused", detail="content_filter")
    if status < HTTPStatus.BAD_REQUEST or status in NO_ACCESS_STATUSES or named & NO_ACCESS_CODES:
        return ReplyVerdict(Meaning.NO_ACCESS, failure=failure, detail=describe_error(reply))
    if status in RETRY_STATUSES:
        return ReplyVerdict(Meaning.RETRY, failure=failure)
    return _of_the_request(reply, named, failure)


def _of_the_request(reply: Reply, named: set[str | None], failure: str) -> ReplyVerdict:
    """Judge a 4xx that is about this request, or seems to be."""
    param = reply.param or ""
    if (
        named & TOO_LONG_CODES
        or param in TOO_LONG_PARAMS
        or reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ):
        return ReplyVerdict(
            Meaning.REJECTED,
            failure=failure,
            rejection="too_long",
            detail="longer than the API's model takes",
        )
    if param.startswith("response_format"):
        return ReplyVerdict(
            Meaning.OTHER_FORMAT, failure=failure, rejection="refused", detail=describe_error(reply)
        )
    if param in DISPENSABLE or (param in OPTIONAL_FIELDS and named & FIELD_CODES):
        return ReplyVerdict(
            Meaning.OTHER_FIELDS,
            failure=failure,
            rejection="refused",
            detail=describe_error(reply),
            field=param,
        )
    return ReplyVerdict(Meaning.REFUSED, failure=failure, rejection="refused", detail=describe_error(reply))


def no_access(reply: Reply, host: str, model: str) -> str:
    """Return the one line that says what to set, for a reply after which no request can succeed."""
    said = describe_error(reply)
    match reply.status:
        case HTTPStatus.UNAUTHORIZED:
            return f"the API at {host} refuses the key ({said}): set BREAKEVEN_API_KEY to a valid one"
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            return (
                f"the API at {host} has no model {model!r}, or no chat completions at this address ({said}): "
                f"set BREAKEVEN_API_MODEL or BREAKEVEN_API_BASE_URL{end_note(model, datetime.now(UTC).date())}"
            )
        case HTTPStatus.FORBIDDEN:
            return (
                f"the API at {host} does not let this key use the model {model!r} ({said}): "
                "set BREAKEVEN_API_KEY or BREAKEVEN_API_MODEL"
            )
        case int(status) if status < HTTPStatus.BAD_REQUEST:
            return f"the API at {host} is elsewhere ({said}): set BREAKEVEN_API_BASE_URL to its own address"
        case _:
            return f"the account at {host} has no quota left ({said}): add credit or raise its limit"
