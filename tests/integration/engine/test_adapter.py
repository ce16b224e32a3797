"""A LoRA adapter against its base model, both on the real engine, one after the other in a process of their own."""

from pathlib import Path

import pytest
from sqlalchemy import Row

from models.settings import Settings
from tests.adapters import make_adapter
from tests.integration.evaluation.evaluating import MESSAGES
from tests.integration.evaluation.labelled_files import given, write_rows
from tests.integration.evaluation.test_killed import found
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import settings_for
from tests.integration.pipeline.runner import Job, Runner
from tests.ledgers import new_sqlite

pytestmark = pytest.mark.engine


def answers(settings: Settings, run: Row[tuple[object, ...]]) -> dict[str, bytes]:
    """Return the hash of a run's answer to each record."""
    lines = [line for line in table(settings, "ledger_lines") if line.run_id == run.id]
    return {line.record_key: line.answer_hash for line in lines}


@pytest.mark.timeout(600)
def test_an_adapter_is_compared_with_its_base(tmp_path: Path, runner: Runner) -> None:
    """A random adapter answers otherwise than its base does; the ledger names it, and each paid for its own load."""
    adapter = make_adapter(tmp_path / "random")
    source = write_rows(tmp_path / "labelled.csv", given(*MESSAGES))
    settings = settings_for(
        tmp_path, new_sqlite(tmp_path / "ledger.db"), cpu_kv_cache_gib=1, max_model_len=1024
    )
    job = Job.of(settings, source, evaluate=True, real=True, adapter=str(adapter))
    assert runner.start(job).wait() == 0, Path(job.log).read_text(encoding="utf-8")
    evaluation = found(settings)
    assert [(arm.name, arm.answered) for arm in evaluation.arms] == [("small", 6), ("adapter", 6)]
    assert [(one.first, one.second) for one in evaluation.comparisons] == [("adapter", "small")]
    base, adapted = sorted(table(settings, "runs"), key=lambda run: run.started_at)
    assert (base.purpose, adapted.purpose) == ("evaluation_small", "evaluation_adapter")
    names = {row.id: row.name for row in table(settings, "models")}
    assert names[adapted.model_id] == f"{names[base.model_id]}+random"
    assert answers(settings, base).keys() == answers(settings, adapted).keys()
    assert answers(settings, base) != answers(settings, adapted)
    assert min(base.load_ns, adapted.load_ns) > 0
    check_sums(settings)
    assert findings(settings) == []
