"""A usage that its request cannot have used: the bound counts, the report stands beside it, one warning, and no cap is used up."""

import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.batch_api import BatchApi
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import batch_settings, collect_until_done, start, texts_of
from tests.integration.hybrid.harness import api_lines, hybrid_settings
from tests.integration.hybrid.test_answer_bounds import warnings_of
from tests.integration.hybrid.test_budget import capped, source_of, spent
from tests.integration.pipeline.books import check_books, check_sums, findings, table
from tests.integration.pipeline.harness import run

WORDS = "more tokens than a request can have used"
HUGE: list[dict[str, Any]] = [
    {"prompt_tokens": 2**31 - 1},
    {"completion_tokens": 2**31 - 1},
    {"prompt_tokens": 10**30},
    {"completion_tokens": 19_000_000},
    {"prompt_tokens": 100_000},
    {"completion_tokens": 100_000, "completion_tokens_details": {"reasoning_tokens": 99_990}},
    {"prompt_tokens": 900_000, "prompt_tokens_details": {"cached_tokens": 899_990}},
]
HONEST: list[dict[str, Any]] = [
    {"completion_tokens": 30_000, "completion_tokens_details": {"reasoning_tokens": 29_990}},
    {"prompt_tokens": 9_000},
    {"prompt_tokens": 9_000, "prompt_tokens_details": {"cached_tokens": 8_000}},
]


@pytest.mark.parametrize("usage", HUGE)
def test_usage_beyond_the_bound_is_in_doubt(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture, usage: dict[str, Any]
) -> None:
    """Each line costs its bound, no more; the answers are published, the books are right, and the report is kept."""
    with FaultyApi([Rule(("adds:" + json.dumps({"usage": usage}),), forever=True)]) as api:
        free = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=4)
        settings = capped(free, run_usd=Decimal("0.05"))
        result = run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert (result.state, result.escalated) == ("completed", 60)
    assert len(warnings_of(caplog.records, WORDS)) == 1
    assert not warnings_of(caplog.records, "the limit of an answer")
    for line in api_lines(settings):
        assert (line.outcome, line.estimated, line.input_tokens, line.output_tokens) == (
            "ok",
            True,
            None,
            None,
        )
        assert 0 < line.cost_nano < 10**7
        reported = json.loads(line.doubted_usage)
        name = next(iter(usage))
        assert reported[name] == min(int(usage[name]), 10**20)
    assert spent(settings) == sum(line.cost_nano for line in api_lines(settings))
    check_sums(settings)
    assert findings(settings) == []


@pytest.mark.parametrize("usage", HONEST)
def test_an_honest_provider_is_believed(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture, usage: dict[str, Any]
) -> None:
    """Reasoning beyond the limit, and a prompt of the provider's own, are billed as reported."""
    with FaultyApi([Rule(("adds:" + json.dumps({"usage": usage}),), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert not warnings_of(caplog.records, WORDS)
    name = "input_tokens" if "prompt_tokens" in usage else "output_tokens"
    for line in api_lines(settings):
        assert (line.estimated, line.doubted_usage) == (False, None)
        assert getattr(line, name) == next(iter(usage.values()))
    check_sums(settings)


def test_usage_of_a_batch_is_in_doubt_as_well(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines of a batch keep the bounds that they were opened at."""
    with BatchApi() as api:
        api.book.answers.says = {"usage": {"completion_tokens": 2**31 - 1}}
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(6))
        bounds = {line.id: line.cost_nano for line in api_lines(settings)}
        with caplog.at_level(logging.WARNING):
            result = collect_until_done(settings, api)
    assert (result.state, result.published) == ("completed", 6)
    assert {line.id: line.cost_nano for line in api_lines(settings)} == bounds
    assert all(
        json.loads(line.doubted_usage)["completion_tokens"] == 2**31 - 1 for line in api_lines(settings)
    )
    assert len(warnings_of(caplog.records, WORDS)) == 1
    assert not [row for row in table(settings, "endpoints") if (row.bound_permille or 0) > 1000]
    check_books(settings)


def test_a_cost_that_cannot_be_is_kept_apart(tmp_path: Path, database_url: str) -> None:
    """What a provider says that an attempt cost stands in its column only where it can be."""
    with FaultyApi([Rule(('adds:{"usage":{"cost":99999.5}}',), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    for line in api_lines(settings):
        assert (line.provider_nano, json.loads(line.doubted_usage)) == (None, {"cost_usd": "99999.5"})
        assert not line.estimated
    check_sums(settings)


LIES: dict[str, dict[str, Any]] = {
    "negative": {"prompt_tokens": -1_000_000, "completion_tokens": -5},
    "a fraction": {"prompt_tokens": 10.5},
    "a whole float": {"completion_tokens": 1e300},
    "not a number": {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
    "digits": {"prompt_tokens": "9" * 10, "completion_tokens": "7" * 9},
    "true": {"prompt_tokens": True},
    "a huge whole number": {"completion_tokens": 10**400},
    "more cached than there is": {"prompt_tokens_details": {"cached_tokens": 10**7}},
    "negative cached": {"prompt_tokens_details": {"cached_tokens": -(10**7)}},
    "more written to the cache than there is": {"cache_creation_input_tokens": 19_000_000},
    "more reasoning than output": {"completion_tokens_details": {"reasoning_tokens": 19_000_000}},
    "negative reasoning": {"completion_tokens_details": {"reasoning_tokens": -19_000_000}},
    "a total beyond its parts": {"total_tokens": 19_000_000},
    "a negative total": {"total_tokens": -3},
}


OFTEN = {"negative", "a whole float", "more reasoning than output"}


@pytest.mark.parametrize(
    "lie", [pytest.param(lie, marks=() if lie in OFTEN else pytest.mark.long) for lie in LIES]
)
def test_a_lie_uses_up_no_cap(tmp_path: Path, database_url: str, lie: str) -> None:
    """Whatever counts a reply reports, each line costs its bound at most, all are answered, and the books are right."""
    with FaultyApi([Rule(("adds:" + json.dumps({"usage": LIES[lie]}),), forever=True)]) as api:
        free = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=4)
        settings = capped(free, run_usd=Decimal("0.05"))
        result = run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert (result.state, result.escalated) == ("completed", 60)
    assert all(0 < line.cost_nano < 10**7 for line in api_lines(settings))
    assert spent(settings) == sum(line.cost_nano for line in api_lines(settings))
    check_sums(settings)
    assert findings(settings) == []
