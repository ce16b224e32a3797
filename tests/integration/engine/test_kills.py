"""The faults that matter most, once more with the real engine: its process dies, and the whole run is killed."""

import os
import signal
import time
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from models.engines.vllm.engine import VllmEngine
from models.settings import Settings
from tests.integration.engine.harness import SMALL, Counting
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import leftovers, published, quarantined, run, settings_for
from tests.integration.pipeline.runner import Child, Job, Runner
from tests.ledgers import new_sqlite

pytestmark = pytest.mark.engine

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "sentiment.jsonl"
OPTIONS = SMALL | {
    "commit_records": 4,
    "workloads": {"sentiment": {"timestamp_column": ""}},  # all its days are one partition
}


@pytest.fixture(scope="module")
def expected(engine: VllmEngine, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Run the samples in one go; give the settings that name the output."""
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = settings_for(folder, new_sqlite(folder / "ledger.db"), **OPTIONS)
    run(settings, SAMPLE, Counting(engine))
    return settings


def engine_process(child: Child) -> int:
    """Return the pid of vLLM's own process."""
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="utf-8").split()
    names = {int(pid): Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") for pid in children}
    return next(pid for pid, name in names.items() if name.startswith("VLLM::Engine"))


def check_finished(settings: Settings, engine: VllmEngine, expected: Settings) -> None:
    """See that the next run finishes what a killed one left: same answers, exact books."""
    (killed,) = table(settings, "runs")
    assert 0 < len(table(settings, "ledger_lines")) <= killed.records < published(expected).height
    result = run(settings, SAMPLE, Counting(engine))
    assert_frame_equal(published(settings), published(expected), abs_tol=1e-4)
    assert_frame_equal(quarantined(settings), quarantined(expected))
    check_books(settings)
    assert leftovers(settings) == []
    _, finished = table(settings, "runs")
    assert killed.records + finished.records == result.records


def test_the_engine_process_is_killed(
    tmp_path: Path, runner: Runner, engine: VllmEngine, expected: Settings
) -> None:
    """With vLLM in a process of its own, as on a GPU, its death ends the run at once, and cleanly."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"), **OPTIONS, engine_subprocess=True)
    job = Job.of(settings, SAMPLE, real=True)
    child = runner.start(job)
    job.wait_for_parts(child, 2)
    os.kill(engine_process(child), signal.SIGKILL)
    since = time.monotonic()
    assert child.wait() == 1
    assert time.monotonic() - since < 20.0
    assert "error: the vLLM engine died" in Path(job.log).read_text(encoding="utf-8")
    assert [row.state for row in table(settings, "runs")] == ["failed"]
    assert [lease.owner for lease in table(settings, "leases")] == [None]
    check_finished(settings, engine, expected)


@pytest.mark.long
def test_the_run_is_killed(
    database_url: str, tmp_path: Path, runner: Runner, engine: VllmEngine, expected: Settings
) -> None:
    """A vLLM run that is killed after its third part is finished by the next."""
    settings = settings_for(tmp_path, database_url, **OPTIONS)
    job = Job.of(settings, SAMPLE, real=True)
    child = runner.start(job)
    job.wait_for_parts(child, 3)
    child.kill()
    assert child.wait() == -9
    check_finished(settings, engine, expected)
