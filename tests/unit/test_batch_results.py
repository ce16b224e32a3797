"""Result files of the Batch API: read in any order, however damaged."""

import json
import random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.batch.results import BatchResult, ResultReader
from models.ids import new_id
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
        (None, "model_not_found", "fatal", None, "http_404"),
        (None, "billing_hard_limit_reached", "fatal", None, "http_402"),
        (None, "json_validate_failed", "unsure", "invalid_output", "json_validate_failed"),
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


@pytest.mark.parametrize(
    ("error", "kind", "failure", "fields"),
    [
        ({"code": "unsupported_parameter", "param": "seed"}, "retry", "unsupported_parameter", ("seed",)),
        ({"code": None, "message": "temperature is not supported"}, "retry", "no_answer", ("temperature",)),
        ({"code": 400, "message": 'Unknown name "seed": Cannot find field.'}, "retry", "http_400", ("seed",)),
        ("seed is not supported", "retry", "no_answer", ("seed",)),
        ({"code": "bad_request"}, "refused", "bad_request", None),
        ({"type": "invalid_request_error"}, "refused", "invalid_request_error", None),
        ({"code": "rate_limit_exceeded"}, "retry", "http_429", None),
        ({"code": 504}, "unsure", "http_504", None),
        ({"code": "401"}, "fatal", "http_401", ()),
        ({"code": 400, "message": "This model's maximum context length is 8"}, "rejected", "http_400", None),
        ({"message": "The text was flagged"}, "rejected", "no_answer", None),
    ],
)
def test_an_error_without_a_status_is_judged_by_what_it_says(
    error: object, kind: str, failure: str, fields: tuple[str, ...] | None
) -> None:
    """A refusal that comes without a response teaches what one with a 400 does, and is not asked for ever again."""
    one = new_id()
    result = _only(json.dumps({"custom_id": one.hex, "response": None, "error": error}), one)
    named = None if result.verdict is None else result.verdict.fields
    assert (result.kind, result.failure, named) == (kind, failure, fields)


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"param": "temperature", "code": "unsupported_parameter"}}',
        "temperature is not supported",
        [{"error": {"code": 400, "message": 'Unknown name "temperature": Cannot find field.'}}],
    ],
)
def test_a_refusal_in_another_form_is_read(body: Any) -> None:  # noqa: ANN401  any JSON value
    """A text, JSON within a text, or Google's list."""
    one = new_id()
    result = _only(response_line(one.hex, 400, body), one)
    assert result.verdict is not None
    assert (result.kind, result.verdict.fields) == ("retry", ("temperature",))


@pytest.mark.parametrize("entry", [{}, {"response": None, "error": None}, {"response": 7, "error": "x"}])
def test_a_line_without_response_and_error_is_tried_again(entry: dict[str, Any]) -> None:
    """It says nothing about the request."""
    one = new_id()
    result = _only(json.dumps({"custom_id": one.hex} | entry), one)
    assert (result.kind, result.failure) == ("retry", "no_answer")


def test_an_answer_that_stands_in_the_place_of_the_response_is_read() -> None:
    """It is billed, and says all that is needed."""
    one = new_id()
    result = _only(json.dumps({"custom_id": one.hex, "response": ANSWER}), one)
    assert (result.kind, result.body) == ("answered", ANSWER)


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


@pytest.mark.parametrize(
    "status", [True, False, 0, -1, 99, 600, 1e300, 200.5, "2000", "٢٠٠", "9" * 39, [200], {}]
)
def test_a_status_that_is_none(status: object) -> None:
    """It is taken for no status at all: the answer beside it counts, and no failure is named after it."""
    one = new_id()
    line = json.dumps({"custom_id": one.hex, "response": {"status_code": status, "body": ANSWER}})
    result = _only(line, one)
    assert (result.kind, result.failure) == ("answered", None)
