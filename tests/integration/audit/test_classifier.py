"""What a trained classifier served is audited as what the local model served is, each under its own name."""

from pathlib import Path

from db.audits import count_months
from tasks.audit.run import waiting_audits
from tasks.report.judged import find_judgements
from tasks.runtime.shared_engine import shared_engine
from tests.classifiers import ScriptedClassifier, guess_by_hash, put_in_force
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import WRONG, audit, audit_settings, audits
from tests.integration.evaluation.evaluating import api_label, right_unless
from tests.integration.pipeline.books import findings, ledger, table
from tests.integration.pipeline.harness import DAY, good_rows, published, run, write_records

COUNT = 60


def test_each_stage_is_counted_by_itself(tmp_path: Path, database_url: str) -> None:
    """Rows, months and the model's name are those of the stage that served; what the classifier had served is not asked of it again."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        model = put_in_force(settings)
        source = write_records(tmp_path / "in.jsonl", good_rows(COUNT))
        classifier = ScriptedClassifier(model=model.name)
        engine = ScriptedEngine(handler=right_unless(lambda number: number % WRONG == 0))
        with shared_engine(settings, lambda _: engine, classifiers=lambda *_: classifier):
            run(settings, source)
        asked = len(classifier.asked)
        found = audit(settings, tmp_path, share=1.0)
        assert len(classifier.asked) == asked
    assert found.audited == COUNT
    served = {row["record_key"]: row["engine"] for row in published(settings).to_dicts()}
    assert set(served.values()) == {"classifier", "vllm"}
    names = {row.id: row.name for row in table(settings, "models")}
    for row in audits(settings):
        text = f"message number {row.record_key[1:]}"
        assert row.engine == served[row.record_key]
        if row.engine == "classifier":
            assert names[row.model_id] == model.name
            assert row.agrees == (guess_by_hash(text)[0] == api_label(text))
        else:
            assert names[row.model_id] == "tests/scripted"
    with ledger(settings) as session:
        counts = count_months(session)
        assert count_months(session, in_force=True) == counts
        assert find_judgements(session, DAY.replace(day=1))
    assert {one.engine: one.audited for one in counts} == {
        engine: list(served.values()).count(engine) for engine in ("classifier", "vllm")
    }
    assert waiting_audits(settings) == []
    assert findings(settings) == []
