"""Both engines real: vLLM in this process, and vLLM's own API server, in another, as the API.

Between the two stands a proxy that writes down what the server reported; the ledger must agree with it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cli
from bench.model_server import HOST, ModelServer
from models.engines.vllm.engine import VllmEngine
from models.errors import ApiAccessError
from models.run import RunResult
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.faulty_api import Seen
from tests.integration.engine.harness import API_MODEL, Counting
from tests.integration.hybrid.harness import api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    no_engine,
    published,
    quarantined,
    run,
    write_records,
)
from tests.recording_proxy import RecordingProxy
from tests.sampling import sampled

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
NANO_PER_TOKEN = {"new": 150, "cached": 75, "output": 600}  # of the price in `hybrid_settings`

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Case:
    """Sample records of one workload, and a policy under which some of them stay and some go, for two reasons."""

    workload: str
    file: str
    policy: dict[str, object]
    where: str | None = None


CASES = [
    Case("sentiment", "sentiment.jsonl", {"min_confidence": 0.52, "complex_over_chars": 92}),
    Case("classification", "classification.csv", {"min_confidence": 0.33, "complex_over_chars": 95}),
    Case(
        "enrichment",
        "enrichment",
        {"min_confidence": 0.75, "complex_where": "id = 'p-006'"},
        where="id IN ('p-001', 'p-006', 'p-009', 'p-010')",  # short answers; one without text
    ),
]


@pytest.fixture
def proxy(api_server: ModelServer) -> Iterator[RecordingProxy]:
    """Stand between us and the API server; its log is shown where the test fails."""
    with RecordingProxy(HOST, api_server.port) as between:
        yield between
    print(api_server.log())  # noqa: T201  pytest shows it for a test that failed


def settings_of(
    folder: Path,
    proxy: RecordingProxy,
    workload: str,
    policy: dict[str, object],
    api_model: str = API_MODEL,
) -> Settings:
    """Make settings whose API is the server behind the proxy."""
    return hybrid_settings(
        folder,
        f"sqlite:///{folder / 'ledger.db'}",
        proxy.url,
        model=None,
        api_model=api_model,
        api_timeout_seconds=300.0,  # two engines share the machine's cores
        workloads={workload: {"policy": policy}},
    )


@pytest.mark.parametrize("case", sampled(CASES, {"sentiment", "enrichment"}, lambda case: case.workload))
def test_hard_records_are_served_by_the_other_server(
    engine: VllmEngine,
    proxy: RecordingProxy,
    case: Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Complex and unsure records are answered there, all others here; every token and cent is accounted for."""
    settings = settings_of(tmp_path, proxy, case.workload, case.policy)
    with shared_engine(settings, factory=lambda _settings: Counting(engine)):
        result = run_request(RunRequest(case.workload, DAY, str(SAMPLES / case.file), case.where), settings)
    assert (result.state, result.waiting) == ("completed", {})
    check_books(settings)
    check_seen(settings, proxy.seen)
    check_attempts(settings)
    check_usage(settings, proxy.seen)
    check_published(settings, case.workload, result)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", settings.database_url.get_secret_value())
    check_summary(settings, capsys)


def check_attempts(settings: Settings) -> None:
    """See that an unsure record has an attempt here and one there, a complex one only one there."""
    lines = table(settings, "ledger_lines")
    assert {line.reason for line in api_lines(settings)} == {"low_confidence", "complex"}
    assert {line.requested for line in api_lines(settings)} == {"vllm"}
    assert any(line.engine == "vllm" and line.outcome == "ok" for line in lines)
    for line in api_lines(settings):
        before = [one for one in lines if one.record_key == line.record_key and one.attempt < line.attempt]
        if line.reason == "complex":
            assert before == []
            continue
        assert [(one.engine, one.outcome, one.reason) for one in before] == [
            ("vllm", "escalated", "low_confidence")
        ]
        assert before[0].input_tokens > 0
        assert before[0].cost_nano > 0


