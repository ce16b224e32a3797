"""A real vLLM server as the local engine: `breakeven run` asks it, and its answers are those of vLLM in this process."""

import math
from pathlib import Path

import pytest

import cli
from bench.model_server import ModelServer
from flows.environment import read_settings
from models.engines.server.engine import ServerEngine
from models.engines.server.options import ServerOptions
from models.engines.vllm.engine import VllmEngine
from models.ids import new_id
from models.requests import Completion, Request
from models.settings import Settings, WorkloadSettings
from tests.integration.engine.harness import API_MODEL
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import DAY, published, quarantined, write_records
from tests.workloads import Sentiment

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
TEXTS = (
    "Thank you, the crew was wonderful and we landed early",
    "My bag is lost and nobody answers the phone",
    "When does gate 22 open tomorrow?",
    "Three hours late again, worst airline ever",
)

pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_a_run_on_a_real_server(
    api_server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command publishes every good record, sets aside one that is too long there, and the books hold what the server reported."""
    rows: list[object] = [{"id": f"r{n}", "text": text} for n, text in enumerate(TEXTS)]
    source = write_records(tmp_path / "in.jsonl", [*rows, {"id": "long", "text": "word " * 2500}])
    monkeypatch.chdir(tmp_path)
    for name, value in {"ENGINE": "server", "SERVER_URL": api_server.url, "MODEL": API_MODEL}.items():
        monkeypatch.setenv(f"BREAKEVEN_{name}", value)
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(SAMPLES.parent / ".cache"))
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__DATA_RESIDENCY", "local")
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "sentiment", "--input", str(source), "--date", str(DAY)])
    assert not end.value.code
    settings = read_settings()
    assert sorted(published(settings)["id"]) == [f"r{n}" for n in range(len(TEXTS))]
    assert all(0.0 < share <= 1.0 for share in published(settings)["confidence"])
    assert dict(quarantined(settings).select("record_key", "reason").iter_rows()) == {"long": "too_long"}
    check_books(settings)
    lines = table(settings, "ledger_lines")
    assert {(line.engine, line.estimated, line.price_id) for line in lines} == {("vllm", False, None)}
    assert all(line.input_tokens > 100 and line.output_tokens > 0 and line.cost_nano > 0 for line in lines)


def test_prompts_are_the_engines_and_labels_have_shares(engine: VllmEngine, api_server: ModelServer) -> None:
    """The same weights and the same prompt, to the token; the label's share among the labels comes from the server's own tokens."""
    settings = Settings.model_validate({"engine": "server", "server_url": api_server.url, "model": API_MODEL})
    asked = ServerEngine(ServerOptions.from_settings(settings))
    try:
        here, there = _answers(engine), _answers(asked)
    finally:
        asked.close()
    for text in TEXTS:
        probabilities, used, same = there[text].label_probabilities, there[text].usage, here[text].usage
        assert probabilities is not None
        assert math.isclose(sum(probabilities.values()), 1.0, abs_tol=1e-6)
        assert there[text].value == max(probabilities, key=probabilities.__getitem__)
        assert used is not None
        assert same is not None
        assert used.input_tokens == same.input_tokens, "the prompt is another one"


def _answers(engine: VllmEngine | ServerEngine) -> dict[str, Completion]:
    workload = Sentiment(WorkloadSettings())
    requests = [
        Request(new_id(), text, workload.messages(text), workload.output_format, workload.max_tokens)
        for text in TEXTS
    ]
    return {done.request.record_key: done for done in engine.stream(requests)}
