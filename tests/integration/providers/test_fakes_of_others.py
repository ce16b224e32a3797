"""Whole runs, at once, against two servers that others wrote: `llmock`, which judges its client, and `fakellm`."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import yaml

from models.run import RunResult
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tests.integration.batch_api.test_batch_llmock import free_port, process
from tests.integration.hybrid.batch_harness import check_prices, outcomes, write_texts
from tests.integration.hybrid.harness import api_lines, hybrid_settings
from tests.integration.hybrid.test_batch_llmock import llmock
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import DAY, WORKLOAD, published, quarantined
from tests.ledgers import new_sqlite

WITHOUT_A_VOCABULARY = "import sys; sys.modules['tiktoken'] = None; from fakellm.cli import main; main()"
"""fakellm then counts a token for four characters, instead of looking for a vocabulary on the network."""


def run_all_on_the_api(settings: Settings, texts: list[str]) -> RunResult:
    """Send each text to the API, as `--engine openai` does."""
    source = write_texts(settings.output_dir.parent, texts)
    return run_request(RunRequest(WORKLOAD, DAY, str(source), engine="openai"), settings)


def settings_at(folder: Path, port: int) -> Settings:
    """Make the settings of a run against a server on this machine."""
    return hybrid_settings(
        folder, new_sqlite(folder / "ledger.db"), f"http://127.0.0.1:{port}/v1", api_concurrency=4
    )


def test_llmock_finds_no_fault_with_its_client(tmp_path: Path) -> None:
    """Rate limits, failures and a text that is too long: all others published, and its report has no finding.

    It looks for a Retry-After that was not waited for, a refusal that was asked for again, and more than ten
    attempts for one request.
    """
    port = free_port()
    failures = [
        {"type": "fail", "status": 429, "retry_after": 0.4, "times": 3},
        {"type": "fail", "status": 503, "times": 2},
        {"type": "fail", "status": 500, "retry_after": 0.2},
    ]
    texts = [*(f"text number {number}" for number in range(29)), "far too long " * 400]
    with llmock(port, "--context-window", "1000"):
        root = f"http://127.0.0.1:{port}/_llmock"
        httpx2.post(f"{root}/scenario", json={"behaviors": failures}).raise_for_status()
        settings = settings_at(tmp_path, port)
        result = run_all_on_the_api(settings, texts)
        verdict = httpx2.get(f"{root}/verdict").json()
    assert (result.state, result.published, result.quarantined) == ("completed", 29, 1)
    assert verdict["findings"] == []
    assert verdict["calls"] == 30
    assert outcomes(api_lines(settings)) == {
        "ok": 29,
        "failed:http_400": 1,
        "failed:http_429": 3,
        "failed:http_500": 1,
        "failed:http_503": 2,
    }
    assert verdict["attempts"] == 36
    check_prices(settings)
    check_books(settings)


RULES = [
    {
        "name": "limited",
        "when": {"turn_in": [1, 2]},
        "respond": {"status": 429, "error": "Rate limit exceeded"},
    },
    {"name": "down", "when": {"turn_in": [3, 6]}, "respond": {"status": 503, "error": "overloaded"}},
    {
        "name": "flagged",
        "when": {"messages_contain": "always refused"},
        "respond": {"status": 400, "error": "flagged"},
    },
    {
        "name": "fenced",
        "when": {"messages_contain": "in a fence"},
        "respond": {"content": '```json\n{"label": "positive"}\n```'},
    },
    {
        "name": "prose",
        "when": {"messages_contain": "nonsense"},
        "respond": {"content": "I would rather talk about the weather."},
    },
    {"name": "plain", "respond": {"content": '{"label": "negative"}'}},
]
"""Turns count over all requests: fakellm tells conversations apart by the first user message, an example here."""


@contextmanager
def fakellm(port: int, folder: Path) -> Iterator[None]:
    """Run fakellm on a port, by `RULES`."""
    config = folder / "fakellm.yaml"
    config.write_text(yaml.safe_dump({"version": 1, "rules": RULES}))
    serve = ["serve", "--port", str(port), "--config", str(config)]
    with process("-c", WITHOUT_A_VOCABULARY, *serve) as child:
        for _ in range(600):
            try:
                httpx2.get(f"http://127.0.0.1:{port}/_fakellm/stats").raise_for_status()
                break
            except httpx2.TransportError:
                assert child.poll() is None
                time.sleep(0.05)
        yield


def test_a_run_against_fakellm_is_what_its_rules_say(tmp_path: Path) -> None:
    """Each request that it counted by its rules has one line in the ledger, with the tokens that it reported."""
    texts = [f"text number {number}" for number in range(12)]
    texts += ["in a fence 1", "in a fence 2", "always refused", "nonsense"]
    port = free_port()
    with fakellm(port, tmp_path):
        settings = settings_at(tmp_path, port)
        result = run_all_on_the_api(settings, texts)
        stats = httpx2.get(f"http://127.0.0.1:{port}/_fakellm/stats").json()
    assert (result.state, result.published, result.quarantined) == ("completed", 14, 2)
    assert stats["by_rule"] == {"plain": 12, "limited": 2, "down": 4, "fenced": 2, "flagged": 1, "prose": 1}
    lines = api_lines(settings)
    assert len(lines) == stats["total_requests"]
    assert outcomes(lines) == {
        "ok": 14,
        "invalid_output": 1,
        "failed:http_400": 1,
        "failed:http_429": 2,
        "failed:http_503": 4,
    }
    answered = [line for line in lines if line.outcome in {"ok", "invalid_output"}]
    assert not [line for line in answered if line.estimated]
    assert Counter(line.output_tokens for line in answered) == {5: 12, 8: 2, 9: 1}
    assert Counter(published(settings)["label"].to_list()) == {"negative": 12, "positive": 2}
    assert sorted(quarantined(settings)["reason"]) == ["invalid_output", "refused"]
    check_prices(settings)
    check_books(settings)
