"""Commits that fail, or took place without saying so: nothing is written twice, or out of order (I1)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models.errors import DatabaseUnavailable, EngineDied
from models.gpu_time import GpuTime
from models.requests import Request
from models.settings import Settings
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import any_share, good_rows, leftovers, no_engine, run, write_records


class Lines:
    """Lets the line break after each transaction from the `first` on, every second time."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._seen = 0
        self.broken = 0

    def __call__(self, _session: Session) -> None:
        """Be told of a commit that took place."""
        self._seen += 1
        if self._seen >= self._first and (self._seen - self._first) % 2 == 0:
            self.broken += 1
            lost = ConnectionError("server closed the connection unexpectedly")
            statement = "COMMIT"
            raise OperationalError(statement, {}, lost, connection_invalidated=True)


@contextmanager
def breaking(first: int) -> Iterator[Lines]:
    """Break connections inside the block."""
    lines = Lines(first)
    event.listen(Session, "after_commit", lines)
    try:
        yield lines
    finally:
        event.remove(Session, "after_commit", lines)


OPENED = 3  # transactions up to the first commit of the stream: lease, run, then commits


@pytest.mark.both_databases
def test_every_commit_is_written_once(settings: Settings, tmp_path: Path) -> None:
    """Each transaction of the stream, and the one that publishes, is tried again after it took place."""
    source = write_records(tmp_path / "in.jsonl", good_rows(100))
    with breaking(OPENED) as lines:
        result = run(settings, source)
    assert lines.broken >= 6
    assert result.published == 100
    assert [row.state for row in table(settings, "runs")] == ["completed"]
    check_books(settings)
    assert leftovers(settings) == []


def test_unallocated_time_is_written_once(settings: Settings, tmp_path: Path) -> None:
    """GPU time without a record has no part to tell that it is there; the run's own row tells."""
    source = write_records(tmp_path / "in.jsonl", good_rows(10))

    def refuse(_: Request) -> Reply:
        return Reply(rejection="refused", detail="no")

    engine = ScriptedEngine(handler=refuse, load_seconds=0.05)
    with breaking(OPENED) as lines:
        run(any_share(settings), source, engine)
    assert lines.broken >= 2
    (row,) = table(settings, "runs")
    assert row.unallocated_nano > 0
    assert GpuTime(row.load_ns, row.busy_ns, row.idle_ns) == engine.held
    check_books(settings)


@pytest.mark.both_databases
def test_a_line_that_breaks_at_the_start_is_one_clear_error(settings: Settings, tmp_path: Path) -> None:
    """Before the run is open nothing is worth waiting for: the command ends, and says why."""
    source = write_records(tmp_path / "in.jsonl", good_rows(10))
    with breaking(1), pytest.raises(DatabaseUnavailable, match="did not answer") as caught:
        run(settings, source, no_engine)
    assert "\n" not in str(caught.value)


def test_an_engine_that_dies_meanwhile_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    """The last commit of a failing run is written once as well."""
    source = write_records(tmp_path / "in.jsonl", good_rows(50))
    with breaking(OPENED), pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(handler=plausible, dies_after=30))
    assert len(table(settings, "ledger_lines")) == 30
    assert run(settings, source).published == 50
    check_books(settings)


def test_nothing_is_committed_after_a_failed_commit(settings: Settings, tmp_path: Path) -> None:
    """A line may refer to an earlier one, so a commit that waits behind a failing one is given up with it."""
    source = write_records(tmp_path / "in.jsonl", good_rows(200))
    answered: list[str] = []
    seen = 0

    def answer(request: Request) -> Reply:
        answered.append(request.record_key)
        return plausible(request)

    def fail_slowly(_session: Session) -> None:
        nonlocal seen
        seen += 1
        if seen == OPENED + 2:  # the third commit of the stream
            time.sleep(1.0)  # the next one is handed over meanwhile
            statement = "COMMIT"
            raise OperationalError(statement, {}, OSError("no space left"))

    event.listen(Session, "before_commit", fail_slowly)
    try:
        with pytest.raises(DatabaseUnavailable, match="no space left"):
            run(settings, source, ScriptedEngine(handler=answer))
    finally:
        event.remove(Session, "before_commit", fail_slowly)
    committed = {line.record_key for line in table(settings, "ledger_lines")}
    assert committed == set(answered[:40])
    assert run(settings, source).published == 200
    check_books(settings)
