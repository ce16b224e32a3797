"""Batches that end otherwise than completed, or in words of their own: what is billed, what is waited for, and how long."""

from pathlib import Path

import pytest

from models.engines.batch.status import NAMES_LATE
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    batch_states,
    changed_results,
    check_server,
    check_waiting,
    collect_until_done,
    outcomes,
    pass_deadlines,
    start,
    steps,
    texts_of,
)
from tests.integration.hybrid.harness import KEY, api_lines, collect
from tests.integration.pipeline.books import check_books, check_sums, table

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DAY_SECONDS = 86_400


def end(api: BatchApi, status: str, answered: int = 0, *, files: bool = True) -> None:
    """End every batch of the server in a state, with so many requests answered; `files`: it names its files."""
    for batch_id, batch in list(api.book.batches.items()):
        api.step(batch_id)
        if answered:
            api.work(batch_id, answered)
        api.book.batches[batch_id].waiting.clear()  # no line says anything of the others
        batch.fields["status"] = "finalizing"
        api.step(batch_id)
        batch.fields["status"] = status
        if not files:
            batch.fields |= {"output_file_id": None, "error_file_id": None}


@pytest.mark.parametrize("status", ["expired", "cancelled", "EXPIRED", "canceled", "TIMEOUT_EXCEEDED"])
def test_a_batch_that_ended_with_nothing_done_costs_nothing(
    tmp_path: Path, database_url: str, status: str
) -> None:
    """Its counts say so, and no file: the lines are closed at $0, not at their upper bound, and asked again in a batch."""
    failure = "batch_cancelled" if status.startswith("cancel") else "batch_expired"
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        end(api, status)
        assert collect(settings).waiting == {"batch": 6}
        closed = [line for line in api_lines(settings) if line.outcome != "pending"]
        assert outcomes(closed) == {f"failed:{failure}": 6}
        assert {(line.cost_nano, line.input_tokens, line.estimated) for line in closed} == {(0, 0, False)}
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {f"failed:{failure}": 6, "ok": 6}
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_batch_that_expired_before_it_began(tmp_path: Path, database_url: str) -> None:
    """While its file was checked: all counts are 0, and it never was in progress."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        for batch in api.book.batches.values():
            batch.fields["status"] = "expired"
        collect(settings)
        assert outcomes(batch_lines(settings)) == {"failed:batch_expired": 6, "pending": 6}
        assert collect_until_done(settings, api).state == "completed"
    check_books(settings)
    check_server(settings, api)


@pytest.mark.parametrize(
    ("counted", "left"),
    [(4, "failed:batch_expired"), (5, "unknown_outcome:no_answer"), (None, "unknown_outcome:no_answer")],
)
def test_what_an_expired_batch_answered_is_taken_by_its_file(
    tmp_path: Path, database_url: str, counted: int | None, left: str
) -> None:
    """The rest costs nothing where the count of answers is that of the lines; else it keeps its upper bound."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(10))
        end(api, "expired", answered=4)
        (batch,) = api.book.batches.values()
        batch.fields["request_counts"] = counted and {"total": 10, "completed": counted, "failed": 0}
        result = collect(settings)
        assert (result.escalated, result.waiting) == (4, {"batch": 6})
        assert outcomes(batch_lines(settings)) == {"ok": 4, left: 6, "pending": 6}
        check_sums(settings)
        assert collect_until_done(settings, api).state == "completed"
    assert len(api.book.billed) == 10
    check_books(settings)
    check_server(settings, api, unread=0)


