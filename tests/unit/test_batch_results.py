"""Result files of the Batch API, and the state of a batch: read in any order, however damaged."""

import json
import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.batch.results import BatchResult, ResultReader
from models.engines.batch.status import BatchFailure, provider_batch
from models.ids import new_id
from models.requests import Usage
from tests.batch_answers import error_body, error_line, response_line

PROSE = "the text of a record"
ANSWER = {"choices": [{"message": {"content": PROSE}}], "usage": {}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FATES = ("answered", "failed", "expired", "absent", "garbled", "twice")


def _only(line: bytes | str, attempt_id: UUID) -> BatchResult:
    (result,) = ResultReader([attempt_id]).read([line])
    return result


@given(fates=st.lists(st.sampled_from(FATES), max_size=30), strangers=st.integers(0, 3), seed=st.integers())
def test_each_attempt_gets_one_result_or_stays_missing(fates: list[str], strangers: int, seed: int) -> None:
    """Over both files, in any order, with lines that are damaged, repeated or unknown."""
    ids = [new_id() for _ in fates]
    output, errors = [], []
    for attempt_id, fate in zip(ids, fates, strict=True):
        line = response_line(attempt_id.hex, 200, ANSWER)
        output += {"answered": [line], "twice": [line, line], "garbled": [line[:-9]]}.get(fate, [])
        errors += {
            "failed": [response_line(attempt_id.hex, 500, error_body(None))],
            "expired": [error_line(attempt_id.hex, "batch_expired")],
        }.get(fate, [])
    output += [response_line(new_id().hex, 200, ANSWER) for _ in range(strangers)]
    for lines in (output, errors):
        random.Random(seed).shuffle(lines)
    reader = ResultReader(ids)
    results = {result.id: result for file in (output, errors) for result in reader.read(file)}
    kinds = {"answered": "answered", "twice": "answered", "failed": "retry", "expired": "retry"}
    expected = {one: kinds[fate] for one, fate in zip(ids, fates, strict=True) if fate in kinds}
    assert {one: result.kind for one, result in results.items()} == expected
    assert reader.missing == set(ids) - set(expected)
    tally = reader.tally
    counts = (tally.undecodable, tally.unknown, tally.repeated)
    assert counts == (fates.count("garbled"), strangers, fates.count("twice"))
    assert PROSE not in repr(results)


@pytest.mark.parametrize(
    ("status", "code", "kind", "rejection", "failure"),
    [
        (429, "rate_limit_exceeded", "retry", None, "http_429"),
        (500, None, "retry", None, "http_500"),
        (503, "server_error", "retry", None, "http_503"),
        (408, None, "unsure", None, "http_408"),
        (502, None, "unsure", None, "http_502"),
        (504, None, "unsure", None, "http_504"),
        (524, None, "unsure", None, "http_524"),
        (503, None, "retry", None, "http_503"),
        (400, "context_length_exceeded", "rejected", "too_long", "http_400"),
        (413, None, "rejected", "too_long", "http_413"),
        (400, "content_filter", "rejected", "refused", "http_400"),
        (422, PROSE, "refused", "refused", "http_422"),
        (401, "invalid_api_key", "fatal", None, "http_401"),
        (404, "model_not_found", "fatal", None, "http_404"),
        (429, "insufficient_quota", "fatal", None, "http_429"),
        (None, "batch_expired", "retry", None, "batch_expired"),
        (None, "batch_cancelled", "retry", None, "batch_cancelled"),
        (None, "request_timeout", "retry", None, "request_timeout"),
        (None, "context_length_exceeded", "rejected", "too_long", "context_length_exceeded"),
        (None, "model_not_found", "fatal", None, "model_not_found"),
        (None, PROSE, "retry", None, "no_answer"),
    ],
)
def test_failures_are_told_apart_by_status_and_code(
    status: int | None, code: str | None, kind: str, rejection: str | None, failure: str
) -> None:
    """As the synchronous engine does; what could be a text is never taken for a code."""
    one = new_id()
    line = (
        error_line(one.hex, str(code)) if status is None else response_line(one.hex, status, error_body(code))
    )
    result = _only(line, one)
    assert (result.kind, result.rejection, result.failure) == (kind, rejection, failure)
    assert PROSE not in repr(result)


def test_a_field_that_the_model_does_not_take_is_named() -> None:
    """So that it can be left out when the record is tried again."""
    one = new_id()
    body = error_body("unsupported_value", param="temperature")
    result = _only(response_line(one.hex, 400, body), one)
    assert result.verdict is not None
    assert (result.kind, result.verdict.fields) == ("retry", ("temperature",))


@pytest.mark.parametrize("entry", [{}, {"response": None, "error": None}, {"response": 7, "error": "x"}])
def test_a_line_without_response_and_error_is_tried_again(entry: dict[str, Any]) -> None:
    """It says nothing about the request."""
    one = new_id()
    result = _only(json.dumps({"custom_id": one.hex} | entry), one)
    assert (result.kind, result.failure) == ("retry", "no_answer")


def test_an_answer_that_is_no_object_is_left_to_the_parser() -> None:
    """It was billed; an empty body is no chat completion, which the parser says."""
    one = new_id()
    line = json.dumps({"custom_id": one.hex, "response": {"status_code": 200, "body": "gone"}})
    result = _only(line, one)
    assert (result.kind, result.body) == ("answered", {})


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b'{"custom_id": "', b"[1]", b"7", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
)
def test_a_damaged_line_is_counted_and_passed_by(line: bytes) -> None:
    """Its request stays missing, and the next line is read."""
    one = new_id()
    reader = ResultReader([one])
    assert [result.id for result in reader.read([line, b"", response_line(one.hex, 200, ANSWER)])] == [one]
    assert reader.tally.undecodable == 1


