"""Records that go on to the API: who, why, what it costs, and what the ledger says of it."""

from pathlib import Path

from models.requests import Choice, Request
from tests.fakes import Reply, ScriptedEngine, plausible, prompt, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.harness import api_lines, check_seen, hybrid_settings, routes
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, published, quarantined, run, write_records


def test_an_unsure_answer_goes_on_with_both_attempts_and_both_costs(
    tmp_path: Path, database_url: str
) -> None:
    """The API's answer is published; the local attempt stays in the ledger with its cost and the reason."""
    source = write_records(tmp_path / "in.jsonl", good_rows(120))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, source, ScriptedEngine(handler=unsure("number 1")))
    escalated = {key for key in (f"r{number}" for number in range(120)) if key.startswith("r1")}
    assert (result.state, result.published, result.escalated) == ("completed", 120, len(escalated))
    lines = table(settings, "ledger_lines")
    assert routes(lines) == {
        "vllm:ok:None": 120 - len(escalated),
        "vllm:escalated:low_confidence": len(escalated),
        "openai:ok:low_confidence": len(escalated),
    }
    assert {line.attempt for line in api_lines(settings)} == {2}
    assert all(line.gpu_ns for line in lines if line.outcome == "escalated")
    served = published(settings)
    by_api = served.filter(served["engine"] == "openai")
    assert set(by_api["record_key"]) == escalated
    assert set(by_api["model"]) == {"test-model"}
    check_books(settings)
    check_seen(settings, api.seen)
    assert result.api_cost_nano == sum(line.cost_nano for line in api_lines(settings)) > 0


def test_each_reason_is_named_on_its_line(tmp_path: Path, database_url: str) -> None:
    """Too long, invalid, too unsure and complex records are served by the API, each for its own reason."""

    def answer(request: Request) -> Reply:
        text = prompt(request)
        if "LONG" in text:
            return Reply(rejection="too_long", detail="5000 tokens")
        if "NONSENSE" in text:
            return Reply("blue", None)
        return unsure("UNSURE")(request)

    texts = ["LONG", "NONSENSE", "UNSURE", "fine", "x" * 300, "VIP please"]
    rows: list[object] = [
        {"id": f"r{number}", "text": f"{text} {number}", "vip": "VIP" in text}
        for number, text in enumerate(texts * 5)
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    policy: dict[str, object] = {"min_confidence": 0.5, "complex_over_chars": 200, "complex_where": "vip"}
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, policy)
        result = run(settings, source, ScriptedEngine(handler=answer))
    assert (result.published, result.escalated) == (30, 25)
    assert routes(table(settings, "ledger_lines")) == {
        "vllm:ok:None": 5,
        "vllm:escalated:invalid_output": 5,
        "vllm:escalated:low_confidence": 5,
        "openai:ok:too_long": 5,
        "openai:ok:invalid_output": 5,
        "openai:ok:low_confidence": 5,
        "openai:ok:complex": 10,
    }
    check_books(settings)
    check_seen(settings, api.seen)


def test_triage_asks_the_small_model_first(tmp_path: Path, database_url: str) -> None:
    """A record that it calls complex goes to the API; any other is answered here, with both attempts in the ledger."""

    def answer(request: Request) -> Reply:
        if isinstance(request.output, Choice) and "complex" in request.output.labels:
            label = "complex" if "HARD" in prompt(request) else "simple"
            return Reply(label, label, confidence=0.9)
        return plausible(request)

    rows: list[object] = [
        {"id": f"r{number}", "text": f"{'HARD' if number % 4 == 0 else 'easy'} {number}"}
        for number in range(200)
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, {"triage": True})
        result = run(settings, source, ScriptedEngine(handler=answer))
    assert (result.published, result.escalated) == (200, 50)
    assert routes(table(settings, "ledger_lines")) == {
        "vllm:triage:None": 150,
        "vllm:triage:complex": 50,
        "vllm:ok:None": 150,
        "openai:ok:complex": 50,
    }
    assert {line.attempt for line in table(settings, "ledger_lines") if line.outcome == "ok"} == {2}
    check_books(settings)
    check_seen(settings, api.seen)


def test_identical_records_are_asked_for_once_there_as_well(tmp_path: Path, database_url: str) -> None:
    """The API answers a text once; its twins reuse that answer, and cost nothing (I11)."""
    rows: list[object] = [{"id": f"r{number}", "text": f"unsure {number % 5}"} for number in range(60)]
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, source, ScriptedEngine(handler=unsure("unsure")))
    assert (result.published, len(api.seen)) == (60, 5)
    assert len(api_lines(settings)) == 5
    check_books(settings)
    check_seen(settings, api.seen)


def test_what_the_api_cannot_answer_is_set_aside(tmp_path: Path, database_url: str) -> None:
    """Refused, too long and invalid answers of the API: quarantined with the reason, nothing is lost or double."""
    texts = ["REFUSE", "TOOLONG", "NONSENSE", "FILTERED", "fine"]
    rows: list[object] = [{"id": f"r{n}", "text": f"{text} {n}"} for n, text in enumerate(texts * 4)]
    rules = [
        Rule(("content_filter",), match="REFUSE", forever=True),
        Rule(("too_long",), match="TOOLONG", forever=True),
        Rule(("nonsense",), match="NONSENSE", forever=True),
        Rule(("filtered",), match="FILTERED", forever=True),
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi(rules) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, source, ScriptedEngine(handler=unsure(*texts)))
    assert (result.published, result.quarantined) == (4, 16)
    reasons = quarantined(settings)["reason"].value_counts().rows()
    assert dict(reasons) == {"refused": 8, "too_long": 4, "invalid_output": 4}
    check_books(settings)
    check_seen(settings, api.seen)


def test_a_reuse_names_the_attempt_that_was_answered(tmp_path: Path, database_url: str) -> None:
    """Where the first try failed, the twins reuse the second one's answer, and their lines say so (I11)."""
    rows: list[object] = [{"id": f"r{number}", "text": f"unsure {number % 4}"} for number in range(40)]
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi([Rule(("500",), match=f"unsure {number}") for number in range(4)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, source, ScriptedEngine(handler=unsure("unsure")))
    assert (result.published, len(api.seen)) == (40, 8)
    lines = {line.id: line for line in table(settings, "ledger_lines")}
    reused = [
        lines[line.reuses] for line in lines.values() if line.engine == "reuse" and line.outcome == "ok"
    ]
    assert {line.outcome for line in reused} == {"ok"}
    check_books(settings)
    check_seen(settings, api.seen)
