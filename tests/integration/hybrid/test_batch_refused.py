"""Batches that the provider refuses, loses or cannot take just now: who is asked again, when, and at what price."""

from pathlib import Path
from typing import Any

import pytest

from models.engines.batch.status import NAMES_LATE
from models.errors import ApiAccessError
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    batch_states,
    check_server,
    check_waiting,
    collect_until_done,
    engine,
    outcomes,
    pass_deadlines,
    start,
    steps,
    texts_of,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, collect
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import leftovers, published, quarantined, run

pytestmark = pytest.mark.usefixtures("impatient")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_a_full_queue_is_tried_again_later(tmp_path: Path, database_url: str) -> None:
    """A batch refused for lack of room goes again under another id; its lines wait on, no attempt is counted."""
    with BatchApi(Rules(enqueued_tokens=1500, idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(20))
        first, second = api.book.batches
        api.step(first)
        assert api.step(second) == ["failed"]
        refused = collect(settings)
        assert (refused.state, refused.waiting) == ("waiting", {"batch": 20})
        assert batch_states(settings) == {"submitted": 1, "failed": 1, "intended": 1}
        assert api.steps("create_batch") == 2  # not in this round
        check_waiting(settings, api)
        api.step(first)
        api.step(first)
        assert collect(settings).escalated == 10
        assert api.steps("create_batch") == 3
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 20}
    assert [batch.error for batch in table(settings, "batches") if batch.state == "failed"] == [
        "token_limit_exceeded"
    ]
    check_books(settings)
    check_server(settings, api)
    assert leftovers(settings) == []


def test_lines_that_the_provider_names_are_set_aside(tmp_path: Path, database_url: str) -> None:
    """Only those; the others are asked in a new batch of the same round."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(10))
        (file,) = api.book.files.values()
        lines = file.content.splitlines(keepends=True)
        file.content = b"".join([*lines[:3], b"{no json\n", *lines[4:7], b"nor this\n", *lines[8:]])
        steps(api, 1)
        result = collect(settings)
        assert (result.state, result.waiting, result.quarantined) == ("waiting", {"batch": 8}, 2)
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
    assert (published(settings).height, quarantined(settings)["reason"].to_list()) == (8, ["refused"] * 2)
    assert quarantined(settings)["detail"].unique().to_list() == ["invalid_json_line"]
    assert outcomes(api_lines(settings)) == {"ok": 8, "failed:invalid_json_line": 10}
    check_books(settings)
    check_server(settings, api)


@POSTGRESQL
def test_a_file_that_holds_too_many_is_halved(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The same requests in two files pass, at half price; one line names the settings."""
    with BatchApi(Rules(max_requests=5), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(10))
        steps(api, 1)
        assert collect(settings).waiting == {"batch": 10}
        assert batch_states(settings) == {"failed": 1, "submitted": 2}
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
        assert api.steps("chat") == 0
    assert caplog.text.count("BREAKEVEN_BATCH_MAX_REQUESTS") == 1
    assert outcomes(batch_lines(settings)) == {"ok": 10}
    check_books(settings)
    check_server(settings, api)
    assert leftovers(settings) == []


@SQLITE
def test_a_file_that_cannot_be_uploaded_whole_is_halved(tmp_path: Path, database_url: str) -> None:
    """A 413 says nothing of the requests: half of them pass."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        api.fault("upload_file", "refuse", status=413)
        assert start(settings, texts_of(10)).waiting == {"batch": 10}
        assert [batch.requests for batch in table(settings, "batches") if batch.state == "submitted"] == [
            5,
            5,
        ]
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
        assert api.steps("chat") == 0
    assert outcomes(api_lines(settings)) == {"ok": 10}
    check_books(settings)
    check_server(settings, api)


def test_an_account_that_is_seen_to_goes_on(tmp_path: Path, database_url: str) -> None:
    """The round ends with one clear line, nothing is lost or charged; with the account in order it goes on."""
    rules = Rules(models=("another-model",))
    with BatchApi(rules, key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(15))
        for _ in range(2):
            steps(api, 1)
            with pytest.raises(ApiAccessError, match="model_not_found") as caught:
                collect(settings)
            assert "\n" not in str(caught.value)
            assert {row.state for row in table(settings, "runs")} == {"failed"}
            assert outcomes(api_lines(settings)) == {"pending": 15}
            assert collect(settings).waiting == {"batch": 15}
        rules.models = ()
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 15}
    check_books(settings)
    check_server(settings, api)


@POSTGRESQL
@pytest.mark.parametrize("status", [401, 503])
def test_a_run_that_cannot_submit(tmp_path: Path, database_url: str, status: int) -> None:
    """What is written down stays; a refused key fails the run, an endpoint that is down does not."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        api.fault("list_batches", "refuse", status=status, times=4)
        source = write_texts(tmp_path, texts_of(12, 8))
        if status == 401:
            with pytest.raises(ApiAccessError, match="BREAKEVEN_API_KEY"):
                run(settings, source, engine())
            with pytest.raises(ApiAccessError, match="BREAKEVEN_API_KEY"):
                collect(settings)
            api.take_fault("list_batches")
            api.take_fault("list_batches")
        else:
            assert run(settings, source, engine()).waiting == {"batch": 12}
        assert batch_states(settings) == {"intended": 2}
        source.unlink()
        assert collect(settings).waiting == {"batch": 12}
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 12}
    check_books(settings)
    check_server(settings, api)


