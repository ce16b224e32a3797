"""A batch that is above the account's limit of enqueued tokens by itself: it is halved, again and again, until it passes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models.settings import Settings
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    SETTLE_SECONDS,
    UNSURE,
    batch_lines,
    batch_settings,
    check_server,
    check_waiting,
    collect_until_done,
    engine,
    outcomes,
    start,
    steps,
    texts_of,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, collect
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import leftovers, published, run
from tests.integration.pipeline.runner import Job, Runner
from tests.sampling import kills_at

pytestmark = pytest.mark.usefixtures("impatient")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KILLED = -9
A_FEW = 300
"""Tokens of two requests as the server counts them, not of three."""


def check_halved(settings: Settings, api: BatchApi, count: int) -> None:
    """See that each line was answered once, in batches of the first one's deadline, and that nothing is left."""
    assert outcomes(batch_lines(settings)) == {"ok": count}
    assert published(settings).height == count
    assert sum(api.book.answers.asked.values()) == count
    assert api.steps("chat") == 0
    check_books(settings)
    check_server(settings, api)
    assert leftovers(settings) == []


@pytest.mark.parametrize("at_creation", [False, True])
def test_a_batch_above_the_limit_is_halved(
    tmp_path: Path, database_url: str, at_creation: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the check of the file refuses it or its creation; one line names the setting and the tokens."""
    with BatchApi(Rules(enqueued_tokens=A_FEW, limit_at_creation=at_creation), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(10))
        first = min(table(settings, "batches"), key=lambda row: row.id)
        assert collect_until_done(settings, api, rounds=20).state == "completed"
        batches = table(settings, "batches")
        assert {row.deadline for row in batches} == {first.deadline}
        assert all(row.error == "token_limit_exceeded" for row in batches if row.state == "failed")
        assert max(row.requests for row in batches if row.state == "collected") <= 2
        assert api.book.files == {}  # they hold texts
    said = [one.message for one in caplog.records if "BREAKEVEN_BATCH_ENQUEUED_TOKENS" in one.message]
    assert f"{first.input_tokens:,} input tokens" in said[0]
    check_halved(settings, api, 10)


@SQLITE
@pytest.mark.parametrize(("status", "requests"), [(429, [5, 5]), (503, [])])
def test_a_creation_refused_with_another_status(
    tmp_path: Path, database_url: str, status: int, requests: list[int]
) -> None:
    """A 429 says that nothing was created, and the batch is halved; after a 503 it may exist, and is looked for first."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        api.fault("create_batch", "refuse", status=status, code="token_limit_exceeded")
        start(settings, texts_of(10))
        assert [row.requests for row in table(settings, "batches") if row.state == "submitted"] == requests
        assert collect_until_done(settings, api).state == "completed"
    check_halved(settings, api, 10)


@SQLITE
@pytest.mark.parametrize("at_creation", [False, True])
def test_it_waits_while_another_batch_is_under_way(
    tmp_path: Path, database_url: str, at_creation: bool
) -> None:
    """Also one that this ledger knows nothing of: its end may make room; after that the batch is halved."""
    rules = Rules(enqueued_tokens=A_FEW, limit_at_creation=at_creation)
    with BatchApi(rules, key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        foreign = api.book.store("foreign.jsonl", "batch", b"")
        body = {"input_file_id": foreign.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        other = api.book.create(body, None)
        other.fields |= {"status": "in_progress", "metadata": {"breakeven_batch": "of somebody else"}}
        start(settings, texts_of(10))
        for _ in range(2):
            for batch_id in set(api.book.batches) - {other.fields["id"]}:
                api.step(batch_id)
            assert collect(settings).waiting == {"batch": 10}
            assert {row.requests for row in table(settings, "batches")} == {10}
            check_waiting(settings, api)
        other.fields["status"] = "completed"
        assert collect_until_done(settings, api, rounds=20).state == "completed"
    check_halved(settings, api, 10)


@SQLITE
def test_a_batch_of_another_model_is_no_reason_to_wait(tmp_path: Path, database_url: str) -> None:
    """The limit is one of each model; the provider's list says what a batch is for."""
    with BatchApi(Rules(enqueued_tokens=A_FEW, limit_at_creation=True), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        foreign = api.book.store("foreign.jsonl", "batch", b"")
        body = {"input_file_id": foreign.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        other = api.book.create(body, None)
        other.fields |= {"status": "in_progress", "model": "another-model"}
        start(settings, texts_of(4))
        assert max(row.requests for row in table(settings, "batches") if row.state == "submitted") == 2


@SQLITE
@pytest.mark.parametrize("at_creation", [False, True])
@pytest.mark.parametrize("fallback", ["wait", "sync"])
def test_one_request_above_the_limit(
    tmp_path: Path, database_url: str, at_creation: bool, fallback: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is left to halve: it waits, and one line says how it could be asked at once; or it is."""
    rules = Rules(enqueued_tokens=1, limit_at_creation=at_creation)
    with BatchApi(rules, key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_fallback=fallback)
        result = run(settings, write_texts(tmp_path, texts_of(2)), engine())
        for _ in range(4):
            if result.state == "waiting":
                steps(api)
                result = collect(settings)
        if fallback == "wait":
            assert result.waiting == {"batch": 2}
            assert outcomes(api_lines(settings)) == {"pending": 2}
            assert "BREAKEVEN_BATCH_FALLBACK=sync" in caplog.text
            check_waiting(settings, api)
            rules.enqueued_tokens = A_FEW
            assert collect_until_done(settings, api).state == "completed"
            check_halved(settings, api, 2)
        else:
            assert (result.state, api.steps("chat")) == ("completed", 2)
            assert outcomes(batch_lines(settings)) == {"failed:token_limit_exceeded": 2}
    check_books(settings)


@SQLITE
@pytest.mark.parametrize("at_creation", [False, True])
@kills_at(2, 4)  # the halves lie on disk and nobody knows it; both are written down
def test_killed_while_it_is_halved(
    tmp_path: Path,
    make_url: Callable[[], str],
    runner: Runner,
    commits: Sequence[int],
    at_creation: bool,
) -> None:
    """A process dies before each of its commits in turn: no line is lost, none is asked twice."""
    killed = 0
    for number in commits:
        folder = tmp_path / str(number)
        folder.mkdir()
        rules = Rules(enqueued_tokens=A_FEW, limit_at_creation=at_creation, idempotency=False)
        with BatchApi(rules, key=KEY) as api:
            settings = batch_settings(folder, make_url(), api.url)
            api.fault("list_batches", "refuse", status=503, times=4)  # nothing is submitted yet
            start(settings, texts_of(4))
            if not at_creation:
                collect(settings)
                steps(api, 1)
            job = Job.of(
                settings,
                folder / "in.jsonl",
                unsure=UNSURE,
                settle_seconds=SETTLE_SECONDS,
                collect=True,
                dies_at_commit=number,
            )
            code = runner.start(job).wait()
            assert code in (0, KILLED), Path(job.log).read_text(encoding="utf-8")
            assert collect_until_done(settings, api, rounds=20).state == "completed"
            check_halved(settings, api, 4)
        if code == 0:
            break
        killed += 1
    assert killed >= min(len(commits), 2)
