"""What no batch takes, or answers in time: it waits, and is asked at once, at full price, only where the settings say so."""

from functools import partial
from pathlib import Path

import pytest

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
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import run

pytestmark = pytest.mark.usefixtures("impatient")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@SQLITE
@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_a_file_refused_for_no_line_of_it(
    tmp_path: Path, database_url: str, fallback: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its records wait, and the file is tried again; or they are asked one by one where the settings say so."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_fallback=fallback)
        start(settings, texts_of(10))
        steps(api, 1)
        (batch,) = api.book.batches.values()
        batch.fields |= {"status": "failed", "errors": {"data": [{"code": "odd_file", "line": None}]}}
        result = collect(settings)
        if fallback == "wait":
            assert (result.state, result.waiting, api.steps("chat")) == ("waiting", {"batch": 10}, 0)
            assert "BREAKEVEN_API_MODE=sync" in caplog.text
            check_waiting(settings, api)
            result = collect_until_done(settings, api)
            assert outcomes(batch_lines(settings)) == {"ok": 10}
        else:
            assert outcomes(batch_lines(settings)) == {"failed:odd_file": 10}
        assert (result.state, api.steps("chat")) == ("completed", 0 if fallback == "wait" else 10)
    check_books(settings)
    check_server(settings, api)


@SQLITE
@pytest.mark.parametrize("fallback", ["wait", "sync"])
@pytest.mark.parametrize(
    ("step", "status"), [("create_batch", 400), ("create_batch", 422), ("upload_file", 400)]
)
def test_a_batch_refused_at_submission(
    tmp_path: Path,
    database_url: str,
    step: str,
    status: int,
    fallback: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its records wait, one line says what they would cost at once; only where the settings say so they are asked at once.

    The other batch is submitted, and the refused one is tried again at the next collecting.
    """
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_fallback=fallback)
        api.fault(step, "refuse", status=status, code="odd_request")
        result = run(settings, write_texts(tmp_path, texts_of(15, 5)), engine())
        if fallback == "wait":
            assert (result.state, result.waiting) == ("waiting", {"batch": 15})
            assert batch_states(settings) == {"intended": 1, "submitted": 1}
            (said,) = [
                one.message for one in caplog.records if "BREAKEVEN_BATCH_FALLBACK=sync" in one.message
            ]
            assert "at most $0.00" in said
        else:
            assert (result.state, result.waiting, result.escalated) == ("waiting", {"batch": 5}, 10)
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
        assert api.steps("chat") == (0 if fallback == "wait" else 10)
    expected = {"ok": 15} if fallback == "wait" else {"failed:odd_request": 10, "ok": 5}
    assert outcomes(batch_lines(settings)) == expected
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_refused_batch_goes_at_once_when_the_mode_says_so(tmp_path: Path, database_url: str) -> None:
    """What the line names helps: with BREAKEVEN_API_MODE=sync collecting asks at once for what a batch would not take."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        api.fault("create_batch", "refuse", status=400, code="odd_request", times=2)
        assert start(settings, texts_of(10)).waiting == {"batch": 10}
        sync = batch_settings(tmp_path, database_url, api.url, api_mode="sync")
        assert collect(sync).state == "completed"
        assert api.steps("chat") == 10
    check_books(settings)
    check_server(settings, api)


@SQLITE
@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_an_endpoint_without_batches(
    tmp_path: Path, database_url: str, fallback: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The run ends with one line that names the settings and the price, and keeps the records; or it asks at once."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_fallback=fallback)
        api.fault("list_batches", "refuse", status=404, times=2)
        source = write_texts(tmp_path, texts_of(12, 3))
        if fallback == "wait":
            for again in (False, True):
                ask = partial(collect, settings) if again else partial(run, settings, source, engine())
                with pytest.raises(ApiAccessError, match="has no Batch API") as caught:
                    ask()
                assert "BREAKEVEN_API_MODE=sync" in str(caught.value)
                assert "BREAKEVEN_BATCH_FALLBACK=sync" in str(caught.value)
                assert "\n" not in str(caught.value)
            assert outcomes(api_lines(settings)) == {"pending": 12}
            assert collect_until_done(settings, api).state == "completed"
            assert outcomes(api_lines(settings)) == {"ok": 12}
        else:
            result = run(settings, source, engine())
            assert (result.state, result.escalated, api.steps("chat")) == ("completed", 12, 12)
            assert "12 records are asked at once instead of in a batch: at most $" in caplog.text
            assert outcomes(batch_lines(settings)) == {"failed:http_404": 12}
    check_books(settings)
    check_server(settings, api)


@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_a_batch_that_the_provider_does_not_know_any_more(
    tmp_path: Path, database_url: str, fallback: str
) -> None:
    """It is waited for until its deadline; then its lines are of unknown outcome, and the records are asked again."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_fallback=fallback)
        start(settings, texts_of(10))
        steps(api, 2)
        hidden = dict(api.book.batches)
        api.book.batches.clear()
        assert collect(settings).waiting == {"batch": 10}
        pass_deadlines(settings)
        result = collect(settings)
        if fallback == "wait":
            assert (result.waiting, batch_states(settings)) == (
                {"batch": 10},
                {"abandoned": 1, "submitted": 1},
            )
            result = collect_until_done(settings, api)
        assert result.state == "completed"
        assert api.steps("chat") == (10 if fallback == "sync" else 0)
        api.book.batches |= hidden
    left = {"ok": 10} if fallback == "wait" else {}
    assert outcomes(batch_lines(settings)) == {"unknown_outcome:no_answer": 10} | left
    check_books(settings)
    check_server(settings, api, unread=10)


@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_past_the_deadline_the_rest_is_asked_again(
    tmp_path: Path, database_url: str, fallback: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The batch is cancelled, its answers are kept; the rest goes into a new one, or at once where the settings say so."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_fallback=fallback)
        start(settings, texts_of(10))
        steps(api, 1)
        api.work(next(iter(api.book.batches)), 4)
        pass_deadlines(settings)
        cancelling = collect(settings)
        assert (cancelling.state, cancelling.waiting) == ("waiting", {"batch": 10})
        assert api.steps("cancel_batch") == 1
        steps(api, 1)
        result = collect(settings)
        if fallback == "wait":
            assert (result.state, result.escalated, result.waiting) == ("waiting", 4, {"batch": 6})
            check_waiting(settings, api)
            result = collect_until_done(settings, api)
        assert result.state == "completed"
        assert api.steps("chat") == (6 if fallback == "sync" else 0)
    at_once = [line for line in api_lines(settings) if line.batch_id is None]
    assert outcomes(at_once) == ({"ok": 6} if fallback == "sync" else {})
    assert all(line.cost_nano == line.counterfactual_nano > 0 for line in at_once)
    rest = {"ok": 4} if fallback == "sync" else {"ok": 10}
    assert outcomes(batch_lines(settings)) == rest | {"failed:batch_cancelled": 6}
    assert ("BREAKEVEN_BATCH_FALLBACK=sync" in caplog.text) == (fallback == "wait")
    assert ("6 records are asked at once instead of in a batch" in caplog.text) == (fallback == "sync")
    check_books(settings)
    check_server(settings, api)


@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_a_batch_that_cannot_be_submitted_in_time(tmp_path: Path, database_url: str, fallback: str) -> None:
    """Its deadline is over before it was uploaded: it gets another one, or the run asks at once where it may."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(
            tmp_path, database_url, api.url, batch_deadline_hours=1e-9, batch_fallback=fallback
        )
        result = run(settings, write_texts(tmp_path, texts_of(10, 5)), engine())
        if fallback == "wait":
            assert (result.state, result.published, result.waiting) == ("waiting", 5, {"batch": 10})
            assert (api.steps("upload_file"), api.steps("chat"), batch_states(settings)) == (
                1,
                0,
                {"submitted": 1},
            )
            assert collect_until_done(settings, api).state == "completed"
            assert outcomes(batch_lines(settings)) == {"ok": 10}
        else:
            assert (api.steps("upload_file"), api.steps("chat")) == (0, 10)
            assert (result.state, result.published) == ("completed", 15)
            assert outcomes(batch_lines(settings)) == {"failed:deadline": 10}
    check_books(settings)
    check_server(settings, api)


def test_what_waited_for_a_budget_is_not_late(tmp_path: Path, database_url: str) -> None:
    """Only records that a batch had until its deadline go at once; others get their batch, at half price."""
    with BatchApi(Rules(), key=KEY) as api:
        free = batch_settings(tmp_path, database_url, api.url, batch_fallback="sync")
        capped = batch_settings(
            tmp_path, database_url, api.url, batch_fallback="sync", budget={"day_usd": "0.0008"}
        )
        first = start(capped, ["unsure [[once status 500]]", *texts_of(20)])
        assert first.waiting["budget"] > 0
        assert first.waiting["batch"] > 0
        steps(api)
        pass_deadlines(free)
        last = collect(free)
        assert last.state == "waiting"
        assert last.waiting == {"batch": first.waiting["budget"]}
        assert collect_until_done(free, api).state == "completed"
        assert api.steps("chat") == 1
    assert outcomes(api_lines(free)) == {"ok": 21, "failed:http_500": 1}
    check_books(free)
    check_server(free, api)
