"""What a provider says of how it served an attempt: its tier decides the price, its cost and its model stand on the line."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from models.economics.pricing import usd_to_nano
from models.settings import Settings
from tests.batch_api import BatchApi
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import batch_settings, collect_until_done, start, texts_of
from tests.integration.hybrid.harness import Rows, api_lines, hybrid_settings
from tests.integration.hybrid.test_answer_bounds import warnings_of
from tests.integration.hybrid.test_budget import source_of
from tests.integration.pipeline.books import check_books, check_sums, findings, table
from tests.integration.pipeline.harness import run

PUBLISHED: dict[str, Any] = {
    "api_model": "gpt-6-luna",
    "api_input_usd_per_mtok": None,
    "api_cached_input_usd_per_mtok": None,
    "api_output_usd_per_mtok": None,
}
"""gpt-6-luna at the price that genai-prices has of it: $0.10 in, $0.01 cached, $0.50 out; twice as much in `priority`."""


def says(**more: object) -> Rule:
    """Let every reply have these members."""
    return Rule((f"adds:{json.dumps(more)}",), forever=True)


def at(line: Any, asked: str, cached: str, given: str) -> int:  # noqa: ANN401  a row
    """Work out what a line costs at prices in dollars per million tokens, to the nano-dollar."""
    plain = line.input_tokens - line.cached_tokens
    usd = plain * Decimal(asked) + line.cached_tokens * Decimal(cached) + line.output_tokens * Decimal(given)
    return int((usd * 1000).to_integral_value())


def served(settings: Settings) -> Rows:
    """Return the lines that an answer closed."""
    return [line for line in api_lines(settings) if line.outcome == "ok"]


@pytest.mark.both_databases
def test_the_tier_that_served_an_attempt_decides_its_price(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The line stands on the tier's own price, and names it; what is priced at once stays the standard price."""
    with FaultyApi([says(service_tier="priority")]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **PUBLISHED)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    names = {row.id: f"{row.provider}/{row.model}" for row in table(settings, "prices")}
    lines = served(settings)
    assert len(lines) == 60
    for line in lines:
        assert (names[line.price_id], line.service_tier) == ("openai/gpt-6-luna:priority", "priority")
        assert names[line.counterfactual_price_id] == "openai/gpt-6-luna"
        assert line.cost_nano == at(line, "0.2", "0.02", "1") == 2 * line.counterfactual_nano
    assert warnings_of(caplog.records, "tier") == []
    check_books(settings)


def test_a_tier_without_a_price_is_charged_as_the_standard_one(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning says so, and the line names the tier all the same."""
    with FaultyApi([says(service_tier="scale")]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **PUBLISHED)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    for line in served(settings):
        assert (line.service_tier, line.cost_nano) == ("scale", at(line, "0.1", "0.01", "0.5"))
    (warning,) = warnings_of(caplog.records, "tier")
    assert "'scale'" in warning
    check_books(settings)


def test_a_cost_of_the_providers_own_is_kept_and_a_difference_is_said_once(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ours stays the line's cost; the check names the lines, and the warning what decides the price."""
    with FaultyApi([says(usage={"cost": 0.0123})]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **PUBLISHED)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    for line in served(settings):
        assert line.provider_nano == usd_to_nano(Decimal("0.0123"))
        assert line.cost_nano == at(line, "0.1", "0.01", "0.5")
    (warning,) = warnings_of(caplog.records, "says that an attempt cost $0.0123")
    assert "BREAKEVEN_API_PROVIDER" in warning
    (finding,) = findings(settings)
    assert (finding.check, finding.count) == ("served", 60)
    assert "another amount" in finding.what
    check_sums(settings)


def test_a_cost_that_differs_by_rounding_is_no_difference(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A provider that writes whole micro-dollars says nothing else than we do."""
    with FaultyApi([says(usage={"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.00015})]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **PUBLISHED)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert {line.provider_nano for line in served(settings)} == {150_000}
    assert warnings_of(caplog.records, "says that an attempt cost") == []
    check_books(settings)


def test_another_model_than_was_asked_is_said_once_and_kept(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The line names it; a snapshot of the model that was asked is no other one."""
    rules = [
        Rule(('adds:{"model":"some/other-model"}',) * 5, match="number 1"),
        says(model="gpt-6-luna-2026-08-01"),
    ]
    with FaultyApi(rules) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **PUBLISHED)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert [line.served_model for line in served(settings) if line.served_model] == ["some/other-model"] * 5
    (warning,) = warnings_of(caplog.records, "answered as some/other-model")
    assert "BREAKEVEN_API_MODEL" in warning
    (finding,) = findings(settings)
    assert (finding.check, finding.count) == ("served", 5)
    check_sums(settings)


@pytest.mark.both_databases
def test_what_is_said_in_a_batch_is_kept_as_well(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch has its own price, whatever tier it names; model and cost stand on the lines, and are said once."""
    with BatchApi() as api:
        api.book.answers.says = {"model": "x/other", "service_tier": "priority", "usage": {"cost": "0.5"}}
        settings = batch_settings(tmp_path, database_url, api.url, **PUBLISHED)
        start(settings, texts_of(6))
        assert collect_until_done(settings, api).state == "completed"
    names = {row.id: row.model for row in table(settings, "prices")}
    for line in served(settings):
        assert names[line.price_id] == "gpt-6-luna:batch"
        assert (line.served_model, line.service_tier, line.provider_nano) == (
            "x/other",
            "priority",
            5 * 10**8,
        )
        assert line.cost_nano == at(line, "0.05", "0.005", "0.25")
    for words in ("answered as x/other", "in the tier 'priority'", "says that an attempt cost $0.5"):
        assert len(warnings_of(caplog.records, words)) == 1
    assert [finding.check for finding in findings(settings)] == ["served", "served"]
    check_sums(settings)
