"""What a reply of an API means for the request: decided by type, status and code, and by fixed words of a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus

from models.catalogue.model_ends import end_note
from models.engines.api.errors.error_codes import error_code
from models.engines.api.errors.error_hints import NO_HINTS, ErrorHints, read_hints
from models.requests import AttemptOutcome, RejectionReason


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, or its absence, in the words of no client library.

    `status` is None where no whole reply came; then `failure` is a short code and `sent` says whether
    the request may have reached the provider. `code`, `param` and `kind` are those of an error body, `hints` what
    else it says.
    """

    status: int | None = None
    body: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    code: str | None = None
    param: str | None = None
    kind: str | None = None
    failure: str | None = None
    sent: bool = True
    hints: ErrorHints = NO_HINTS


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
    """The model does not take one of the fields that `ReplyVerdict.fields` names."""
    OTHER_ROLES = auto()
    """The model takes no system message."""


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """The meaning of a reply, and how its attempt ended unless it was answered.

    `failure` goes into the ledger line, `rejection` and `detail` into the completion. `down` says that
    it counts as a failure of the endpoint, not of the request. `limited`: the endpoint wants fewer requests, which is no
    failure of anything. `denied`: no access, which is the request's own matter once others were answered.
    """

    meaning: Meaning
    outcome: AttemptOutcome = "failed"
    failure: str | None = None
    rejection: RejectionReason | None = None
    detail: str | None = None
    fields: tuple[str, ...] = ()
    down: bool = False
    limited: bool = False
    denied: bool = False

    @property
    def field(self) -> str | None:
        """The first field that is named."""
        return next(iter(self.fields), None)


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
    | {"insufficient_balance", "insufficient_credits", "exceeded_current_quota_error"}
)
PASSING = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)
"""Denials that a gateway may take back a moment later; a 403 stays what it is."""
GATEWAY_STATUSES = frozenset({408, 499, 502, 504, 520, 522, 524, 598, 599})
"""Sent by whoever stands before the provider, while the request may have been answered, and billed, behind it.

408 and 504: time was over (RFC 9110, 15.5.9 and 15.6.5); 502: an unusable reply of the server behind (15.6.3); 499: nginx and
Google, the client's side closed first; 520, 522 and 524: Cloudflare had an odd reply, no acknowledgement, or no reply in
time, 522 also once the connection was made; 598 and 599: a proxy's own time-out of reading. Not among them: 500 and 503, which
the provider says of itself, 529 (overloaded, Anthropic), and Cloudflare's 521, 523, 525, 526 and 530, for which nothing was sent
(developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors, read 2026-11-30).
"""
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
    | {
        "ResponsibleAIPolicyViolation",
        "data_inspection_failed",
        "input_flagged",
        "moderation",
        "sensitive_content",
    }
)
UNUSABLE = "json_validate_failed"
"""Groq's code for an answer that is not the JSON it was asked for: the model's failure, no setting's, and perhaps billed."""
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
ODD_REFUSALS = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.NOT_IMPLEMENTED})
"""With these some refuse a field or a role: LiteLLM (github.com/BerriAI/litellm/issues/3923), llama.cpp's chat templates."""


