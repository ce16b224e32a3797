"""Lines of the Batch API's output and error files: which attempt each answers, and how it ended."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Literal, cast
from uuid import UUID

from models.engines.api.errors.error_codes import error_code
from models.engines.api.errors.inner_error import inner_reply, judge_inner_error
from models.engines.api.replies import (
    UNUSABLE,
    Meaning,
    Reply,
    ReplyVerdict,
    error_reply,
    judge,
)
from models.engines.api.reply_limits import ReplyTooLarge, parse_json
from models.requests import RejectionReason

ResultKind = Literal["answered", "retry", "unsure", "rejected", "refused", "fatal"]

_BAD_REQUESTS = frozenset(
    {"bad_request", "invalid_request", "invalid_request_error", "invalid_value", "invalid_argument"}
    | {"invalid_parameter", "invalid_parameter_error", "validation_error", "unprocessable_entity"}
)
"""Codes that refuse a request and do not say why, of an error without a status."""
_NO_ANSWER = "no_answer"
_TOLD = ("usage", "model", "service_tier")
LONGEST_TOLD = 10_000
"""Characters of these at most."""
_STATUS, _STATUSES = re.compile(r"[1-5]\d\d", re.ASCII), range(100, 600)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How one request of a batch ended.

    `answered`: `body` is the reply, for `parse_answer`. No other kind is billed, unless it is `billed`: then nobody
    knows. `retry`: it may pass another time (overload, expiry, cancellation). `unsure`: as `retry`, and it may have been
    billed. `rejected`: the provider takes no such record, for `rejection`. `refused`: it will not have the request, and
    that could be any request's fault; `fatal`: it sounds as if no request of the account or model could pass. Whether
    the other lines of its batch were answered tells. `failure` is a short code for the ledger line (`http_429`,
    `batch_expired`), `detail` says more of it; `verdict` is that on a reply which denies access, or says how the
    endpoint wants to be asked instead.
    """

    id: UUID
    kind: ResultKind
    body: Mapping[str, object] = field(default_factory=dict, repr=False)
    failure: str | None = None
    rejection: RejectionReason | None = None
    detail: str | None = None
    verdict: ReplyVerdict | None = None
    billed: bool = False


@dataclass(slots=True)
class Tally:
    """Lines that gave no result: not JSON, of an attempt that was not asked for, or seen before."""

    undecodable: int = 0
    unknown: int = 0
    repeated: int = 0


class ResultReader:
    """Reads the output file and then the error file of one batch, in whatever order their lines stand.

    Yields at most one result for each attempt of `expected`: the first line wins. What stays `missing`
    when all files are read was not answered, or its line was damaged; it is to be asked for again.
    """

    def __init__(self, expected: Iterable[UUID]) -> None:
        self._expected = frozenset(expected)
        self._missing = set(self._expected)
        self.tally = Tally()

    @property
    def missing(self) -> frozenset[UUID]:
        """The attempts that no line has answered so far."""
        return frozenset(self._missing)

    def read(self, lines: Iterable[bytes | str]) -> Iterator[BatchResult]:
        """Yield the results of one file's lines; empty lines are none."""
        for line in lines:
            if line.strip():
                result = self._result(line)
                if result is not None:
                    yield result

    def _result(self, line: bytes | str) -> BatchResult | None:
        entry = _decoded(line)
        if entry is None:
            self.tally.undecodable += 1
            return None
        attempt_id = _attempt_id(entry.get("custom_id"))
        if attempt_id is None or attempt_id not in self._expected:
            self.tally.unknown += 1
            return None
        if attempt_id not in self._missing:
            self.tally.repeated += 1
            return None
        self._missing.remove(attempt_id)
        return _classified(attempt_id, entry)


def _decoded(line: bytes | str) -> dict[str, object] | None:
    """Decode one line with the standard library, which takes what orjson does not (half surrogates)."""
    try:
        entry = parse_json(line.encode() if isinstance(line, str) else line)
    except (ValueError, ReplyTooLarge):
        return None
    return entry if isinstance(entry, dict) else None


