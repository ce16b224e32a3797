"""Lines of the Batch API's output and error files: which attempt each answers, and how it ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal, cast
from uuid import UUID

from models.engines.api.error_codes import error_code
from models.engines.api.inner_error import judge_inner_error
from models.engines.api.replies import (
    CONTENT_CODES,
    NO_ACCESS_CODES,
    TOO_LONG_CODES,
    UNUSABLE,
    Meaning,
    Reply,
    error_reply,
    judge,
)
from models.requests import RejectionReason

ResultKind = Literal["answered", "retry", "rejected", "fatal"]

_NO_ACCESS = frozenset({"model_not_found", "invalid_api_key"})


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How one request of a batch ended.

    `answered`: `body` is the reply, for `parse_answer`. No other kind is billed, unless it is `billed`: then nobody knows. `retry`: it may pass
    another time (overload, expiry, cancellation). `rejected`: the provider takes no such record, for
    `rejection`. `fatal`: no request of the account or model can pass. `failure` is a short code for the
    ledger line (`http_429`, `batch_expired`), `detail` says more of it; `parameter` names the field of
    the request that the model does not take, which is to be left out when it is tried again.
    """

    id: UUID
    kind: ResultKind
    body: Mapping[str, object] = field(default_factory=dict, repr=False)
    failure: str | None = None
    rejection: RejectionReason | None = None
    detail: str | None = None
    parameter: str | None = None
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
        entry = json.loads(line)
    except (ValueError, RecursionError):
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
        return _unanswered(attempt_id, _mapping(entry.get("error")))
    body = _mapping(response.get("body"))
    error = _mapping(body.get("error"))
    status = response.get("status_code")
    if not isinstance(status, int):
        if error and "choices" not in body:
            return _unanswered(attempt_id, error)
        status = 200
    return _judged(attempt_id, body, error_reply(status, body))


def _judged(attempt_id: UUID, body: Mapping[str, object], reply: Reply) -> BatchResult:
    """Take a reply with a status for what the synchronous engine takes it for."""
    verdict = judge(reply)
    if verdict.meaning is Meaning.ANSWERED:
        verdict = judge_inner_error(body) or verdict
    billed = verdict.outcome == "unknown_outcome" and (
        reply.status == HTTPStatus.OK or verdict.failure == UNUSABLE
    )
    match verdict.meaning:
        case Meaning.ANSWERED:
            return BatchResult(attempt_id, "answered", body)
        case Meaning.NO_ACCESS:
            return BatchResult(attempt_id, "fatal", body, verdict.failure, detail=verdict.detail)
        case Meaning.REJECTED | Meaning.REFUSED:
            return BatchResult(
                attempt_id,
                "rejected",
                body,
                verdict.failure,
                verdict.rejection,
                verdict.detail,
                billed=billed,
            )
        case _:
            field = "response_format" if verdict.meaning is Meaning.OTHER_FORMAT else verdict.field
            return BatchResult(
                attempt_id, "retry", body, verdict.failure, None, verdict.detail, field, billed=billed
            )


def _unanswered(attempt_id: UUID, error: Mapping[str, object]) -> BatchResult:
    """Judge an error that came without a reply, by its code alone (expiry, cancellation, timeout)."""
    said = error_code(error.get("code")) or "no_answer"
    if said in TOO_LONG_CODES:
        return BatchResult(attempt_id, "rejected", failure=said, rejection="too_long", detail=said)
    if said in CONTENT_CODES:
        return BatchResult(attempt_id, "rejected", failure=said, rejection="refused", detail=said)
    kind: ResultKind = "fatal" if said in NO_ACCESS_CODES | _NO_ACCESS else "retry"
    return BatchResult(attempt_id, kind, failure=said, detail=said)


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
