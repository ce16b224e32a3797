"""What the tests of local engine and API together share: settings, a local engine that is told how sure it is, checks."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from models.run import RunResult
from models.settings import Settings
from tasks.run.run_partition import collect_partition
from tests.faulty_api import Seen
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import DAY, WORKLOAD, settings_for

KEY = "sk-hybrid-0123456789-never-to-be-seen"
Rows = Sequence[Row[Any]]


def hybrid_settings(
    folder: Path,
    database_url: str,
    url: str,
    policy: dict[str, object] | None = None,
    **more: Any,  # noqa: ANN401  fields of Settings
) -> Settings:
    """Make settings whose API is the server at `url`; the model has a price of its own."""
    values: dict[str, object] = {
        "model": "tests/scripted",  # no prior was measured for it
        "api_mode": "sync",
        "api_base_url": url,
        "api_key": KEY,
        "api_model": "test-model",
        "api_tokenizer": "gpt-4o-mini",
        "api_input_usd_per_mtok": "0.15",
        "api_cached_input_usd_per_mtok": "0.075",
        "api_output_usd_per_mtok": "0.60",
        "api_timeout_seconds": 5.0,
        "api_concurrency": 8,
        "api_breaker_seconds": 0.2,
        "max_quarantined_share": 1.0,  # as many fail as a test wants: what a share of them means is shown elsewhere
        "workloads": {WORKLOAD: {"policy": {"min_confidence": 0.5} if policy is None else policy}},
    }
    return settings_for(folder, database_url, **(values | more))


def collect(settings: Settings) -> RunResult:
    """Take up what waits of the test's partition."""
    return collect_partition(WORKLOAD, DAY, settings=settings)


def api_lines(settings: Settings) -> Rows:
    """Return the lines of attempts on the API."""
    return [line for line in table(settings, "ledger_lines") if line.engine == "openai"]


def check_seen(settings: Settings, seen: Sequence[Seen]) -> None:
    """See that every request the server saw has exactly one line, and that the closed ones hold its usage."""
    lines = {str(line.id): line for line in api_lines(settings)}
    assert Counter(one.attempt for one in seen) == Counter({one.attempt: 1 for one in seen})
    for one in seen:
        line = lines[one.attempt]
        assert line.outcome != "pending"
        if line.outcome in {"ok", "invalid_output"} and not line.estimated:
            assert one.usage is not None
            assert line.input_tokens == one.usage["prompt_tokens"]
            assert line.output_tokens == one.usage["completion_tokens"]
        if one.usage is not None and line.outcome == "failed":
            raise AssertionError(line)


def routes(lines: Rows) -> Counter[str]:
    """Count lines as `ENGINE:OUTCOME:REASON`."""
    return Counter(":".join(str(part) for part in (line.engine, line.outcome, line.reason)) for line in lines)
