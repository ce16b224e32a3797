"""A run that is killed with SIGKILL, wherever it is, loses nothing and repeats little (I1)."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from polars.testing import assert_frame_equal

from db.session import has_ledger, make_engine
from models.settings import Settings
from tasks.storage.committer import QUEUED_COMMITS
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import (
    leftovers,
    mixed_rows,
    published,
    quarantined,
    run,
    settings_for,
    target,
    write_records,
)
from tests.integration.pipeline.runner import Child, Job, Runner
from tests.ledgers import new_sqlite
from tests.sampling import kills_at

RECORDS = 3000
COMMIT = 50
WINDOW = 32
LOST_PER_KILL = WINDOW + (1 + QUEUED_COMMITS) * COMMIT  # in flight, being gathered, waiting to be written
KILLED = -9


def undisturbed(folder: Path, source: Path) -> tuple[Settings, int]:
    """Run without any fault; return the settings of that run and how many requests it took."""
    settings = settings_for(folder, new_sqlite(folder / "ledger.db"), commit_records=1000)
    engine = ScriptedEngine()
    run(settings, source, engine)
    return settings, len(engine.started)


def kill_after_requests(job: Job, count: int, delay: float) -> Callable[[Child], None]:
    """Kill a little after the engine got `count` more requests."""

    def wait(child: Child) -> None:
        before = Path(job.calls).stat().st_size
        while child.alive and Path(job.calls).stat().st_size < before + 6 * count:  # a line has six bytes
            time.sleep(0.002)
        time.sleep(delay)

    return wait


def kill_while_publishing(settings: Settings, delay: float) -> Callable[[Child], None]:
    """Kill a little after this process began to write the temporary file of the publish."""
    temporary = target(settings) / "records.parquet.tmp"

    def written() -> int:
        try:
            return temporary.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def wait(child: Child) -> None:
        before = written()
        while child.alive and written() in (0, before):
            time.sleep(0.0005)
        time.sleep(delay)

    return wait


def moments(job: Job, settings: Settings, random: Random) -> list[Callable[[Child], None]]:
    """Choose when to kill: anywhere after the start, anywhere in the stream, then in the publish."""
    found: list[Callable[[Child], None]] = []
    for _ in range(3):
        found.append(lambda _: time.sleep(random.uniform(0, 0.4)))
        found.append(kill_after_requests(job, random.randrange(1, 500), random.uniform(0, 0.03)))
    return found + [kill_while_publishing(settings, random.uniform(0, 0.02)) for _ in range(4)]


def test_killed_at_random_moments_until_it_completes(
    settings: Settings, runner: Runner, tmp_path: Path
) -> None:
    """The files equal those of an undisturbed run, the ledger adds up, and only what was in flight is repeated."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(RECORDS, seed=7))
    expected, requests = undisturbed(tmp_path / "undisturbed", source)
    settings = settings.model_copy(update={"commit_records": COMMIT, "commit_seconds": 0.5})
    job = Job.of(settings, source, delay=0.001, size=WINDOW)
    kills, code = 0, KILLED
    for wait in moments(job, settings, Random(11)):
        child = runner.start(job)
        wait(child)
        child.kill()
        code = child.wait()
        if code != KILLED:
            break
        kills += 1
    if code == KILLED:
        code = runner.start(job).wait()
    assert code == 0, Path(job.log).read_text(encoding="utf-8")
    assert kills >= 6
    assert runner.start(job).wait() == 0  # the partition is published; this one only clears up
    assert_frame_equal(published(settings), published(expected))
    assert_frame_equal(quarantined(settings), quarantined(expected))
    check_books(settings)
    assert requests < len(job.called()) <= requests + kills * LOST_PER_KILL
    assert leftovers(settings) == []


@pytest.mark.both_databases
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@kills_at(1, 3, 5)  # lease, records, publish
def test_killed_at_each_commit(
    runner: Runner, make_url: Callable[[], str], tmp_path: Path, commits: Sequence[int], *, after: bool
) -> None:
    """Wherever a run stands between disk and database, the next one finishes it, or clears up after it.

    One run is killed at its first commit, another at its second, and so on, to the last, which publishes.
    """
    source = write_records(tmp_path / "in.jsonl", mixed_rows(30, seed=3))
    expected, _ = undisturbed(tmp_path / "undisturbed", source)
    killed = 0
    for number in commits:
        settings = settings_for(tmp_path / str(number), make_url(), commit_seconds=60.0)
        job = Job.of(settings, source, dies_at_commit=number, after=after)
        first = runner.start(job).wait()
        again = runner.start(Job.of(settings, source)).wait()
        assert (first in (0, KILLED), again) == (True, 0), Path(job.log).read_text(encoding="utf-8")
        assert_frame_equal(published(settings), published(expected))
        assert_frame_equal(quarantined(settings), quarantined(expected))
        check_books(settings)
        assert leftovers(settings) == []
        if first == 0:
            break
        killed += 1
    assert killed >= min(len(commits), 5)  # lease, opening, two commits, publish


@pytest.mark.both_databases
def test_killed_while_the_tables_are_made(runner: Runner, empty_database_url: str, tmp_path: Path) -> None:
    """The first commit of all is that of the migrations: without it there is no ledger, and the next run makes it."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(30, seed=3))
    settings = settings_for(tmp_path, empty_database_url)
    assert runner.start(Job.of(settings, source, dies_at_commit=1)).wait() == KILLED
    engine = make_engine(empty_database_url)
    assert not has_ledger(engine)
    engine.dispose()
    assert runner.start(Job.of(settings, source)).wait() == 0
    assert published(settings).height + quarantined(settings).height > 0
    check_books(settings)
