"""What changes while batches are out: prompt, model, mode, runs at the same time, signals, the database."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest
import stamina

from db import leases
from models.engines.batch.client import BatchClient
from models.errors import LeaseLost, UsageError
from models.settings import WorkloadSettings
from tasks.api import batch_submit
from tasks.planning.request import RunRequest
from tasks.run import scratch as run_scratch
from tasks.run.collect import waiting_partitions
from tasks.run.each_partition import collect_each
from tasks.run.run_partition import collect_partition, run_request
from tasks.runtime.lease import this_process
from tasks.runtime.shared_engine import shared_engine
from tasks.storage.part_files import load_done
from tasks.storage.scratch_db import Scratch
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    ANSWER_TOKENS,
    batch_lines,
    batch_settings,
    batch_states,
    changed_results,
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
from tests.integration.hybrid.harness import KEY, collect
from tests.integration.pipeline.books import check_books, check_sums, ledger, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, leftovers, run
from tests.integration.pipeline.runner import Job, Runner
from tests.integration.pipeline.test_failing_commits import OPENED, breaking

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_a_changed_prompt_gives_up_the_batches(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Collecting refuses to mix; the next run says what it gives up, and keeps the most that it can cost.

    Answers that come all the same are read by nobody.
    """
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(12, 3))
        bounds = [line.cost_nano for line in batch_lines(settings)]
        reworded = settings.workloads.get("sentiment", WorkloadSettings()).model_copy(
            update={"prompt": "How is it?"}
        )
        settings = settings.model_copy(update={"workloads": settings.workloads | {"sentiment": reworded}})
        with pytest.raises(UsageError, match="prompt of sentiment has changed"):
            collect(settings)
        assert batch_states(settings) == {"submitted": 2}
        again = run(settings, tmp_path / "in.jsonl", engine())
        assert again.waiting == {"batch": 12}
        assert batch_states(settings) == {"abandoned": 2, "submitted": 2}
        assert caplog.text.count("is given up; cancel it at the provider") == 2
        unknown = [line for line in batch_lines(settings) if line.outcome != "pending"]
        assert outcomes(unknown) == {"unknown_outcome:interrupted": 12}
        assert sorted(line.cost_nano for line in unknown) == sorted(bounds)
        assert [row.state for row in table(settings, "runs")] == ["interrupted", "waiting"]
        assert collect_until_done(settings, api).state == "completed"
    assert len(api.book.billed) == 24
    check_books(settings)
    check_server(settings, api, unread=12)
    assert leftovers(settings) == []


@SQLITE
def test_another_model_is_refused(tmp_path: Path, database_url: str) -> None:
    """The answers of two models never become one partition, and an API that is off is said to be."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(3))
        other = batch_settings(tmp_path, database_url, api.url, api_model="gpt-4o")
        with pytest.raises(UsageError, match="a batch for test-model is under way"):
            collect(other)
        with pytest.raises(UsageError, match="wait for the API, which is off"):
            collect(batch_settings(tmp_path, database_url, api.url, api_mode="off"))
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
    check_books(settings)


def test_an_answer_that_nobody_needs_any_more(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record was served otherwise: the answer is charged as billed, or at its bound, and published nowhere."""

    def two_are_done(paths: list[Path], scratch: Scratch) -> None:
        load_done(paths, scratch)
        scratch.waiting.finish("r0")
        scratch.waiting.finish("r1")

    monkeypatch.setattr(run_scratch, "load_done", two_are_done)
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        steps(api)
        with changed_results(api) as entries:
            (second,) = (line for line in batch_lines(settings) if line.record_key == "r1")
            for entry in entries:
                if entry["custom_id"] == second.id.hex:
                    del entry["response"]["body"]["usage"]
        assert collect(settings).escalated == 4
    assert outcomes(batch_lines(settings)) == {
        "ok": 4,
        "invalid_output:not_needed": 1,
        "unknown_outcome:no_answer": 1,
    }
    unneeded = next(line for line in batch_lines(settings) if line.failure == "not_needed")
    assert (unneeded.output_tokens, unneeded.counterfactual_nano) == (ANSWER_TOKENS, 0)
    (unknown,) = (line for line in batch_lines(settings) if line.outcome == "unknown_outcome")
    assert (unknown.id, unknown.cost_nano) == (second.id, second.cost_nano)
    check_sums(settings)
    check_server(settings, api, unread=1)


