"""A partition whose escalated records go through the Batch API, from the first run to the published files."""

from pathlib import Path

import pytest

from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    UNSURE,
    batch_settings,
    batch_states,
    changed_results,
    check_server,
    check_waiting,
    collect_until_done,
    outcomes,
    start,
    steps,
    texts_of,
)
from tests.integration.hybrid.harness import KEY, api_lines, collect, routes
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import leftovers, no_engine, published, quarantined, run

DAY_SECONDS = 86_400


def test_a_partition_goes_its_way_through_batches(tmp_path: Path, database_url: str) -> None:
    """The run waits with its files sent; collecting polls, and publishes when the answers are there, at half price."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        result = start(settings, texts_of(25, 15))
        assert (result.published, result.waiting) == (15, {"batch": 25})
        assert [row.state for row in table(settings, "runs")] == ["waiting"]
        assert [batch.requests for batch in table(settings, "batches")] == [10, 10, 5]
        assert [len(file.content.splitlines()) for file in api.book.files.values()] == [10, 10, 5]
        (tmp_path / "in.jsonl").unlink()  # collecting needs neither input nor local engine
        early = collect(settings)
        assert (early.state, early.waiting) == ("waiting", {"batch": 25})
        check_waiting(settings, api)
        steps(api)
        result = collect(settings)
        assert api.book.files == {}  # they hold texts
    assert (result.state, result.escalated, result.published) == ("completed", 25, 40)
    assert result.api_cost_nano == sum(line.cost_nano for line in api_lines(settings)) > 0
    assert sum(line.counterfactual_nano for line in api_lines(settings)) == 2 * result.api_cost_nano
    assert routes(api_lines(settings)) == {"openai:ok:low_confidence": 25}
    assert {line.attempt for line in api_lines(settings)} == {2}
    assert batch_states(settings) == {"collected": 3}
    served = published(settings)
    assert set(served.filter(served["engine"] == "openai")["model"]) == {"test-model"}
    check_books(settings)
    check_server(settings, api)
    assert leftovers(settings) == []
    assert collect(settings).state == "skipped"


def test_files_stay_within_the_bytes(tmp_path: Path, database_url: str) -> None:
    """Each file as large as the setting allows; a record that none can hold is set aside, unpaid."""
    with BatchApi(Rules(max_bytes=6000), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_max_bytes=6000)
        start(settings, [*texts_of(9), f"{UNSURE} {'x' * 6000}"])
        assert all(len(file.content) <= 6000 for file in api.book.files.values())
        assert len(api.book.files) == 3
        result = collect_until_done(settings, api)
    assert (result.published, result.quarantined) == (9, 1)
    assert quarantined(settings)["reason"].to_list() == ["too_long"]
    assert len(api_lines(settings)) == 9
    check_books(settings)
    check_server(settings, api)


FAILING = {
    "fine": 4,
    "[[once status 500]]": 2,
    "[[once status 429]]": 1,
    "[[once error request_timeout]]": 1,
    "[[once missing]]": 2,
    "[[once garbled]]": 1,
    "[[status 400 context_length_exceeded]]": 1,
    "[[status 400 content_filter]]": 2,
    "[[twice]]": 1,
    "[[stranger]]": 1,
}


def test_failed_rows(tmp_path: Path, database_url: str) -> None:
    """Failed rows are asked again in a new batch, as attempts of their own; refused ones are set aside.

    A row without a result, or with a damaged one, may have been billed: its line keeps the upper bound.
    """
    marks = [mark for mark, count in FAILING.items() for _ in range(count)]
    with BatchApi(Rules(seed=3), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_max_requests=8)
        start(settings, [f"unsure {n} {mark}" for n, mark in enumerate(marks)])
        steps(api)
        again = collect(settings)
        assert (again.state, again.waiting) == ("waiting", {"batch": 7})
        live = [batch for batch in table(settings, "batches") if batch.state == "submitted"]
        assert [batch.requests for batch in live] == [7]  # in this very round
        check_sums(settings)
        check_server(settings, api, unread=3)
        result = collect_until_done(settings, api)
    assert (result.state, result.published, result.quarantined) == ("completed", 13, 3)
    assert outcomes(api_lines(settings)) == {
        "ok": 13,
        "failed:http_500": 2,
        "failed:http_429": 1,
        "failed:request_timeout": 1,
        "failed:http_400": 3,
        "unknown_outcome:no_answer": 3,
    }
    assert {line.attempt for line in api_lines(settings)} == {2, 3}
    unknown = [line for line in api_lines(settings) if line.outcome == "unknown_outcome"]
    dearest = max(line.cost_nano for line in api_lines(settings) if line.outcome == "ok")
    assert all(line.cost_nano > dearest and line.estimated for line in unknown)
    reasons = dict(quarantined(settings)["reason"].value_counts().rows())
    assert reasons == {"too_long": 1, "refused": 2}
    check_books(settings)
    check_server(settings, api, unread=3)
    assert leftovers(settings) == []


def test_an_expired_batch_keeps_what_it_has_answered(tmp_path: Path, database_url: str) -> None:
    """The provider ends it after a day; the rest goes into a new batch, and nothing is paid for twice."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(10))
        steps(api, 1)
        api.work(next(iter(api.book.batches)), 6)
        api.advance(DAY_SECONDS + 1)
        result = collect(settings)
        assert (result.state, result.escalated, result.waiting) == ("waiting", 6, {"batch": 4})
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 10, "failed:batch_expired": 4}
    assert len(api.book.billed) == 10
    assert api.steps("chat") == 0
    check_books(settings)
    check_server(settings, api)


