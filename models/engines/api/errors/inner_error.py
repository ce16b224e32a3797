"""An error that comes inside a reply with status 200, judged by the code inside as if it were the status.

OpenRouter answers 200 as soon as a model has begun, and puts what breaks afterwards into the body, as `error` in the
place of `choices` or within the choice, whose finish reason is then `error`
(https://openrouter.ai/docs/api/reference/errors-and-debugging, read 2026-11-30); gateways do the same.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from models.engines.api.answers.reply_body import ERROR_REASONS, first_choice, mapping, read_message
from models.engines.api.errors.error_codes import error_code
from models.engines.api.replies import (
    CONTENT_CODES,
    NO_ACCESS_CODES,
    TOO_LONG_CODES,
    UNUSABLE,
    Meaning,
    Reply,
    ReplyVerdict,
    error_reply,
    judge,
    malformed_reply,
)
from models.engines.api.usage import usage_of

BROKEN = "error_in_answer"
"""Failure of an answer that says that something broke, and not what."""
_STATUSES = {
    **dict.fromkeys(map(str.lower, CONTENT_CODES | TOO_LONG_CODES | {UNUSABLE}), HTTPStatus.BAD_REQUEST),
    **dict.fromkeys(NO_ACCESS_CODES, HTTPStatus.PAYMENT_REQUIRED),
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limit_error": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "resource_exhausted": HTTPStatus.TOO_MANY_REQUESTS,
    "insufficient_quota": HTTPStatus.TOO_MANY_REQUESTS,
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
    "overloaded_error": HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "service_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "invalid_api_key": HTTPStatus.UNAUTHORIZED,
    "authentication_error": HTTPStatus.UNAUTHORIZED,
    "permission_error": HTTPStatus.FORBIDDEN,
    "permission_denied": HTTPStatus.FORBIDDEN,
    "model_not_found": HTTPStatus.NOT_FOUND,
    "not_found_error": HTTPStatus.NOT_FOUND,
    "invalid_request_error": HTTPStatus.BAD_REQUEST,
    "invalid_argument": HTTPStatus.BAD_REQUEST,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "deadline_exceeded": HTTPStatus.GATEWAY_TIMEOUT,
}
"""Codes in words, those of refusals and of OpenAI, Anthropic and Google, and the status that they come with."""
OVERLOADED = 529
"""Anthropic's status for too much work."""
_ERRORS, _REFUSALS = range(400, 600), range(400, 500)
_DIGITS = re.compile(r"[45]\d\d", re.ASCII)
_NOTHING_DONE = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, OVERLOADED})
_MAYBE_DONE = frozenset({HTTPStatus.REQUEST_TIMEOUT, 499})


def judge_body(body: object, malformed: str | None) -> ReplyVerdict | None:
    """Return the verdict on a reply with status 200 that is no answer, `malformed` or an error; None for an answer."""
    inner = judge_inner_error(body)
    return inner if inner is not None or malformed is None else malformed_reply(malformed)


def judge_inner_error(body: object) -> ReplyVerdict | None:
    """Return the verdict on a reply with status 200 that holds an error in the place of an answer; None for any other.

    A status that refuses the request says that nothing was done, unless a usage came along. After any other the model
    may have worked: nobody knows then whether it was billed.
    """
    if _error(body) is None:
        return None
    reply = inner_reply(body)
    if reply is None:
        return ReplyVerdict(Meaning.RETRY, "unknown_outcome", BROKEN, down=True)
    verdict, status = judge(reply), reply.status or 0
    refused = status in _REFUSALS and status not in _MAYBE_DONE
    if usage_of(body) is not None or not (refused or status in _NOTHING_DONE):
        return replace(verdict, outcome="unknown_outcome")
    return verdict


def inner_reply(body: object) -> Reply | None:
    """Return the refusal that an error inside a reply would have been by itself; None where there is none that names a status."""
    error = _error(body)
    if error is None:
        return None
    metadata = mapping(error.get("metadata"))
    named = [error.get("code"), error.get("type"), error.get("status"), metadata.get("error_type")]
    words = [word.lower() for one in named if (word := error_code(one)) is not None]
    status = _status(error) or next((_STATUSES[word] for word in words if word in _STATUSES), None)
    if status is None:
        return None
    reply = error_reply(status, {"error": error})
    moderated = isinstance(metadata.get("reasons"), list)  # OpenRouter's moderation
    return replace(reply, code="content_filter") if moderated else reply


def _error(body: object) -> Mapping[str, object] | None:
    """Return the error of a reply that stands in the place of an answer; None where there is an answer, or no error."""
    said = mapping(body)
    choice = first_choice(body)
    if isinstance(choice, str):
        if said.get("error"):
            return _as_mapping(said["error"])
        numbered = said.get("object") == "error" or _status(said) is not None
        return said if numbered and not said.get("choices") else None
    message = read_message(choice)
    ended = None if message is None else message.finish_reason
    if choice.get("error"):
        return _as_mapping(choice["error"])
    silent = message is None or not message.content.strip()
    if ended in ERROR_REASONS:
        return _as_mapping(said.get("error") or {})
    if silent and said.get("error") and not (message is not None and message.refused):
        return _as_mapping(said["error"])
    return None


def _as_mapping(error: object) -> Mapping[str, object]:
    """Return an error as an object; of a text nothing is kept but a code."""
    return mapping(error) or {"code": error_code(error)}


def _status(error: Mapping[str, object]) -> int | None:
    """Return the status that an error names, as a number or as its digits."""
    for name in ("code", "status", "status_code", "http_status", "statusCode"):
        value = error.get(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, int | float) and value in _ERRORS:
            return int(value)
    return None