def test_an_answer_with_half_a_surrogate_pair_is_read() -> None:
    """A model can be cut off inside of a character; the answer is paid for all the same."""
    one = new_id()
    line = response_line(one.hex, 200, {"choices": [{"message": {"content": "\ud83d"}}]})
    assert _only(line, one).kind == "answered"


@given(lines=st.lists(st.binary(max_size=30) | JSON.map(lambda value: json.dumps(value).encode())))
def test_no_line_stops_the_reader(lines: list[bytes]) -> None:
    """Whatever a provider writes, nothing is raised and nothing is invented."""
    assert list(ResultReader([new_id()]).read(lines)) == []


@given(entry=st.dictionaries(st.sampled_from(["response", "error"]), JSON))
def test_any_entry_of_a_known_attempt_gives_one_result(entry: dict[str, object]) -> None:
    """Also where response or error are not what they should be."""
    one = new_id()
    assert _only(json.dumps(entry | {"custom_id": one.hex}), one).id == one


def _batch(**fields: object) -> Any:  # noqa: ANN401
    return provider_batch({"id": "batch_1", "status": "completed", "created_at": 1_700_000_000} | fields)


def test_a_batch_object_is_read_whole() -> None:
    """Ids, counts, times, the provider's usage, and our own id from the metadata."""
    ours = new_id()
    batch = _batch(
        output_file_id="file-1",
        request_counts={"total": 3, "completed": 2, "failed": 1},
        metadata={"breakeven_batch": ours.hex},
        usage={"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2}},
    )
    assert (batch.batch_id, batch.total, batch.completed, batch.failed) == (ours, 3, 2, 1)
    assert batch.usage == Usage(9, 2, 4)
    assert batch.ended


@pytest.mark.parametrize(
    ("status", "completed", "output", "ended"),
    [
        ("validating", 0, None, False),
        ("in_progress", 5, None, False),
        ("finalizing", 5, None, False),
        ("cancelling", 5, None, False),
        ("completed", 5, "file-1", True),
        ("completed", 0, None, False),  # it names a file of answers or of errors, if only a moment later
        ("completed", 5, None, False),
        ("expired", 5, None, False),
        ("expired", 5, "file-1", True),
        ("cancelled", 0, None, True),
        ("failed", 0, None, True),
        ("a word of tomorrow", 0, None, False),
        ("COMPLETED", 5, "file-1", True),
        ("ended", 5, "file-1", True),
        ("SUCCESS", 5, None, False),
        ("TIMEOUT_EXCEEDED", 0, None, True),
        ("CANCELLATION_REQUESTED", 0, None, False),
        ("canceling", 5, "file-1", False),
        ("canceled", 5, "file-1", True),
        ("expiring", 5, "file-1", False),
        ("JOB_STATE_SUCCEEDED", 5, "file-1", True),
    ],
)
def test_a_batch_has_ended_when_its_files_can_be_read(
    status: str, completed: int, output: str | None, ended: bool
) -> None:
    """Answers without a file that holds them yet are waited for: they are paid."""
    batch = _batch(status=status, request_counts={"completed": completed}, output_file_id=output)
    assert batch.ended is ended


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"request_counts": {"total": 9, "completed": 5, "failed": 4}}, (9, 5, 4)),
        ({"request_counts": {"processing": 0, "succeeded": 5, "errored": 2, "expired": 2}}, (9, 5, 4)),
        (
            {"total_requests": 9, "succeeded_requests": 5, "completed_requests": 9, "failed_requests": 4},
            (9, 5, 4),
        ),
        ({"request_counts": None}, (0, None, 0)),
        ({"request_counts": {"total": 9, "completed": 0, "failed": 0}}, (9, None, 0)),  # and yet completed
        ({"request_counts": {"total": 0, "completed": 0, "failed": 0}}, (0, None, 0)),
        ({"status": "expired", "request_counts": {"total": 9, "completed": 0, "failed": 0}}, (9, 0, 0)),
        ({"status": "cancelled", "request_counts": {"total": 0, "completed": 0, "failed": 0}}, (0, 0, 0)),
        (
            {"status": "expired", "in_progress_at": 1_700_000_001, "request_counts": {"completed": 0}},
            (0, None, 0),
        ),
    ],
)
def test_counts_by_any_name_as_far_as_they_can_be(
    fields: dict[str, object], counts: tuple[int, int | None, int]
) -> None:
    """OpenAI's, Anthropic's and Mistral's; none that contradict the batch's own state."""
    batch = _batch(**fields)
    assert (batch.total, batch.completed, batch.failed) == counts