def test_identical_records_are_asked_for_once(tmp_path: Path, database_url: str) -> None:
    """Within a file, over two, and beside a batch under way; one that fails is asked for once again (I11)."""
    texts = [f"unsure {n % 6}{' [[once status 500]]' if n % 6 == 5 else ''}" for n in range(40)]
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_max_requests=4)
        assert start(settings, texts).waiting == {"batch": 40}
        assert collect(settings).waiting == {"batch": 40}
        assert sum(batch.requests for batch in table(settings, "batches")) == 6
        steps(api)
        assert collect(settings).waiting == {"batch": 6}
        assert sum(batch.requests for batch in table(settings, "batches")) == 7  # in this very round
        result = collect_until_done(settings, api)
    assert (result.state, result.published) == ("completed", 40)
    assert len(api.book.billed) == 6
    assert outcomes(api_lines(settings)) == {"ok": 6, "failed:http_500": 1}
    reuses = [line for line in table(settings, "ledger_lines") if line.engine == "reuse"]
    assert sum(line.outcome == "ok" for line in reuses) == 34
    check_books(settings)
    check_server(settings, api)


def test_an_answer_that_is_half_a_surrogate_pair(tmp_path: Path, database_url: str) -> None:
    """No UTF-8 can carry it; the record is set aside, the others are published."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        steps(api)
        with changed_results(api) as entries:
            entries[0]["response"]["body"]["choices"][0]["message"]["content"] = "cut off \ud83d"
        result = collect(settings)
    assert (result.state, result.published, result.quarantined) == ("completed", 5, 1)
    assert outcomes(api_lines(settings)) == {"ok": 5, "invalid_output": 1}
    check_books(settings)
    check_server(settings, api)


def test_prices_are_those_of_the_day_on_which_it_was_sent(tmp_path: Path, database_url: str) -> None:
    """A price that changes while a batch is under way holds for what is sent from then on, not for the batch."""
    with BatchApi(Rules(), key=KEY) as api:
        before = batch_settings(tmp_path, database_url, api.url)
        start(before, [*texts_of(5), "unsure [[once status 500]]"])
        after = batch_settings(tmp_path, database_url, api.url, api_input_usd_per_mtok="1.50")
        result = collect_until_done(after, api)
    assert result.state == "completed"
    assert len({line.price_id for line in api_lines(after)}) == 2
    check_books(after)
    check_server(after, api)


def test_answers_without_usage(tmp_path: Path, database_url: str) -> None:
    """An answer that is used has its tokens estimated; a refusal that says none keeps its upper bound: never 0 (I3)."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(3))
        steps(api)
        with changed_results(api) as entries:
            for entry in entries[:2]:
                del entry["response"]["body"]["usage"]
            entries[1]["response"]["body"]["choices"][0]["finish_reason"] = "content_filter"
        result = collect(settings)
    assert (result.state, result.published, result.quarantined) == ("completed", 2, 1)
    assert outcomes(api_lines(settings)) == {"ok": 2, "unknown_outcome:no_answer": 1}
    assert sorted(line.estimated for line in api_lines(settings)) == [False, True, True]
    assert all(line.cost_nano > 0 for line in api_lines(settings))
    check_books(settings)


def test_nothing_is_inferred_again(tmp_path: Path, database_url: str) -> None:
    """The same command while answers are out: nothing is sent, nothing is inferred, the run waits."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(12, 8))
        for rerun in (False, True):
            again = run(settings, tmp_path / "in.jsonl", no_engine, rerun=rerun)
            assert (again.state, again.waiting) == ("waiting", {"batch": 12})
        assert (api.steps("create_batch"), api.steps("upload_file")) == (2, 2)
        steps(api)
        assert run(settings, tmp_path / "in.jsonl", no_engine).waiting == {"batch": 12}
        assert collect(settings).state == "completed"
    assert {row.state for row in table(settings, "runs")} == {"completed"}
    assert table(settings, "waiting_counts") == []
    check_books(settings)
    check_server(settings, api)


@pytest.mark.parametrize("mode", ["sync", "batch"])
def test_a_mode_that_changes_meanwhile(tmp_path: Path, database_url: str, mode: str) -> None:
    """What a batch will answer is not asked for at once as well; what it leaves is asked for as the mode says."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*texts_of(5), "unsure [[once status 500]]"])
        changed = batch_settings(tmp_path, database_url, api.url, api_mode=mode)
        assert run(changed, tmp_path / "in.jsonl", no_engine).waiting == {"batch": 6}
        assert api.steps("chat") == 0
        assert collect_until_done(changed, api).state == "completed"
        assert api.steps("chat") == (1 if mode == "sync" else 0)
    assert len(api.book.billed) == 6
    check_books(changed)
    check_server(changed, api)
