"""A run with a classifier in force that is killed loses nothing, whatever engine was at work (I1)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from signal import SIGTERM

import pytest
from polars.testing import assert_frame_equal

from models.settings import Settings
from tests.classifiers import put_in_force
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import (
    leftovers,
    mixed_rows,
    published,
    quarantined,
    run,
    settings_for,
    write_records,
)
from tests.integration.pipeline.runner import Job, Runner
from tests.integration.pipeline.test_kill import KILLED, kill_after_requests
from tests.ledgers import new_sqlite
from tests.sampling import kills_at

COMMIT = 20
SERVED = ("id", "record_key", "label", "confidence", "engine", "text_hash")


def undisturbed(folder: Path, source: Path) -> Settings:
    """Run without any fault; return the settings of that run."""
    settings = settings_for(folder, new_sqlite(folder / "ledger.db"), commit_records=1000)
    put_in_force(settings)
    run(settings, source, ScriptedEngine())
    return settings


def check_same(settings: Settings, expected: Settings) -> None:
    """See that files are those of an undisturbed run but for the classifier's name, and that the books are right."""
    assert_frame_equal(published(settings).select(SERVED), published(expected).select(SERVED))
    assert_frame_equal(quarantined(settings), quarantined(expected))
    assert set(published(settings)["engine"]) == {"classifier", "vllm"}
    check_books(settings)
    assert leftovers(settings) == []


@pytest.mark.long
def test_killed_at_random_moments(tmp_path: Path, settings: Settings, runner: Runner) -> None:
    """Killed with records of both engines in flight, again and again, until it completes."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(600, seed=7))
    expected = undisturbed(tmp_path / "undisturbed", source)
    settings = settings.model_copy(update={"commit_records": COMMIT, "commit_seconds": 0.2})
    put_in_force(settings)
    job, random, kills = Job.of(settings, source, delay=0.004, size=8), Random(3), 0
    for _ in range(4):
        child = runner.start(job)
        kill_after_requests(job, random.randrange(1, 30), random.uniform(0, 0.03))(child)
        child.kill()
        if child.wait() != KILLED:
            break
        kills += 1
    assert runner.start(job).wait() == 0, Path(job.log).read_text(encoding="utf-8")
    assert kills >= 2
    check_same(settings, expected)


def test_a_polite_stop_commits_what_was_answered(tmp_path: Path, runner: Runner) -> None:
    """Stopped with records of both engines in flight: what had finished is kept, and the next run does the rest."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(600, seed=7))
    expected = undisturbed(tmp_path / "undisturbed", source)
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    put_in_force(settings)
    job = Job.of(settings, source, delay=0.01, size=8)
    child = runner.start(job)
    kill_after_requests(job, 20, 0.0)(child)
    child.kill(SIGTERM)
    assert child.wait() == 128 + SIGTERM
    check_sums(settings)
    assert 0 < len(table(settings, "ledger_lines")) < 600
    assert runner.start(job).wait() == 0, Path(job.log).read_text(encoding="utf-8")
    check_same(settings, expected)


@pytest.mark.both_databases
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@kills_at(1, 3, 5)  # lease, records, publish
def test_killed_at_each_commit(
    runner: Runner, make_url: Callable[[], str], tmp_path: Path, commits: Sequence[int], *, after: bool
) -> None:
    """Wherever a run stands between disk and database, the next one finishes it, or clears up after it."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(30, seed=3))
    expected, killed = undisturbed(tmp_path / "undisturbed", source), 0
    for number in commits:
        settings = settings_for(tmp_path / str(number), make_url(), commit_seconds=60.0, commit_records=10)
        put_in_force(settings)
        job = Job.of(settings, source, dies_at_commit=number, after=after)
        first = runner.start(job).wait()
        again = runner.start(Job.of(settings, source)).wait()
        assert (first in (0, KILLED), again) == (True, 0), Path(job.log).read_text(encoding="utf-8")
        check_same(settings, expected)
        if first == 0:
            break
        killed += 1
    assert killed >= min(len(commits), 5)