def _attempt_id(custom_id: object) -> UUID | None:
    try:
        return UUID(custom_id) if isinstance(custom_id, str) else None
    except ValueError:
        return None


def _classified(attempt_id: UUID, entry: Mapping[str, object]) -> BatchResult:
    response = entry.get("response")
    if not isinstance(response, dict):
        return _unanswered(attempt_id, entry.get("error"))
    said = _decoded_text(response.get("body", response))
    body = _mapping(said)
    status = _status(response.get("status_code"))
    if status is None:
        if body.get("error") and "choices" not in body:
            return _unanswered(attempt_id, body["error"])
        status = HTTPStatus.OK
    return _judged(attempt_id, body, error_reply(status, said))


def _judged(attempt_id: UUID, body: Mapping[str, object], reply: Reply) -> BatchResult:
    """Take a reply with a status for what the synchronous engine takes it for."""
    verdict = judge(reply)
    if verdict.meaning is Meaning.ANSWERED:
        verdict = judge_inner_error(body) or verdict
    billed = verdict.outcome == "unknown_outcome" and (
        reply.status == HTTPStatus.OK or verdict.failure == UNUSABLE
    )
    if verdict.meaning is Meaning.ANSWERED:
        return BatchResult(attempt_id, "answered", body)
    body, (kind, kept) = _brief(body), _kind_of(verdict)
    rejection = None if kind == "fatal" else verdict.rejection
    return BatchResult(
        attempt_id, kind, body, verdict.failure, rejection, verdict.detail, kept, billed=billed
    )


def _brief(body: Mapping[str, object]) -> dict[str, object]:
    """Return what is needed of a reply that is no answer: such results are held until the last line was read."""
    told = {name: body[name] for name in _TOLD if name in body}
    return told if len(repr(told)) <= LONGEST_TOLD else {}


def _kind_of(verdict: ReplyVerdict) -> tuple[ResultKind, ReplyVerdict | None]:
    """Return what kind of result a verdict makes, and the verdict where more of it is needed."""
    match verdict.meaning:
        case Meaning.RETRY:
            return ("unsure" if verdict.outcome == "unknown_outcome" else "retry"), None
        case Meaning.NO_ACCESS:
            return "fatal", verdict
        case Meaning.REJECTED:
            return "rejected", None
        case Meaning.REFUSED:
            return "refused", None
        case _:
            return "retry", verdict


def _unanswered(attempt_id: UUID, said: object) -> BatchResult:
    """Judge an error that came without a status: by the one that its code stands for, or by what it refuses.

    Anything else (expiry, cancellation, a time-out) says nothing against the request, which is tried again.
    """
    error = _mapping(said) or {"message": said}
    word = error_code(error.get("code")) or error_code(error.get("type"))
    reply = inner_reply({"error": error})
    if reply is not None and reply.status != HTTPStatus.BAD_REQUEST:
        return _judged(attempt_id, {}, reply)
    refused = _judged(attempt_id, {}, error_reply(HTTPStatus.BAD_REQUEST, {"error": error}))
    if refused.kind == "refused" and reply is None and word not in _BAD_REQUESTS:
        return BatchResult(attempt_id, "retry", failure=word or _NO_ANSWER, detail=word or _NO_ANSWER)
    failure = word or (_NO_ANSWER if reply is None else refused.failure)
    return replace(refused, failure=failure, detail=refused.detail if refused.kind == "rejected" else failure)


def _decoded_text(body: object) -> object:
    """Return what a body says that comes as a JSON text; any other as it is."""
    try:
        return parse_json(body.encode("utf-8", "replace")) if isinstance(body, str) else body
    except (ValueError, ReplyTooLarge):
        return body


def _status(value: object) -> int | None:
    """Return a status, a number or its three digits; None for what is none, a truth value among them."""
    if isinstance(value, str) and _STATUS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _STATUSES else None


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
