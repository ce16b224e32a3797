"""An output folder that cannot be written: one clear error, nothing half-published, and the work is kept."""

import resource
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import BreakevenError, OutputError
from models.requests import Request
from models.settings import Settings
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.start_run import prepare
from tasks.run.closing import close_on_failure
from tasks.run.infer import infer
from tasks.run.publish import publish
from tasks.run.scratch import open_scratch
from tasks.runtime.leased_ledger import hold_lease
from tasks.runtime.shared_engine import shared_engine
from tasks.storage.escalation_queue import EscalationQueue
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    leftovers,
    no_engine,
    published,
    run,
    target,
    write_records,
)


def limit_files(size: int) -> None:
    """Let every write beyond `size` bytes of a file fail in the kernel, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let the disk be full inside the block."""
    limit_files(size)
    try:
        yield
    finally:
        limit_files(resource.RLIM_INFINITY)


def test_a_folder_that_is_a_file(settings_without_ledger: Settings, tmp_path: Path) -> None:
    """Found before anything starts: no ledger is made, no model loaded; the line names the folder."""
    source = write_records(tmp_path / "in.jsonl", good_rows(10))
    settings_without_ledger.output_dir.write_text("a file")
    with pytest.raises(OutputError, match="BREAKEVEN_OUTPUT_DIR") as caught:
        run(settings_without_ledger, source, no_engine)
    assert str(settings_without_ledger.output_dir) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code in (1, 2)
    assert not (tmp_path / "ledger.db").exists()


def test_a_place_for_parts_that_is_a_file(settings: Settings, tmp_path: Path) -> None:
    """Found when the run is opened: no run is left running, and the lease is free."""
    source = write_records(tmp_path / "in.jsonl", good_rows(10))
    settings.output_dir.mkdir()
    (settings.output_dir / ".parts").write_text("a file")
    with pytest.raises(OutputError, match=r"\.parts"):
        run(settings, source, no_engine)
    assert table(settings, "runs") == []
    assert [row.owner for row in table(settings, "leases")] == [None]
    (settings.output_dir / ".parts").unlink()
    assert run(settings, source).published == 10
    check_books(settings)


def test_a_place_for_the_partition_that_is_a_file(settings: Settings, tmp_path: Path) -> None:
    """Found when the records are all answered: the run fails with one line, the next one only publishes."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    settings.output_dir.mkdir()
    (settings.output_dir / WORKLOAD).write_text("a file")
    with pytest.raises(OutputError, match="BREAKEVEN_OUTPUT_DIR") as caught:
        run(settings, source)
    assert [(row.state, row.error) for row in table(settings, "runs")] == [("failed", str(caught.value))]
    assert [row.owner for row in table(settings, "leases")] == [None]
    (settings.output_dir / WORKLOAD).unlink()
    assert run(settings, source, no_engine).published == 30
    check_books(settings)
    assert leftovers(settings) == []


def test_the_disk_fills_up_in_mid_stream(settings: Settings, tmp_path: Path) -> None:
    """What was committed before is kept, nothing half-written is; with space again, the rest is done."""
    source = write_records(tmp_path / "in.jsonl", good_rows(200))
    # SQLite's ledger lies on the full disk too, so the lease cannot be given back and has to expire
    settings = settings.model_copy(update={"lease_seconds": 2.0, "lease_wait_seconds": 30.0})
    asked = 0

    def fill(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == 100:
            limit_files(100)
        return plausible(request)

    with pytest.raises(BreakevenError) as caught, full_disk(resource.RLIM_INFINITY):
        run(settings, source, ScriptedEngine(handler=fill))
    assert "\n" not in str(caught.value)
    assert not target(settings).exists()
    kept = len(table(settings, "ledger_lines"))
    assert 0 < kept < 100
    engine = ScriptedEngine()
    assert run(settings, source, engine).published == 200
    assert len(engine.started) == 200 - kept
    check_books(settings)
    assert leftovers(settings) == []


def test_the_scratch_file_fails_at_the_end(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that infers says so itself: what it raises ends the task that Prefect shows it as."""

    def fail(_: EscalationQueue) -> None:
        msg = "database or disk is full"
        raise sqlite3.OperationalError(msg)

    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    plan = prepare(RunRequest(WORKLOAD, DAY, str(source)), settings)
    assert isinstance(plan, OpenRun)
    with (
        shared_engine(settings, lambda _: ScriptedEngine()) as engine,
        hold_lease(plan.version.ledger) as lost,
        open_scratch(plan) as scratch,
    ):
        monkeypatch.setattr(EscalationQueue, "states", fail)
        with pytest.raises(OutputError, match="disk is full"):
            infer(plan, scratch, engine, lost)
    plan.version.ledger.close()


def test_the_disk_is_full_while_publishing(settings: Settings, tmp_path: Path) -> None:
    """The file published before stays whole; with space again, the next run publishes without inferring."""
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    run(settings, source)
    before = (target(settings) / "records.parquet").read_bytes()
    rows: list[object] = [{"id": secrets.token_hex(100), "text": f"text {number}"} for number in range(400)]
    write_records(source, rows)
    again = settings.model_copy(update={"lease_seconds": 2.0, "lease_wait_seconds": 30.0})
    plan = prepare(RunRequest(WORKLOAD, DAY, str(source), rerun=True), again)
    assert isinstance(plan, OpenRun)
    with close_on_failure(plan), shared_engine(settings, lambda _: ScriptedEngine()) as engine:
        held = replace(plan.version.ledger, lease_seconds=60.0)
        with hold_lease(held) as lost, open_scratch(plan) as scratch:
            inferred = infer(plan, scratch, engine, lost)
        with pytest.raises(BreakevenError) as caught, full_disk(20_000):
            publish(plan, inferred)
    assert "\n" not in str(caught.value)
    assert (target(settings) / "records.parquet").read_bytes() == before
    assert not (target(settings) / "records.parquet.tmp").exists()
    assert run(again, source, no_engine, rerun=True).published == 400
    assert published(settings).height == 400
    check_books(settings)
    assert leftovers(settings) == []
