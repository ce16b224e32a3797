"""SIGKILL at every step of a run in batches and of its collecting: nothing is lost, doubled, or paid for twice (I1, I2).

A process dies at each of its commits, before and after it took place, and while the server holds each of its
requests, before and after it did what was asked. The server honours no idempotency key.
"""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models.settings import Settings
from tasks.api import batch_submit
from tasks.run.collect import waiting_partitions
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    UNSURE,
    batch_lines,
    batch_settings,
    check_server,
    engine,
    outcomes,
    steps,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, collect
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import leftovers, no_engine, published, quarantined, run
from tests.integration.pipeline.runner import Job, Runner
from tests.sampling import kills_at, sampled

KILLED = -9
TEXTS = [
    "unsure [[once status 500]]",
    "unsure [[once missing]]",
    *(f"unsure {n}" for n in range(4)),
    "unsure 3",  # an identical one
    "unsure [[status 400 context_length_exceeded]]",
    "sure 1",
    "sure 2",
]
ASKED_AGAIN = 2
SETTLE_SECONDS = 0.2


@pytest.fixture(autouse=True)
def soon_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for what may be under way."""
    monkeypatch.setattr(batch_submit, "settle_seconds", SETTLE_SECONDS)


def settings_of(folder: Path, url: str, api: BatchApi) -> Settings:
    """Make settings with which the run makes two batches."""
    return batch_settings(folder, url, api.url, batch_max_requests=4)


def job_of(settings: Settings, source: Path, **more: object) -> Job:
    """Make a job of a process that is to be killed."""
    return Job.of(settings, source, unsure=UNSURE, settle_seconds=SETTLE_SECONDS, **more)


def versions(settings: Settings) -> set[str]:
    """Return the states of the partition's versions."""
    return {row.state for row in table(settings, "partition_versions")}


def finish(settings: Settings, source: Path, api: BatchApi) -> int:
    """Collect until the partition is published; return how often it had to be run again for that."""
    runs = 0
    for _ in range(8):
        result = collect(settings) if (tables := ledger_exists(settings)) else None
        if result is not None and result.state == "completed":
            return runs
        if not tables or result is None or result.state == "skipped":
            if tables and versions(settings) == {"published"}:
                return runs
            runs += 1
            run(settings, source, engine())
        steps(api)
    pytest.fail("it was never published")


def ledger_exists(settings: Settings) -> bool:
    """Whether the first process came as far as making the ledger's tables."""
    try:
        return bool(table(settings, "leases"))
    except Exception:  # noqa: BLE001  SQLite and PostgreSQL call a missing table differently
        return False


def check_end(settings: Settings, api: BatchApi) -> None:
    """See that everything is published once, that ledger and server agree, and that nobody was asked needlessly."""
    assert published(settings).height == len(TEXTS) - 1
    assert quarantined(settings)["reason"].to_list() == ["too_long"]
    check_books(settings)
    check_server(settings, api, unread=1)
    asked = len(set(TEXTS)) - 2 + ASKED_AGAIN  # two are answered here
    assert sum(api.book.answers.asked.values()) == asked
    assert len(batch_lines(settings)) == asked
    assert outcomes(batch_lines(settings)) == {
        "ok": 6,
        "failed:http_500": 1,
        "failed:http_400": 1,
        "unknown_outcome:no_answer": 1,
    }
    assert leftovers(settings) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("collecting", [False, True], ids=["run", "collect"])
@kills_at(4, 8)  # nothing sent yet, a batch made and not noted; answers half noted, all noted
def test_killed_before_each_commit(
    tmp_path: Path, make_url: Callable[[], str], runner: Runner, commits: Sequence[int], *, collecting: bool
) -> None:
    """One process is killed at its first commit, another at its second, and so on, to the last.

    What it did outside of the database before that commit is done, and nobody has noted it.
    """
    killed = 0
    for number in commits:
        folder = tmp_path / str(number)
        folder.mkdir()
        source = write_texts(folder, TEXTS)
        with BatchApi(Rules(idempotency=False), key=KEY) as api:
            settings = settings_of(folder, make_url(), api)
            if collecting:
                run(settings, source, engine())
                steps(api)
            job = job_of(settings, source, collect=collecting, dies_at_commit=number)
            code = runner.start(job).wait()
            assert code in (0, KILLED), Path(job.log).read_text(encoding="utf-8")
            again = finish(settings, source, api)
            assert again == 0 if collecting or code == 0 else again <= 1
            check_end(settings, api)
        if code == 0:
            break
        killed += 1
    assert killed >= min(len(commits), 8)


@pytest.mark.both_databases
@pytest.mark.long
@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_killed_again_and_again(tmp_path: Path, empty_database_url: str, runner: Runner) -> None:
    """The process that goes on is killed as well, each right after one more commit than the one before it."""
    source = write_texts(tmp_path, TEXTS)
    kills = commits = 0
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = settings_of(tmp_path, empty_database_url, api)
        while not ledger_exists(settings) or versions(settings) != {"published"}:
            collecting = ledger_exists(settings) and bool(waiting_partitions(settings))
            commits += 1
            job = job_of(settings, source, collect=collecting, dies_at_commit=commits, after=True)
            code = runner.start(job).wait()
            assert code in (0, KILLED), Path(job.log).read_text(encoding="utf-8")
            kills += code == KILLED
            if code == 0:
                steps(api)
                commits = 0
        assert run(settings, source, no_engine).state == "skipped"  # it only clears up
        check_end(settings, api)
    assert kills >= 15


STEPS = [
    *(f"run-{step}" for step in ("list_batches", "list_files", "upload_file", "create_batch")),
    *(f"collect-{step}" for step in ("get_batch", "download", "delete_file", "upload_file", "create_batch")),
]


@pytest.mark.parametrize(
    ("database_url", "moment"), [("sqlite", "hold"), ("postgresql", "hold_after")], indirect=["database_url"]
)
@pytest.mark.parametrize("at", sampled(STEPS, {"run-create_batch", "collect-download"}))
def test_killed_at_each_request(
    tmp_path: Path, database_url: str, runner: Runner, moment: str, at: str
) -> None:
    """The process dies while the server holds its request; what is held is done when the next one is at work."""
    part, step = at.split("-")
    collecting = part == "collect"
    source = write_texts(tmp_path, TEXTS)
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = settings_of(tmp_path, database_url, api)
        if collecting:
            run(settings, source, engine())
            steps(api)
        api.fault(step, moment)
        child = runner.start(job_of(settings, source, collect=collecting))
        assert api.held.wait(30)
        child.kill(signal.SIGKILL)
        assert child.wait() == KILLED
        asked = len(api.log)
        child = runner.start(job_of(settings, source, collect=True))
        while len(api.log) == asked and child.alive:
            os.sched_yield()
        api.release()
        assert child.wait() == 0, Path(job_of(settings, source).log).read_text(encoding="utf-8")
        assert finish(settings, source, api) == 0
        check_end(settings, api)
