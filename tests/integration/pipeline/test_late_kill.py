"""A refresh that is killed, wherever it is, is finished by the next one; what is published stays whole meanwhile."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from polars.testing import assert_frame_equal

from models.settings import Settings
from tests.integration.pipeline.books import check_books, table
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
from tests.integration.pipeline.test_kill import (
    COMMIT,
    KILLED,
    LOST_PER_KILL,
    WINDOW,
    kill_after_requests,
    kill_while_publishing,
    undisturbed,
)
from tests.sampling import kills_at

RECORDS = 1500


def changed_rows(seed: int, count: int = RECORDS) -> tuple[list[object], list[object]]:
    """Make a day's rows, and what becomes of them: some new, some changed, some gone, some moved."""
    random = Random(seed)
    before = mixed_rows(count, seed)
    after: list[object] = []
    for number, row in enumerate(before):
        chance = random.random()
        if chance < 0.1:
            after.append({"id": f"n{number}", "text": f"new message {number}"})
        if chance < 0.9:
            after.append(row)
        elif chance < 0.95:
            after.append({"id": f"r{number}", "text": f"changed message {number}"})
    tail = after[count // 2 :]
    random.shuffle(tail)
    return before, after[: count // 2] + tail


def check_readers_see_one_version(settings: Settings, *whole: Settings) -> None:
    """See that what lies under the final name is one of these publications, not something between."""
    found = published(settings)
    assert any(found.equals(published(one)) for one in whole)


@pytest.mark.long
def test_killed_at_random_moments(settings: Settings, runner: Runner, tmp_path: Path) -> None:
    """The files equal those of an undisturbed first run over the new input, and the ledger adds up."""
    before, after = changed_rows(seed=7)
    source = write_records(tmp_path / "in.jsonl", before)
    old, _ = undisturbed(tmp_path / "old", source)
    run(settings, source)
    source = write_records(source, after)
    new, all_requests = undisturbed(tmp_path / "new", source)
    settings = settings.model_copy(update={"commit_records": COMMIT, "commit_seconds": 0.5})
    job = Job.of(settings, source, delay=0.004, size=WINDOW, refresh=True)
    random, kills, code = Random(11), 0, KILLED
    waits: list[Callable[[], None]] = [lambda: time.sleep(random.uniform(0.05, 0.6)) for _ in range(5)]
    for wait in waits:
        child = runner.start(job)
        wait()
        child.kill()
        if (code := child.wait()) != KILLED:
            break
        kills += 1
        check_readers_see_one_version(settings, old, new)
    for late in (
        kill_after_requests(job, 20, 0.01),
        kill_after_requests(job, 40, 0.0),
        kill_while_publishing(settings, 0.004),
    ):
        if code != KILLED:
            break
        child = runner.start(job)
        late(child)
        child.kill()
        code = child.wait()
        kills += code == KILLED
        check_readers_see_one_version(settings, old, new)
    if code == KILLED:
        code = runner.start(job).wait()
    assert code == 0, Path(job.log).read_text(encoding="utf-8")
    assert kills >= 5
    assert_frame_equal(published(settings), published(new))
    assert_frame_equal(quarantined(settings), quarantined(new))
    check_books(settings)
    assert leftovers(settings) == []
    assert len(job.called()) < all_requests / 2 + kills * LOST_PER_KILL
    assert sum(row.carried for row in table(settings, "runs")) > RECORDS / 2


@pytest.mark.both_databases
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@kills_at(1, 4, 7)  # lease, records, publish
def test_killed_at_each_commit(
    runner: Runner, make_url: Callable[[], str], tmp_path: Path, commits: Sequence[int], *, after: bool
) -> None:
    """Wherever a refresh stands between disk and database, the next one finishes it, or finds it finished."""
    first, then = changed_rows(seed=3, count=60)
    source = write_records(tmp_path / "in.jsonl", first)
    changed = write_records(tmp_path / "new.jsonl", then)
    expected, _ = undisturbed(tmp_path / "undisturbed", changed)
    killed = 0
    for number in commits:
        settings = settings_for(tmp_path / str(number), make_url(), commit_seconds=60.0)
        settings.output_dir.parent.mkdir()
        write_records(source, first)
        run(settings, source)
        write_records(source, then)
        job = Job.of(settings, source, dies_at_commit=number, after=after, refresh=True)
        codes = runner.start(job).wait(), runner.start(Job.of(settings, source, refresh=True)).wait()
        assert codes in ((0, 0), (KILLED, 0)), Path(job.log).read_text(encoding="utf-8")
        assert_frame_equal(published(settings), published(expected))
        assert_frame_equal(quarantined(settings), quarantined(expected))
        check_books(settings)
        assert leftovers(settings) == []
        if codes[0] == 0:
            break
        killed += 1
    assert killed >= min(len(commits), 7)  # lease, opening, four commits, publish