def check_usage(settings: Settings, seen: list[Seen]) -> None:
    """See that the API's lines hold what the server reported, cached tokens too, at the price of each."""
    reported = {one.attempt: one.usage for one in seen}
    lines = api_lines(settings)
    assert len(lines) == len(reported)
    for line in lines:
        usage = reported[str(line.id)]
        assert usage is not None
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        counts = (line.input_tokens, line.cached_tokens, line.output_tokens)
        assert counts == (usage["prompt_tokens"], cached, usage["completion_tokens"])
        assert line.cost_nano == (
            NANO_PER_TOKEN["new"] * (usage["prompt_tokens"] - cached)
            + NANO_PER_TOKEN["cached"] * cached
            + NANO_PER_TOKEN["output"] * usage["completion_tokens"]
        )
        assert not line.estimated
    assert any(line.cached_tokens for line in lines)


def check_published(settings: Settings, workload: str, result: RunResult) -> None:
    """See that each published record names the engine and the model that answered it."""
    records = published(settings, workload)
    there = records.filter(records["engine"] == "openai")
    here = records.filter(records["engine"] == "vllm")
    assert set(there["model"]) == {API_MODEL}
    assert set(here["model"]) == {"SmolLM2-135M-Instruct"}
    assert (there.height, here.height) == (result.escalated, result.published - result.escalated)
    assert min(there.height, here.height) > 0
    assert "missing_text" in quarantined(settings, workload)["reason"].to_list()


def check_summary(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """See that `ledger summary --by route` shows how many records took each route, and what each cost."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        cli.main(["ledger", "summary", "--by", "route", "--format", "json"])
    assert not end.value.code
    rows = {row["route"]: row for row in json.loads(capsys.readouterr().out)}
    lines = table(settings, "ledger_lines")
    assert sum(row["attempts"] for row in rows.values()) == len(lines)
    for reason, count in Counter(line.reason for line in api_lines(settings)).items():
        own = [line for line in api_lines(settings) if line.reason == reason]
        row = rows[f"vllm>openai:{reason}"]
        assert (row["attempts"], row["records"]) == (count, count)
        assert row["output_tokens"] == sum(line.output_tokens for line in own)
        assert row["cost_usd"] == f"{sum(line.cost_nano for line in own) / 10**9:.9f}"
    assert float(rows["vllm"]["cost_usd"]) > 0
    assert float(rows["vllm:low_confidence"]["cost_usd"]) > 0


def test_what_is_too_long_there_is_set_aside(proxy: RecordingProxy, tmp_path: Path) -> None:
    """That server's 400 for a prompt beyond its context concerns one record; its neighbour is answered."""
    rows: list[object] = [{"id": "long", "text": "word " * 2500}, {"id": "short", "text": "Thank you!"}]
    source = write_records(tmp_path / "in.jsonl", rows)
    settings = settings_of(tmp_path, proxy, WORKLOAD, {"complex_over_chars": 1})
    result = run(settings, source, no_engine)
    assert (result.state, result.published, result.quarantined) == ("completed", 1, 1)
    assert quarantined(settings).select("record_key", "reason").rows() == [("long", "too_long")]
    assert Counter(one.status for one in proxy.seen) == {400: 1, 200: 1}
    (line,) = [line for line in api_lines(settings) if line.record_key == "long"]
    assert (line.outcome, line.failure, line.cost_nano) == ("failed", "http_400", 0)
    check_books(settings)
    check_seen(settings, proxy.seen)


def test_a_model_it_does_not_have_stops_the_run(proxy: RecordingProxy, tmp_path: Path) -> None:
    """One clear line that names the setting; the run is failed, and nothing was spent."""
    source = write_records(tmp_path / "in.jsonl", [{"id": "one", "text": "Thank you!"}])
    settings = settings_of(tmp_path, proxy, WORKLOAD, {"complex_over_chars": 1}, api_model="no-such-model")
    with pytest.raises(ApiAccessError, match="has no model 'no-such-model'") as caught:
        run(settings, source, no_engine)
    assert "\n" not in str(caught.value)
    assert "BREAKEVEN_API_MODEL" in str(caught.value)
    assert [row.state for row in table(settings, "runs")] == ["failed"]
    assert [line.cost_nano for line in api_lines(settings)] == [0]
    check_sums(settings)
    check_seen(settings, proxy.seen)
