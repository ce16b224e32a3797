"""A partition that is cut into shards is published as one that is not (docs/decisions/0023-shards.md)."""

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from db.run_queries import list_runs
from db.shards import MOST_TRIES, Shard
from db.tables import LeaseRow
from models.errors import BreakevenError, EngineDied
from models.requests import Request
from models.settings import Settings
from tasks.planning.take_shard import ShardTaker
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import (
    good_rows,
    leftovers,
    mixed_rows,
    published,
    quarantined,
    run,
    settings_for,
    write_records,
)
from tests.integration.pipeline.runner import Child, Job, Runner
from tests.ledgers import new_sqlite

RECORDS = 600


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write records as they come in life."""
    return write_records(tmp_path / "in.jsonl", mixed_rows(RECORDS, seed=5))


@pytest.fixture
def whole(tmp_path: Path, source: Path) -> Settings:
    """Run without shards; return the settings of that run."""
    settings = settings_for(tmp_path / "whole", new_sqlite(tmp_path / "whole.db"), commit_records=1000)
    run(settings, source)
    return settings


def check_same(settings: Settings, whole: Settings) -> None:
    """See that both published the same, row by row, and that the ledger adds up."""
    assert_frame_equal(published(settings), published(whole))
    assert_frame_equal(quarantined(settings), quarantined(whole))
    check_books(settings)
    assert leftovers(settings) == []


@pytest.mark.both_databases
def test_shards_publish_what_one_run_does(settings: Settings, whole: Settings, source: Path) -> None:
    """Row by row; no text is asked for twice, also in another shard; the ledger shows one run, and its parts."""
    one, cut = ScriptedEngine(), ScriptedEngine()
    run(whole, source, one, rerun=True)
    result = run(settings, source, cut, shards=4)
    check_same(settings, whole)
    assert list((settings.output_dir / ".parts").rglob("shard-*")) == []
    assert sorted(cut.started) == sorted(one.started)
    assert (result.published, result.quarantined) == (published(whole).height, quarantined(whole).height)
    assert result.requests == len(cut.started) > 0
    with ledger(settings) as session:
        (shown,) = list_runs(session)
        assert list_runs(session, engine="vllm", model=str(shown["model"])) == [shown]
        parts = list_runs(session, parts=True)
    assert shown["records"] == result.records == RECORDS
    assert shown["state"] == "completed"
    assert sorted(str(row["shard"]) for row in parts) == ["1", "2", "3", "4", "None"]
    assert (
        sum(int(str(row["records"])) for row in parts) == 2 * RECORDS
    )  # the whole run's are those of its parts
    assert [row.state for row in table(settings, "shards")] == ["done"] * 4


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Start another program that runs jobs, beside the first."""
    runner = Runner(tmp_path_factory.mktemp("second") / "log")
    yield runner
    runner.close()


@dataclass(frozen=True)
class Pair:
    """A whole run and a process that takes part, each with its list of what its engine was asked.

    Both begin a shard and wait at the gate, so that neither is done before the other has begun, on a machine of any speed.
    """

    whole: Job
    part: Job
    gate: Path

    @classmethod
    @contextmanager
    def of(cls, settings: Settings, source: Path, shards: int = 4) -> Iterator["Pair"]:
        """Make both over these settings; the gate is open after the block, whatever came of it."""
        calls, gate = (settings.output_dir.with_name(name) for name in ("calls of the part", "gate"))
        job = Job.of(settings, source, delay=0.01, size=8, shards=shards, gate=str(gate))
        calls.touch()
        try:
            yield cls(job, replace(job, calls=str(calls), shard=2), gate)
        finally:
            gate.touch()

    def begin(self, settings: Settings, runner: Runner, second: Runner) -> tuple[Child, Child]:
        """Start the whole run, and once it has begun a shard the other; return both when each has committed something of one."""
        child = runner.start(self.whole)
        self._wait_for(settings, 1)
        part = second.start(self.part)
        self._wait_for(settings, 2)
        return child, part

    def _wait_for(self, settings: Settings, runs: int) -> None:
        until(
            lambda: sum(1 for row in table(settings, "runs") if row.shard and row.records) >= runs,
            f"{runs} shards were not begun: {Path(self.whole.log).read_text(encoding='utf-8')}",
        )

    def asked(self) -> list[str]:
        """Return what both engines were asked."""
        return self.whole.called() + self.part.called()


@contextmanager
def standing_still(settings: Settings, child: Child) -> Iterator[None]:
    """Stop a process inside the block, at a moment at which it has no transaction open that others would wait for."""
    try:
        child.kill(signal.SIGSTOP)
        while not leases_are_free(settings):
            child.kill(signal.SIGCONT)
            time.sleep(0.05)
            child.kill(signal.SIGSTOP)
        yield
    finally:
        child.kill(signal.SIGCONT)


def leases_are_free(settings: Settings) -> bool:
    """Whether nobody has a transaction open that has changed a lease; on SQLite, that has written at all."""
    try:
        with ledger(settings) as session:
            session.execute(select(LeaseRow.owner).with_for_update(nowait=True))
    except OperationalError:
        return False
    return True


