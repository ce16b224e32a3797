"""The state of a batch at its provider: in whichever words it stands, counted as far as it can be, refused for what."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.errors.error_codes import keep_secret
from models.engines.api.replies import Meaning
from models.engines.batch.status import BatchFailure, provider_batch
from models.ids import new_id
from models.requests import Usage

PROSE = "the text of a record"
OVER_LIMIT = BatchFailure("later", ("token_limit_exceeded",))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


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
        ([{"code": None, "message": "Enqueued token limit reached for m"}], OVER_LIMIT),
        ([{"code": "rate_limit_exceeded", "message": "too many enqueued tokens"}], OVER_LIMIT),
        (["token_limit_exceeded"], OVER_LIMIT),
        ([{"code": "TokenLimitExceeded"}], BatchFailure("later", ("TokenLimitExceeded",))),
        (
            [{"message": "The number of requests in the input file exceeds 50000"}],
            BatchFailure("never", ("file_too_large",)),
        ),
        ([{"code": "invalid_model", "line": 1}], BatchFailure("account", ("invalid_model",), (1,))),
        ([{"code": "url_mismatch", "line": 1}], BatchFailure("never", ("url_mismatch",))),
    ],
)
def test_a_refused_batch_says_whether_to_try_again(
    errors: list[dict[str, object]], failure: BatchFailure
) -> None:
    """Enqueued tokens pass later; a bad line never does, and is named; an account needs its user."""
    assert _batch(status="failed", errors={"object": "list", "data": errors}).failure == failure


@pytest.mark.parametrize(
    ("entry", "meaning", "fields"),
    [
        ({"code": "unsupported_value", "param": "body.temperature"}, Meaning.OTHER_FIELDS, ("temperature",)),
        (
            {"code": "invalid_request", "message": "seed is not supported"},
            Meaning.OTHER_FIELDS,
            ("seed",),
        ),
        ({"code": "invalid_value", "param": "body.response_format.type"}, Meaning.OTHER_FORMAT, ()),
        ({"message": "System role not supported"}, Meaning.OTHER_ROLES, ()),
    ],
)
def test_the_check_of_a_file_says_how_requests_are_to_be_made(
    entry: dict[str, object], meaning: Meaning, fields: tuple[str, ...]
) -> None:
    """As a line of a batch, or a reply at once, would."""
    failure = _batch(status="failed", errors={"data": [entry | {"line": 1}]}).failure
    assert failure.other is not None
    assert (failure.other.meaning, failure.other.fields) == (meaning, fields)


@given(reply=st.dictionaries(st.sampled_from(["id", "status", "created_at", "metadata", "errors"]), JSON))
def test_what_is_no_batch_is_a_value_error(reply: dict[str, object]) -> None:
    """Nothing else is raised, whatever comes."""
    try:
        batch = provider_batch(reply)
    except ValueError:
        return
    assert (batch.id, batch.status) == (reply["id"], reply["status"])


@pytest.mark.parametrize("name", ["id", "status", "output_file_id"])
@pytest.mark.parametrize(
    "value", ["x" * 5000, "a\x1b[2J", "two\nlines", "\u202eabc", "batch_secret-that-was-sent"]
)
def test_an_id_is_short_visible_and_no_secret(name: str, value: str) -> None:
    """What a provider calls a batch or a file stands in messages, addresses and the ledger."""
    keep_secret(["secret-that-was-sent"])
    try:
        found = _batch(**{name: value})
    except ValueError:
        return
    assert found.output_file_id is None
    assert value not in (found.id, found.status)
