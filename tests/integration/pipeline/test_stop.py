"""SIGTERM: a run stops within seconds, keeps what had finished, and says so (143)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from models.settings import Settings
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    leftovers,
    published,
    run,
    settings_for,
    write_records,
)
from tests.integration.pipeline.runner import PROJECT, Child, Job, Runner
from tests.ledgers import new_sqlite

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


def test_the_command_stops_with_one_line(tmp_path: Path) -> None:
    """`breakeven run` ends with exit code 143 and one line on standard error, no traceback; the next run finishes."""
    source = write_records(tmp_path / "in.jsonl", good_rows(300))
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    calls = tmp_path / "calls"
    calls.touch()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "BREAKEVEN_"))
    }
    env = kept | {
        "BREAKEVEN_DATABASE_URL": settings.database_url.get_secret_value(),
        "BREAKEVEN_OUTPUT_DIR": str(settings.output_dir),
        "BREAKEVEN_CACHE_DIR": str(settings.cache_dir),
        "SCRIPTED_CALLS": str(calls),
        "SCRIPTED_DELAY": "0.02",
    }
    command = [sys.executable, "-m", "tests.integration.pipeline.command", "run", WORKLOAD]
    command += ["--date", str(DAY), "--input", str(source)]
    with subprocess.Popen(command, env=env, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        while len(calls.read_text(encoding="utf-8").split()) < 60:
            assert process.poll() is None
            time.sleep(0.05)
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == STOPPED, errors
    assert time.monotonic() - since < 20.0
    assert "error: stopped by signal 15" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert [row.state for row in table(settings, "runs")] == ["interrupted"]
    assert run(settings, source).published == 300
    check_books(settings)
