"""The local engine cannot start, or dies: the policy says whether the API takes over, or the run waits or stops."""

from pathlib import Path

import pytest

from models.engines.base import LocalEngine
from models.errors import EngineDied, EngineStartError, PromptTooLong
from models.requests import Request
from models.settings import Settings
from tasks.run import infer
from tests.fakes import Reply, ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.harness import api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import good_rows, published, run, write_records

COUNT = 80


def never_starts(_: Settings) -> LocalEngine:
    """Stand for an engine that cannot be loaded."""
    msg = "vLLM cannot load the model: no GPU"
    raise EngineStartError(msg)


class Patient:
    """Makes engines: the first does not start, the next few die after some answers."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths
        self.tried = False
        self.made: list[ScriptedEngine] = []

    def __call__(self, _: Settings) -> LocalEngine:
        """Make the next engine."""
        if not self.tried:
            self.tried = True
            never_starts(_)
        dies = 10 if len(self.made) < self.deaths else None
        self.made.append(ScriptedEngine(dies_after=dies))
        return self.made[-1]


def test_the_whole_partition_goes_to_the_api(tmp_path: Path, database_url: str) -> None:
    """An engine that does not start: the API answers every record, whatever `escalate` lists, and each line says why."""
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT))
    with FaultyApi() as api:
        policy: dict[str, object] = {"engine_fails": "api", "escalate": []}
        settings = hybrid_settings(tmp_path, database_url, api.url, policy)
        result = run(settings, source, never_starts)
    assert (result.published, result.escalated, len(api.seen)) == (COUNT, COUNT, COUNT)
    assert {(line.requested, line.reason) for line in api_lines(settings)} == {("vllm", "engine_failed")}
    check_books(settings)
    check_seen(settings, api.seen)


def test_the_rest_goes_to_the_api_when_the_engine_dies(tmp_path: Path, database_url: str) -> None:
    """What the engine had answered stays; nothing is asked for twice."""
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, {"engine_fails": "api"})
        result = run(settings, source, ScriptedEngine(dies_after=30))
    assert (result.published, result.escalated) == (COUNT, COUNT - 30)
    assert set(published(settings)["engine"]) == {"vllm", "openai"}
    check_books(settings)
    check_seen(settings, api.seen)


def test_an_engine_that_comes_back_is_waited_for(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded again, and answers what the dead ones had not; no record goes out."""
    monkeypatch.setattr(infer, "RETRY_SECONDS", (0.01, 0.05))
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT))
    engines = Patient(deaths=3)
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, {"engine_fails": "wait"})
        result = run(settings, source, engines)
        assert api.seen == []
    assert (result.published, len(engines.made)) == (COUNT, 4)
    assert sum(engine.answered for engine in engines.made) == COUNT
    check_books(settings)


def test_patience_with_an_engine_ends(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the run stops with the engine's one line."""
    monkeypatch.setattr(infer, "RETRY_SECONDS", (0.01, 0.05))
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT))
    with FaultyApi() as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, {"engine_fails": "wait"}, engine_patience_seconds=0.3
        )
        with pytest.raises(EngineStartError, match="no GPU"):
            run(settings, source, never_starts)
    assert [row.state for row in table(settings, "runs")] == ["failed"]


def test_by_default_the_run_stops(tmp_path: Path, database_url: str) -> None:
    """Nothing is sent to the API that nobody asked to be sent."""
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        with pytest.raises(EngineDied):
            run(settings, source, ScriptedEngine(dies_after=30))
        assert api.seen == []
    check_sums(settings)


def test_a_prompt_that_fills_the_model_sends_nothing_elsewhere(tmp_path: Path, database_url: str) -> None:
    """Labels or a prompt that alone exceed the local model stop the run at once: no record is paid for, whatever the policy escalates."""

    def too_long(_: Request) -> Reply:
        msg = "the prompt alone has 9,000 tokens"
        raise PromptTooLong(msg)

    long: list[object] = [{"id": f"long{number}", "text": "very long indeed " * 20} for number in range(5)]
    source = write_records(tmp_path / "in.jsonl", [*long, *good_rows(COUNT)])
    with FaultyApi() as api:
        policy: dict[str, object] = {"complex_over_chars": 100, "engine_fails": "api"}
        settings = hybrid_settings(tmp_path, database_url, api.url, policy)
        with pytest.raises(PromptTooLong, match="9,000 tokens"):
            run(settings, source, ScriptedEngine(handler=too_long))
        assert list(api.seen) == list(table(settings, "ledger_lines")) == []
        assert [row.state for row in table(settings, "runs")] == ["failed"]
        result = run(settings, source, ScriptedEngine())
    assert (result.published, result.escalated) == (COUNT + 5, 5)
    check_books(settings)
