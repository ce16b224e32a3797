"""Two runs of one partition at once: one works, the other stops, waits, or takes over (I9)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from db import leases
from db.dialects import clock
from db.tables import LeaseRow
from models.errors import LeaseLost, PartitionLocked
from models.requests import Request
from models.run import RunResult
from models.settings import Settings
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.start_run import prepare
from tasks.run.infer import infer
from tasks.run.publish import publish
from tasks.run.scratch import open_scratch
from tasks.runtime.lease import take_lease, this_process
from tasks.runtime.leased_ledger import LeasedLedger, hold_lease
from tasks.runtime.ledger_access import connect_ledger
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    leftovers,
    no_engine,
    run,
    target,
    write_records,
)

pytestmark = pytest.mark.both_databases


class Gate:
    """Holds a run up at its tenth request until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self._left = 10

    def __call__(self, request: Request) -> Reply:
        """Answer, after the gate was opened."""
        self._left -= 1
        if self._left == 0:
            self.reached.set()
            assert self.open.wait(60)
        return plausible(request)


@contextmanager
def running(settings: Settings, source: Path) -> Iterator[tuple[Gate, list[RunResult]]]:
    """Keep a run half-way inside the block, until the gate is opened or the block ends."""
    gate, results = Gate(), list[RunResult]()
    work = threading.Thread(
        target=lambda: results.append(run(settings, source, ScriptedEngine(handler=gate)))
    )
    work.start()
    try:
        assert gate.reached.wait(30)
        yield gate, results
    finally:
        gate.open.set()
        work.join()


def give_to(settings: Settings, owner: str, seconds: float) -> None:
    """Let another run take the lease over, whoever holds it."""
    with ledger(settings) as session:
        leases.acquire(session, WORKLOAD, DAY, owner, seconds, lambda _: True)


def test_the_second_run_stops_with_a_clear_line(settings: Settings, tmp_path: Path) -> None:
    """It names the owner and says what to do; the first run is not disturbed."""
    source = write_records(tmp_path / "in.jsonl", good_rows(50))
    with running(settings, source) as (_, results):
        with pytest.raises(PartitionLocked) as caught:
            run(settings, source, no_engine)
        line = str(caught.value)
        assert this_process() in line
        assert "wait for that run or stop it" in line
        assert "\n" not in line
    assert [result.published for result in results] == [50]
    assert len(table(settings, "runs")) == 1
    check_books(settings)


def test_the_second_run_waits_where_that_is_set(settings: Settings, tmp_path: Path) -> None:
    """With a waiting time, the second run outlasts the first, and then finds the partition published."""
    source = write_records(tmp_path / "in.jsonl", good_rows(50))
    patient = settings.model_copy(update={"lease_wait_seconds": 60.0})
    with running(settings, source) as (gate, results):
        threading.Timer(1.5, gate.open.set).start()
        assert run(patient, source, no_engine).state == "skipped"
    assert [result.published for result in results] == [50]
    check_books(settings)


def test_the_lease_outlives_its_first_term(settings: Settings, tmp_path: Path) -> None:
    """A run that commits nothing for longer than the lease's time keeps the partition all the same."""
    source = write_records(tmp_path / "in.jsonl", good_rows(50))
    short = settings.model_copy(update={"lease_seconds": 0.9})
    with running(short, source):
        threading.Event().wait(2.0)
        with pytest.raises(PartitionLocked):
            run(settings, source, no_engine)
    check_books(settings)


def test_the_lease_of_a_run_elsewhere_must_expire(settings: Settings, tmp_path: Path) -> None:
    """An owner on another host is believed until its time is over; then the partition is taken over."""
    source = write_records(tmp_path / "in.jsonl", good_rows(50))
    run(settings, write_records(tmp_path / "first.jsonl", good_rows(5)))
    give_to(settings, "elsewhere:1:1", 60)
    with pytest.raises(PartitionLocked, match="elsewhere:1:1"):
        run(settings, source, rerun=True)
    with ledger(settings) as session:
        session.execute(update(LeaseRow).values(expires_at=clock(session) - timedelta(seconds=1)))
    assert run(settings, source, rerun=True).published == 50


def test_a_run_that_lost_its_lease_commits_nothing_more(settings: Settings, tmp_path: Path) -> None:
    """Taken over in mid-stream, a run stops; no part, line or file of it appears from then on."""
    source = write_records(tmp_path / "in.jsonl", good_rows(200))
    seen: list[tuple[int, int]] = []
    asked = 0

    def steal(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == 100:
            give_to(settings, "thief:1:1", 0.0)
            seen.append((len(table(settings, "parts")), len(table(settings, "ledger_lines"))))
        return plausible(request)

    with pytest.raises(LeaseLost, match="taken over"):
        run(settings, source, ScriptedEngine(handler=steal))
    assert seen == [(len(table(settings, "parts")), len(table(settings, "ledger_lines")))]
    assert not target(settings).exists()
    assert [row.owner for row in table(settings, "leases")] == ["thief:1:1"]

    assert run(settings, source).published == 200  # the thief's lease is over
    assert [row.state for row in table(settings, "runs")] == ["interrupted", "completed"]
    check_books(settings)
    assert leftovers(settings) == []


def test_a_run_that_lost_its_lease_publishes_nothing(settings: Settings, tmp_path: Path) -> None:
    """Taken over after its last commit, a run renames no file and marks nothing as published."""
    source = write_records(tmp_path / "in.jsonl", good_rows(50))
    plan = prepare(RunRequest(WORKLOAD, DAY, str(source)), settings)
    assert isinstance(plan, OpenRun)
    with shared_engine(settings, lambda _: ScriptedEngine()) as engine:
        with hold_lease(plan.version.ledger) as lost, open_scratch(plan) as scratch:
            inferred = infer(plan, scratch, engine, lost)
        give_to(settings, "thief:1:1", 0.0)
        with pytest.raises(LeaseLost):
            publish(plan, inferred)
    plan.version.ledger.close()
    assert not target(settings).exists()
    assert [row.state for row in table(settings, "partition_versions")] == ["open"]
    assert run(settings, source, no_engine).published == 50
    check_books(settings)


def test_a_write_that_is_tried_again_needs_the_lease(settings: Settings) -> None:
    """The line broke right after a commit, and another run took over: nothing goes on, though all is written."""
    make_session = connect_ledger(settings)
    lease = take_lease(make_session, WORKLOAD, DAY, settings)
    held = LeasedLedger(make_session, lease, 60.0, settings.database_patience_seconds)
    written: list[str] = []

    def write(_session: Session) -> bool:
        written.append("pending")
        return True

    def break_off(_session: Session) -> None:
        if written == ["pending"]:
            written.append("committed")
            give_to(settings, "thief:1:1", 60.0)
            lost, statement = ConnectionError("server closed the connection unexpectedly"), "COMMIT"
            raise OperationalError(statement, {}, lost, connection_invalidated=True)

    event.listen(make_session, "after_commit", break_off)
    with pytest.raises(LeaseLost, match="taken over"):
        held.write(write, lambda _: True)
    assert written == ["pending", "committed"]
    held.close()