def judge(reply: Reply) -> ReplyVerdict:
    """Say what a reply means. What a 200 holds is not looked at."""
    status = reply.status
    if status is None:
        return ReplyVerdict(
            Meaning.RETRY, "unknown_outcome" if reply.sent else "failed", reply.failure, down=True
        )
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ReplyVerdict(Meaning.ANSWERED, "ok")
    failure = f"http_{status}"
    if status in GATEWAY_STATUSES:
        return ReplyVerdict(Meaning.RETRY, "unknown_outcome", failure, down=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        other = _other_way(reply, failure) if status in ODD_REFUSALS else None
        return other or ReplyVerdict(Meaning.RETRY, failure=failure, down=True)
    return _refusal(reply, failure)


def error_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Make the reply of a status that is no success: the error's code, parameter and type, wherever it stands, and its hints."""
    inside = (
        body[0] if isinstance(body, list) and body else body
    )  # Google's answer to OpenAI's protocol is a list
    error = inside.get("error", inside) if isinstance(inside, dict) else None
    said = error if isinstance(error, dict) else inside if isinstance(inside, dict) else {}
    code, param, kind = (_text(said.get(name)) for name in ("code", "param", "type"))
    inner = said.get("innererror")  # Azure's
    if isinstance(inner, dict) and (within := _text(inner.get("code"))) in CONTENT_CODES:
        code = within
    return Reply(status, headers=headers or {}, code=code, param=param, kind=kind, hints=read_hints(body))


def _text(value: object) -> str | None:
    """Return a member of an error, which need not have the type that the protocol says; a number is a code as well."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def malformed_reply(what: str) -> ReplyVerdict:
    """Return the verdict on a reply with status 200 that is no answer: it may have been billed."""
    return ReplyVerdict(Meaning.RETRY, "unknown_outcome", what, down=True)


def describe_error(reply: Reply) -> str:
    """Return status and code of an error, such as `http_400 invalid_value`; never a message."""
    status = f"http_{reply.status}"
    word = error_code(reply.code)
    return status if word is None or word == str(reply.status) else f"{status} {word}"


def _refusal(reply: Reply, failure: str) -> ReplyVerdict:
    """Judge a redirect or a 4xx: it is about the account, the moment, or the request."""
    status, named = reply.status, {reply.code, reply.kind}
    if named & CONTENT_CODES or (status == HTTPStatus.FORBIDDEN and reply.hints.moderated):
        return ReplyVerdict(Meaning.REJECTED, failure=failure, rejection="refused", detail="content_filter")
    hints = reply.hints
    asks_otherwise = bool(hints.fields or hints.format or hints.parameters)  # OpenRouter's 404
    denied = status in NO_ACCESS_STATUSES and not (status == HTTPStatus.NOT_FOUND and asks_otherwise)
    if named & NO_ACCESS_CODES or denied or (status or 0) < HTTPStatus.BAD_REQUEST:
        return ReplyVerdict(
            Meaning.NO_ACCESS,
            failure=failure,
            rejection="refused",
            detail=describe_error(reply),
            denied=denied and not named & NO_ACCESS_CODES,
        )
    if UNUSABLE in named:
        return ReplyVerdict(Meaning.RETRY, "unknown_outcome", UNUSABLE, "invalid_output", UNUSABLE)
    if status == HTTPStatus.TOO_MANY_REQUESTS and not reply.hints.too_long:
        return ReplyVerdict(Meaning.RETRY, failure=failure, limited=True)
    if status in RETRY_STATUSES and status != HTTPStatus.TOO_MANY_REQUESTS:
        return ReplyVerdict(Meaning.RETRY, failure=failure)
    return _of_the_request(reply, named, failure)


def _of_the_request(reply: Reply, named: set[str | None], failure: str) -> ReplyVerdict:
    """Judge a 4xx that is about this request, or seems to be."""
    too_long = ReplyVerdict(
        Meaning.REJECTED, failure=failure, rejection="too_long", detail="longer than the API's model takes"
    )
    if (
        named & TOO_LONG_CODES
        or reply.param in TOO_LONG_PARAMS
        or reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ):
        return too_long
    if (other := _other_way(reply, failure)) is not None:
        return other
    if reply.hints.too_long:
        return too_long
    detail = "content_filter" if reply.hints.moderated else describe_error(reply)
    meaning = Meaning.REJECTED if reply.hints.moderated else Meaning.REFUSED
    return ReplyVerdict(meaning, failure=failure, rejection="refused", detail=detail)


def _other_way(reply: Reply, failure: str) -> ReplyVerdict | None:
    """Return how the endpoint wants to be asked instead, where the reply names it."""
    param, hints = reply.param or "", reply.hints
    fields = dict.fromkeys(hints.fields)
    if param in DISPENSABLE or (param in OPTIONAL_FIELDS and {reply.code, reply.kind} & FIELD_CODES):
        fields = {param: None, **fields}
    if param.startswith("response_format"):
        meaning = Meaning.OTHER_FORMAT
    elif fields:
        meaning = Meaning.OTHER_FIELDS
    elif hints.system:
        meaning = Meaning.OTHER_ROLES
    elif hints.format:
        meaning = Meaning.OTHER_FORMAT
    else:
        return None
    return ReplyVerdict(
        meaning, failure=failure, rejection="refused", detail=describe_error(reply), fields=tuple(fields)
    )


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
