"""The faults that matter most, once more with the real engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from models.default_model import is_prepared
from models.settings import Settings
from tasks.runtime.shared_engine import SharedEngine, shared_engine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    CACHE,
    leftovers,
    published,
    quarantined,
    run,
    settings_for,
)
from tests.integration.pipeline.runner import Job, Runner
from tests.ledgers import new_sqlite

pytestmark = pytest.mark.engine

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "sentiment.jsonl"
SMALL = {
    "commit_records": 4,
    "max_num_seqs": 4,
    "cpu_kv_cache_gib": 1,
    "workloads": {"sentiment": {"timestamp_column": ""}},  # all its days are one partition
}


@pytest.fixture(scope="module")
def vllm() -> Iterator[SharedEngine]:
    """Share one load of the default model between all runs of this process."""
    assert is_prepared(CACHE), "run `make setup` first"
    with shared_engine(Settings.model_validate({"cache_dir": CACHE, **SMALL})) as engine:
        yield engine


@pytest.fixture(scope="module")
def expected(vllm: SharedEngine, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Run the samples in one go; give the settings that name the output."""
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = settings_for(folder, new_sqlite(folder / "ledger.db"), **SMALL)
    run(settings, SAMPLE, lambda _: vllm.get())
    return settings


def test_killed_and_finished(
    database_url: str, tmp_path: Path, runner: Runner, vllm: SharedEngine, expected: Settings
) -> None:
    """A vLLM run that is killed after its third part is finished by the next: same answers, exact books."""
    settings = settings_for(tmp_path, database_url, **SMALL)
    job = Job.of(settings, SAMPLE, real=True)
    child = runner.start(job)
    job.wait_for_parts(child, 3)
    child.kill()
    assert child.wait() == -9
    (killed,) = table(settings, "runs")
    assert 0 < killed.records < published(expected).height

    result = run(settings, SAMPLE, lambda _: vllm.get())
    assert_frame_equal(published(settings), published(expected), abs_tol=1e-4)
    assert_frame_equal(quarantined(settings), quarantined(expected))
    check_books(settings)
    assert leftovers(settings) == []
    _, finished = table(settings, "runs")
    assert killed.records + finished.records == result.records
