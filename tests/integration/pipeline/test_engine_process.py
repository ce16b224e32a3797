"""vLLM in a process of its own, as on a GPU, and what becomes of a run when that process is killed."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, run, settings_for, write_records
from tests.integration.pipeline.runner import Child, Job, Runner


def engine_process(child: Child) -> int:
    """Return the pid of vLLM's own process."""
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="utf-8").split()
    names = {int(pid): Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") for pid in children}
    return next(pid for pid, name in names.items() if name.startswith("VLLM::Engine"))


@pytest.mark.engine
def test_the_engine_process_is_killed(tmp_path: Path, runner: Runner) -> None:
    """With vLLM in a process of its own, as on a GPU, its death ends the run at once, and cleanly."""
    small = {"commit_records": 4, "max_num_seqs": 4, "cpu_kv_cache_gib": 1, "engine_subprocess": True}
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", **small)
    source = write_records(tmp_path / "in.jsonl", good_rows(400))
    job = Job.of(settings, source, real=True)
    child = runner.start(job)
    job.wait_for_parts(child, 2)
    os.kill(engine_process(child), signal.SIGKILL)
    since = time.monotonic()
    assert child.wait() == 1
    assert time.monotonic() - since < 20.0
    assert "error: the vLLM engine died" in Path(job.log).read_text(encoding="utf-8")
    (row,) = table(settings, "runs")
    assert row.state == "failed"
    assert 0 < row.records == len(table(settings, "ledger_lines")) < 400
    assert [lease.owner for lease in table(settings, "leases")] == [None]
    assert run(settings, source, ScriptedEngine()).published == 400
    check_books(settings)