def until(ready: Callable[[], bool], what: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


QUICK = {"commit_seconds": 0.3, "lease_seconds": 4.0}


@pytest.mark.both_databases
def test_two_processes_share_the_shards(
    settings: Settings, whole: Settings, source: Path, runner: Runner, second: Runner
) -> None:
    """Each takes what is free, and no text is asked for twice."""
    with Pair.of(settings, source) as pair:
        children = pair.begin(settings, runner, second)
    assert [child.wait() for child in children] == [0, 0]
    check_same(settings, whole)
    assert len(pair.asked()) == len(set(pair.asked()))


@pytest.mark.both_databases
@pytest.mark.parametrize("victim", ["part", "whole"])
def test_killed_and_taken_over(
    settings: Settings, whole: Settings, source: Path, runner: Runner, second: Runner, victim: str
) -> None:
    """A shard whose process is killed goes on at its last commit; one that takes part needs no whole run to go on."""
    with Pair.of(settings.model_copy(update=QUICK), source) as pair:
        child, part = pair.begin(settings, runner, second)
        (part if victim == "part" else child).kill()
    ends = [child.wait(), part.wait()]
    assert sorted(ends) == [-9, 0]
    if victim == "whole":
        assert [row.state for row in table(settings, "shards")] == ["done"] * 4
        assert runner.start(pair.whole).wait() == 0
    check_same(settings, whole)
    lost = 8 + 3 * settings.commit_records  # in flight, being gathered, waiting to be written
    assert len(pair.asked()) <= len(set(pair.asked())) + lost


@pytest.mark.both_databases
def test_stopped_for_longer_than_its_lease(
    settings: Settings, whole: Settings, source: Path, runner: Runner, second: Runner
) -> None:
    """A process that wakes up after its shard was taken over writes nothing of it any more."""
    with Pair.of(settings.model_copy(update=QUICK), source) as pair:
        child, part = pair.begin(settings, runner, second)
        with standing_still(settings, part):
            pair.gate.touch()
            assert (
                child.wait() == 0
            )  # it has waited for the lease, and another term, since the process is there
    assert part.wait() == 0
    assert (
        runner.start(pair.whole).wait() == 0
    )  # it is published: this one only clears up what that process left on disk
    check_same(settings, whole)
    assert "was taken over by another run" in Path(pair.whole.log).read_text(encoding="utf-8")


def failing(*dies_after: int) -> Callable[[Settings], ScriptedEngine]:
    """Load engines that die after so many answers each; the last number goes for all that follow."""
    left = list(dies_after)
    return lambda _: ScriptedEngine(dies_after=left.pop(0) if len(left) > 1 else left[0])


def test_another_number_of_shards(settings: Settings, tmp_path: Path) -> None:
    """Before the first part a version is cut anew, and then it stays as it was cut."""
    source = write_records(tmp_path / "in.jsonl", good_rows(200))
    with pytest.raises(BreakevenError, match="failed 3 times in a row"):
        run(settings, source, failing(0), shards=3)
    with pytest.raises(BreakevenError, match="failed 3 times in a row"):
        run(settings, source, failing(60, 0), shards=2)
    last = ScriptedEngine()
    run(settings, source, last, shards=5)
    assert {row.shards for row in table(settings, "shards")} == {2}
    check_books(settings)
    assert published(settings).get_column("id").to_list() == [f"r{number}" for number in range(200)]
    assert len(last.started) == 200 - 60
    assert leftovers(settings) == []


def test_a_shard_that_fails_three_times(settings: Settings, whole: Settings, source: Path) -> None:
    """It fails the partition with its reason; the others are done, and kept."""
    tries = 0

    def answer(request: Request) -> Reply:
        nonlocal tries
        if re.search(r"message number 77\b", prompt(request)):
            tries += 1
            msg = "the engine is poisoned"
            raise EngineDied(msg)
        return plausible(request)

    with pytest.raises(BreakevenError, match=r"shard \d of 4 failed .*poisoned"):
        run(settings, source, lambda _: ScriptedEngine(handler=answer), shards=4)
    assert Counter(row.state for row in table(settings, "shards")) == {"done": 3, "failed": 1}
    assert tries == MOST_TRIES
    run(settings, source, shards=4)
    check_same(settings, whole)


def test_more_rows_while_it_is_answered(settings: Settings, tmp_path: Path) -> None:
    """Shards that are done are read again, and nothing of theirs is done twice, wherever the rows come in."""
    bad = [{"id": f"bad{number}", "text": None} for number in range(30)]
    source = write_records(tmp_path / "in.jsonl", [*bad, *good_rows(300), *bad])
    with pytest.raises(BreakevenError, match="failed"):
        run(settings, source, failing(170, 0), shards=2)
    late: list[object] = [{"id": f"late{number}", "text": f"late {number}"} for number in range(41)]
    source.write_bytes(write_records(tmp_path / "late.jsonl", late).read_bytes() + source.read_bytes())
    last = ScriptedEngine()
    run(settings, source, last, shards=2)
    check_books(settings)
    assert len(last.started) == 41 + 300 - 170
    assert (published(settings).height, quarantined(settings).height) == (341, 60)


def test_a_failing_run_books_the_time_that_it_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine was held, and paid for, until the end: with the shards' own time that is all of it."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    source, engine = write_records(tmp_path / "in.jsonl", good_rows(40)), ScriptedEngine()

    def lose_shards(_: ShardTaker) -> list[Shard]:
        time.sleep(0.1)
        msg = "no shard is to be seen"
        raise BreakevenError(msg)

    monkeypatch.setattr(ShardTaker, "look", lose_shards)
    with pytest.raises(BreakevenError, match="no shard"):
        run(settings, source, engine, shards=2)
    rows = table(settings, "runs")
    assert sorted(row.state for row in rows) == ["completed", "completed", "failed"]
    (failed,) = (row for row in rows if row.shard is None)
    assert failed.idle_ns >= 100_000_000
    assert failed.unallocated_nano > 0
    assert sum(row.load_ns + row.busy_ns + row.idle_ns for row in rows) == engine.held.total_ns