@SQLITE
@pytest.mark.parametrize("step", ["get_batch", "download"])
def test_an_endpoint_that_is_down_when_it_is_asked(tmp_path: Path, database_url: str, step: str) -> None:
    """Whatever was read is kept; the rest is read the next time, each answer once."""
    faults: dict[str, dict[str, Any]] = {
        "get_batch": {"kind": "refuse", "status": 503},
        "download": {"kind": "cut"},
    }
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(20))
        steps(api)
        api.fault(step, times=4, **faults[step])
        result = collect(settings)
        assert result.state == "waiting"
        assert result.waiting == {"batch": 20 - result.escalated}
        assert result.escalated == 10 if step == "get_batch" else 10 < result.escalated < 20
        check_waiting(settings, api)
        assert collect(settings).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 20}
    check_books(settings)
    check_server(settings, api)


@POSTGRESQL
def test_answers_that_are_counted_but_never_named(tmp_path: Path, database_url: str) -> None:
    """A batch that has ended, with an answer but no file of answers: asked again only a while after its deadline."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, ["unsure [[once missing]]"])
        steps(api)
        assert collect(settings).waiting == {"batch": 1}
        pass_deadlines(settings)
        assert collect(settings).waiting == {"batch": 1}
        assert (len(api.book.batches), outcomes(batch_lines(settings))) == (1, {"pending": 1})
        pass_deadlines(settings, by=NAMES_LATE)
        assert collect(settings).waiting == {"batch": 1}
        assert outcomes(batch_lines(settings)) == {"unknown_outcome:no_answer": 1, "pending": 1}
        assert collect_until_done(settings, api).state == "completed"
        assert (api.steps("cancel_batch"), api.steps("chat")) == (0, 0)
    check_books(settings)
    check_server(settings, api, unread=1)


@SQLITE
@pytest.mark.parametrize("created", [False, True])
def test_a_request_file_that_is_gone(tmp_path: Path, database_url: str, created: bool) -> None:
    """A batch that cannot be uploaded any more is written anew, unless it was created unnoticed."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        kind = "refuse_after" if created else "refuse"
        api.fault("create_batch", kind)
        if created:
            api.book.rules.hidden_lists = 2  # the list is behind when the run looks
        assert run(settings, write_texts(tmp_path, texts_of(10)), engine()).waiting == {"batch": 10}
        assert batch_states(settings) == {"intended": 1}
        (file,) = settings.output_dir.rglob("breakeven-*.jsonl")
        file.unlink()
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 10} | ({} if created else {"failed:no_file": 10})
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_what_is_true_of_many_batches_is_said_once(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In one collecting: an endpoint that does not answer for a while, and files that are all refused alike."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(25))
        api.fault("get_batch", "refuse", status=503, times=12)
        collect(settings)
        assert caplog.text.count("is looked at again later") == 1
        steps(api, 1)
        for batch in api.book.batches.values():
            errors = [{"code": "url_mismatch", "line": 1}]
            batch.fields |= {"status": "failed", "errors": {"data": errors}}
        result = collect(settings)
        assert (result.waiting, result.quarantined) == ({"batch": 25}, 0)
        assert caplog.text.count("was refused (url_mismatch)") == 1
        assert collect_until_done(settings, api).state == "completed"
    check_books(settings)