@pytest.mark.parametrize(
    "counts", [{}, {"completed": None}, {"completed": None, "failed": None, "total": None}]
)
def test_files_that_are_named_late_are_waited_for(
    tmp_path: Path, database_url: str, counts: dict[str, str | None]
) -> None:
    """It is completed, and names no file yet, whatever it counts: nothing is asked again, also past the deadline."""
    with BatchApi(Rules(nameless_polls=3, counts=counts), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        steps(api)
        for number in range(3):
            if number == 2:
                pass_deadlines(settings)
            assert collect(settings).waiting == {"batch": 6}
            assert outcomes(batch_lines(settings)) == {"pending": 6}
            check_waiting(settings, api)
        assert collect(settings).state == "completed"
        assert (api.steps("create_batch"), api.steps("cancel_batch"), api.steps("chat")) == (1, 0, 0)
    assert outcomes(api_lines(settings)) == {"ok": 6}
    check_books(settings)
    check_server(settings, api)


WORDS: dict[str, tuple[dict[str, str], dict[str, str | None]]] = {
    "upper case": ({name: name.upper() for name in ("validating", "in_progress", "completed")}, {}),
    "Mistral": (
        {"validating": "QUEUED", "in_progress": "RUNNING", "finalizing": "RUNNING", "completed": "SUCCESS"},
        {"completed": "succeeded_requests", "failed": "failed_requests", "total": "total_requests"},
    ),
    "Anthropic": (
        {"validating": "in_progress", "finalizing": "in_progress", "completed": "ended"},
        {"completed": "succeeded", "failed": "errored", "total": None},
    ),
    "Gemini": ({"validating": "JOB_STATE_PENDING", "completed": "JOB_STATE_SUCCEEDED"}, {}),
}


@pytest.mark.parametrize("provider", WORDS)
def test_other_providers_words(
    tmp_path: Path, database_url: str, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each state is known by every name, and no warning is given; a failed row is asked again."""
    words, counts = WORDS[provider]
    with BatchApi(Rules(words=words, counts=counts), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*texts_of(5), "unsure [[once status 500]]"])
        for _ in range(3):
            assert collect(settings).waiting == {"batch": 6}
            steps(api, 1)
        assert collect(settings).waiting == {"batch": 1}
        assert collect_until_done(settings, api).state == "completed"
    assert "state that nobody knows" not in caplog.text
    assert outcomes(api_lines(settings)) == {"ok": 6, "failed:http_500": 1}
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_word_that_nobody_knows_is_waited_for(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With one warning; past the deadline it is cancelled, and a while later given up, its outcome unknown."""
    with BatchApi(Rules(words={"in_progress": "PONDERING", "cancelling": "PONDERING"}), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        steps(api, 1)
        for _ in range(2):
            assert collect(settings).waiting == {"batch": 6}
        assert caplog.text.count("state that nobody knows (PONDERING)") == 2  # one of each collecting
        pass_deadlines(settings)
        collect(settings)
        assert (api.steps("cancel_batch"), outcomes(batch_lines(settings))) == (1, {"pending": 6})
        pass_deadlines(settings, by=NAMES_LATE)
        collect(settings)
        assert outcomes(batch_lines(settings)) == {"unknown_outcome:no_answer": 6, "pending": 6}
        assert batch_states(settings) == {"abandoned": 1, "submitted": 1}
        api.book.rules.words.clear()
        assert collect_until_done(settings, api).state == "completed"
    assert api.steps("chat") == 0
    check_books(settings)
    check_server(settings, api)


@SQLITE
@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_batches_that_are_lost_again_and_again(
    tmp_path: Path, database_url: str, fallback: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each may have been billed: after `api_max_attempts` of them no other is made, and one line says what helps."""
    with BatchApi(Rules(words={"in_progress": "PONDERING", "cancelling": "PONDERING"}), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, api_max_attempts=2)
        start(settings, texts_of(3))
        for _ in range(2):
            steps(api, 1)
            pass_deadlines(settings, by=NAMES_LATE)
            result = collect(settings)
        assert result.waiting == {"api_unavailable": 3}
        assert "BREAKEVEN_BATCH_FALLBACK=sync" in caplog.messages[-1]
        assert (collect(settings).waiting, len(api.book.batches)) == ({"api_unavailable": 3}, 2)
        check_sums(settings)
        api.book.rules.words.clear()
        mode = {"batch_fallback": "sync"} if fallback == "sync" else {"api_mode": "sync"}
        allowed = batch_settings(tmp_path, database_url, api.url, api_max_attempts=2, **mode)
        assert (collect(allowed).state, api.steps("chat")) == ("completed", 3)
    assert outcomes(batch_lines(settings)) == {"unknown_outcome:no_answer": 6}
    check_books(settings)


@pytest.mark.parametrize("billed", [False, True])
@pytest.mark.parametrize("status", [502, 504, 524, 408])
def test_a_gateways_status_in_a_line(tmp_path: Path, database_url: str, status: int, billed: bool) -> None:
    """Behind it the request may have been answered: its outcome is unknown, unless the counts say that it was not."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*texts_of(4), f"unsure [[once status {status}]]"])
        (bound,) = {line.cost_nano for line in batch_lines(settings) if line.record_key == "r4"}
        steps(api)
        (batch,) = api.book.batches.values()
        if billed:
            batch.fields["request_counts"] = {"total": 5, "completed": 5, "failed": 0}
        assert collect(settings).waiting == {"batch": 1}
        (line,) = [line for line in batch_lines(settings) if line.outcome not in {"ok", "pending"}]
        expected = ("unknown_outcome", bound, True) if billed else ("failed", 0, False)
        assert (line.outcome, line.cost_nano, line.estimated) == expected
        assert line.failure == f"http_{status}"
        assert collect_until_done(settings, api).state == "completed"
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_lines_in_other_forms(tmp_path: Path, database_url: str) -> None:
    """A status as text, an id in capitals with dashes, an error beside an answer, an error without a code."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(4))
        steps(api)
        (batch,) = api.book.batches.values()
        with changed_results(api) as entries:
            for entry in entries[:2]:
                entry["response"]["status_code"] = "200"
            key = entries[1]["custom_id"].upper()
            entries[1]["custom_id"] = f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
            entries[2]["error"] = {"code": None, "message": "a word beside"}
            failed = entries[3]
            failed |= {"response": None, "error": {"message": "no code"}}
            api.book.billed = [one for one in api.book.billed if one["custom_id"] != failed["custom_id"]]
        batch.fields["request_counts"] = {"total": 4, "completed": 3, "failed": 1}
        result = collect(settings)
        assert (result.escalated, result.waiting) == (3, {"batch": 1})
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 4, "failed:no_answer": 1}
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_record_that_is_never_answered_has_so_many_attempts(tmp_path: Path, database_url: str) -> None:
    """Those that `api_max_attempts` says, over runs and batches; then it is set aside, and the rest is published."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, api_max_attempts=3)
        start(settings, [*texts_of(4), "unsure [[status 500]]"])
        result = collect_until_done(settings, api)
    assert (result.state, result.published, result.quarantined) == ("completed", 4, 1)
    assert len(table(settings, "batches")) == 3
    assert outcomes(api_lines(settings)) == {"ok": 4, "failed:http_500": 3}
    check_books(settings)
    check_server(settings, api)