def test_files_and_times_by_other_names() -> None:
    """Mistral says `output_file`; some write times as text."""
    batch = _batch(output_file="out", error_file="err", created_at="2026-11-30T01:00:00Z")
    assert (batch.output_file_id, batch.error_file_id) == ("out", "err")
    assert batch.created_at == datetime(2026, 11, 30, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("errors", "failure"),
    [
        ([{"code": "token_limit_exceeded", "line": None}], BatchFailure("later", ("token_limit_exceeded",))),
        ([], BatchFailure("later")),
        (
            [{"code": "invalid_json_line", "line": 7}, {"code": "invalid_json_line", "line": 2}],
            BatchFailure("never", ("invalid_json_line",), (2, 7)),
        ),
        (
            [{"code": "model_not_found", "line": 1}, {"code": "invalid_url", "line": 1}],
            BatchFailure("account", ("model_not_found", "invalid_url"), (1,)),
        ),
        ([{"code": PROSE}], BatchFailure("never", ("unknown",))),
        ([{"code": "FILE_TOO_LARGE"}], BatchFailure("never", ("FILE_TOO_LARGE",))),
        (
            [{"code": "unsupported_value", "line": 1, "param": "body.temperature"}],
            BatchFailure("never", ("unsupported_value",), (1,), ("temperature",)),
        ),
    ],
)
def test_a_refused_batch_says_whether_to_try_again(
    errors: list[dict[str, object]], failure: BatchFailure
) -> None:
    """Enqueued tokens pass later; a bad line never does, and is named; an account needs its user."""
    assert _batch(status="failed", errors={"object": "list", "data": errors}).failure == failure


@given(reply=st.dictionaries(st.sampled_from(["id", "status", "created_at", "metadata", "errors"]), JSON))
def test_what_is_no_batch_is_a_value_error(reply: dict[str, object]) -> None:
    """Nothing else is raised, whatever comes."""
    try:
        batch = provider_batch(reply)
    except ValueError:
        return
    assert (batch.id, batch.status) == (reply["id"], reply["status"])
