"""SIGTERM: a run stops within seconds, keeps what had finished, and says so (143)."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from models.settings import Settings
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, leftovers, published, write_records
from tests.integration.pipeline.runner import Child, Job, Runner

STOPPED = 128 + signal.SIGTERM
WINDOW = 16
SECONDS = 6.0  # "within seconds", on a busy machine


def until(child: Child, ready: Callable[[], bool]) -> None:
    """Wait for something that the child does."""
    while not ready():
        assert child.alive
        time.sleep(0.01)


def stop(child: Child) -> tuple[int, float]:
    """Ask the child to stop; return its exit code and the seconds it took."""
    since = time.monotonic()
    child.kill(signal.SIGTERM)
    return child.wait(), time.monotonic() - since


def test_what_had_finished_is_committed(settings: Settings, runner: Runner, tmp_path: Path) -> None:
    """Nothing was committed before the signal; afterwards all but the window is, and the next run does the rest."""
    source = write_records(tmp_path / "in.jsonl", good_rows(300))
    settings = settings.model_copy(update={"commit_records": 10_000, "commit_seconds": 600.0})
    job = Job.of(settings, source, delay=0.01, size=WINDOW)
    child = runner.start(job)
    until(child, lambda: len(job.called()) >= 100)
    code, seconds = stop(child)
    assert code == STOPPED, Path(job.log).read_text(encoding="utf-8")
    assert seconds < SECONDS

    called = len(job.called())
    (row,) = table(settings, "runs")
    assert row.state == "interrupted"
    assert row.error.startswith("stopped by signal 15")
    assert f" {row.records} records" in row.error
    assert called - WINDOW <= row.records < 300
    assert len(table(settings, "ledger_lines")) == row.records

    assert runner.start(Job.of(settings, source, size=WINDOW)).wait() == 0
    assert len(job.called()) == called + 300 - row.records
    assert published(settings).height == 300
    check_books(settings)
    assert leftovers(settings) == []


def test_a_stop_is_heard_while_the_model_loads(settings: Settings, runner: Runner, tmp_path: Path) -> None:
    """Loading takes minutes; a run that has nothing to lose does not wait for its end."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    job = Job.of(settings, source, load_seconds=60.0)
    child = runner.start(job)
    until(child, lambda: "loading" in Path(job.log).read_text(encoding="utf-8"))
    code, seconds = stop(child)
    assert (code, seconds < SECONDS) == (STOPPED, True), Path(job.log).read_text(encoding="utf-8")
    assert [row.state for row in table(settings, "runs")] == ["interrupted"]
    assert runner.start(Job.of(settings, source)).wait() == 0
    check_books(settings)
