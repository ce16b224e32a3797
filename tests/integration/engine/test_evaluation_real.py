"""An evaluation on the real engine: the small model, a LoRA adapter of it, and vLLM's API server as the API."""

from datetime import date
from pathlib import Path

import pytest

from bench.model_server import HOST, ModelServer
from models.engines.base import LocalEngine
from models.engines.vllm_engine import VllmEngine
from models.settings import Settings
from tasks.engine import load_vllm
from tasks.evaluation.run import Ask, evaluate
from tests.adapters import make_adapter
from tests.integration.engine.harness import Counting
from tests.integration.engine.test_hybrid_real import settings_of
from tests.integration.evaluation.labelled_files import given, write_rows
from tests.integration.pipeline.books import check_sums, findings, table
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.engine
RECORDS = (
    ("Thank you, the crew was wonderful and we landed early", "positive"),
    ("My bag is lost and nobody answers the phone", "negative"),
    ("When does gate 22 open tomorrow?", "neutral"),
    ("Three hours late again, worst airline ever", "negative"),
    ("Best flight I have had in years", "positive"),
    ("Do you fly from Oslo to Rome on Sundays?", "neutral"),
)


@pytest.mark.timeout(600)
def test_an_adapter_is_compared_with_its_base_and_the_api(
    engine: VllmEngine, api_server: ModelServer, tmp_path: Path
) -> None:
    """Three real engines answer the same records; a random adapter answers otherwise than its base does."""
    adapter = make_adapter(tmp_path / "random")
    source = write_rows(tmp_path / "labelled.csv", given(*RECORDS))
    loaded: list[Path | None] = []

    def load(settings: Settings) -> LocalEngine:
        loaded.append(settings.lora_adapter)
        if settings.lora_adapter is None:
            return Counting(engine)
        return load_vllm(settings.model_copy(update={"cpu_kv_cache_gib": 1, "max_model_len": 1024}))

    with RecordingProxy(HOST, api_server.port) as proxy:
        settings = settings_of(tmp_path, proxy, "sentiment", {})
        found = evaluate(
            Ask("sentiment", str(source), adapter=adapter), settings, today=date(2026, 11, 1), factory=load
        )
        assert len(proxy.seen) == len(RECORDS)
    assert loaded == [None, adapter]
    assert [(arm.name, arm.answered) for arm in found.arms] == [("small", 6), ("adapter", 6), ("api", 6)]
    assert [(one.first, one.second) for one in found.comparisons] == [
        ("small", "api"),
        ("adapter", "small"),
        ("adapter", "api"),
    ]
    models = {run.purpose: run.model_id for run in table(settings, "runs")}
    names = {row.id: row.name for row in table(settings, "models")}
    assert names[models["evaluation_adapter"]].endswith("+random")
    answers = {
        purpose: {
            line.record_key: line.answer_hash
            for run in table(settings, "runs")
            if run.purpose == purpose
            for line in table(settings, "ledger_lines")
            if line.run_id == run.id
        }
        for purpose in ("evaluation_small", "evaluation_adapter")
    }
    assert answers["evaluation_small"].keys() == answers["evaluation_adapter"].keys()
    assert answers["evaluation_small"] != answers["evaluation_adapter"]
    check_sums(settings)
    assert findings(settings) == []