@POSTGRESQL
def test_partitions_are_collected_in_order_and_apart(tmp_path: Path, database_url: str) -> None:
    """The longest waiting first; one that is being run is left to its run, one that fails stops no other."""
    days = [DAY + timedelta(days=number) for number in (3, 1, 2)]
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        for more, day in enumerate(days):  # each day has records of its own
            folder = tmp_path / str(day)
            folder.mkdir()
            with shared_engine(settings, lambda _: engine()):
                run_request(RunRequest(WORKLOAD, day, str(write_texts(folder, texts_of(3 + more)))), settings)
        waiting = waiting_partitions(settings)
        assert waiting == [(WORKLOAD, day) for day in days]
        steps(api)
        broken, locked, fine = days
        for part in (settings.output_dir / ".parts" / WORKLOAD / str(broken)).rglob("*.parquet"):
            part.write_bytes(b"damaged")
        with ledger(settings) as session:
            lease = leases.acquire(session, WORKLOAD, locked, this_process(), 60.0, lambda _: False)
        told: list[str] = []
        results, failures = collect_each(
            waiting, lambda name, day: collect_partition(name, day, settings=settings), told.append
        )
        assert [(result.partition, result.state) for result in results] == [(fine, "completed")]
        assert list(failures) == [(WORKLOAD, broken)]
        assert "cannot read the part file" in str(failures[WORKLOAD, broken])
        assert ["is being run by" in text for text in told] == [True]
        with ledger(settings) as session:
            leases.release(session, lease)
        assert waiting_partitions(settings) == [(WORKLOAD, broken), (WORKLOAD, locked)]
        assert collect_partition(WORKLOAD, locked, settings=settings).state == "completed"


@SQLITE
def test_sigterm_commits_what_was_collected(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """The process ends between two results; the next one reads the others, and nothing is charged twice."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_max_requests=50)
        start(settings, texts_of(20))
        steps(api)
        api.fault("download", "hold_after")
        job = Job.of(settings, tmp_path / "in.jsonl", collect=True)
        child = runner.start(job)
        assert api.held.wait(30)
        child.kill(signal.SIGTERM)
        api.release()
        assert child.wait() == 128 + signal.SIGTERM, Path(job.log).read_text(encoding="utf-8")
        (row,) = table(settings, "runs")
        assert row.state == "interrupted"
        assert "what was collected is committed" in row.error
        assert 0 < row.published < 20
        check_waiting(settings, api)
        assert collect(settings).escalated == 20 - row.published
    check_books(settings)
    check_server(settings, api)


def test_every_commit_may_break(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is lost right after transactions that took place: each is tried again, none counts twice."""
    monkeypatch.setattr(batch_submit, "settle_seconds", 0.1)
    with BatchApi(Rules(enqueued_tokens=2500, idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, budget={"day_usd": "1"})
        texts = [*texts_of(18), "unsure [[once status 500]]", "unsure [[once missing]]"]
        source = write_texts(tmp_path, texts)
        with stamina.set_testing(True, attempts=100), breaking(OPENED) as lines:  # it does not wait then
            assert run(settings, source, engine()).waiting == {"batch": 20}
        assert lines.broken >= 4
        broken = 0
        for _ in range(6):
            steps(api)
            with stamina.set_testing(True, attempts=100), breaking(OPENED) as lines:
                result = collect(settings)
            broken += lines.broken
            if result.state == "completed":
                break
        assert broken >= 8
    assert result.state == "completed"
    assert outcomes(batch_lines(settings)) == {
        "ok": 20,
        "failed:http_500": 1,
        "unknown_outcome:no_answer": 1,
    }
    assert batch_states(settings)["failed"] > 0  # refused for now, and submitted again
    check_books(settings)
    check_server(settings, api, unread=1)


@SQLITE
def test_a_run_that_lost_its_lease_creates_nothing(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still while its file was uploaded, and another one has taken over meanwhile: that one submits it."""
    upload = BatchClient.upload
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)

        def stalled(client: BatchClient, path: Path) -> str:
            file_id = upload(client, path)
            with ledger(settings) as session:
                leases.acquire(session, WORKLOAD, DAY, "another:1:1", 60.0, lambda _: True)
            return file_id

        monkeypatch.setattr(BatchClient, "upload", stalled)
        with pytest.raises(LeaseLost, match="taken over"):
            run(settings, write_texts(tmp_path, texts_of(3)), engine())
        assert (api.steps("upload_file"), api.steps("create_batch")) == (1, 0)
