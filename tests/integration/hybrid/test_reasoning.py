"""Runs, evaluations and batches against a server that behaves like a reasoning model: the ledger equals what it bills."""

from pathlib import Path
from typing import Any

from db.repricing import read_priced_usage
from db.summary import sum_usage
from models.economics.pricing import Price, batch_prices, cost_nano
from models.economics.published_prices import api_prices
from models.engines.api.usage import usage_of
from models.requests import Usage
from models.settings import Settings
from tasks.display.quarantine_text import quarantine_lines
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.faulty_api import FaultyApi, Rule
from tests.integration.evaluation.evaluating import labelled, run_evaluation, write_labelled
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    collect_until_done,
    engine,
    outcomes,
    start,
    texts_of,
    write_texts,
)
from tests.integration.hybrid.harness import Rows, api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, findings, ledger
from tests.integration.pipeline.harness import (
    WORKLOAD,
    published,
    quarantined,
    run,
)

MODEL = "gpt-6-luna"
(LUNA,) = api_prices(MODEL)
THINKS = Rule(("reasoning:40",), forever=True)
OWN_PRICE = dict.fromkeys(
    ("api_input_usd_per_mtok", "api_cached_input_usd_per_mtok", "api_output_usd_per_mtok")
)


def reasoning(**more: Any) -> dict[str, Any]:  # noqa: ANN401  fields of Settings
    """Return the settings of the default model at its own price, and more."""
    return {"api_model": MODEL, **OWN_PRICE, **more}


def billed(line: Any) -> Usage:  # noqa: ANN401  a row of the ledger
    """Return the tokens that a line holds."""
    return Usage(
        line.input_tokens,
        line.cached_tokens,
        line.output_tokens,
        line.reasoning_tokens,
        line.cache_write_tokens,
    )


def check_billed(lines: Rows, usages: dict[str, Usage | None], price: Price) -> None:
    """See that each line holds the tokens that the server billed for it, at the price, to the nano-dollar."""
    assert lines
    for line in lines:
        usage = usages[line.id.hex]
        if line.outcome == "failed":
            assert (usage, line.cost_nano, line.input_tokens) == (None, 0, 0)
            continue
        assert usage is not None
        assert (billed(line), line.estimated) == (usage, False)
        assert line.cost_nano == cost_nano(price, usage)


def usages_of(api: FaultyApi) -> dict[str, Usage | None]:
    """Return what the server billed for each attempt."""
    return {one.attempt.replace("-", ""): usage_of({"usage": one.usage}) for one in api.seen}


def send_all(settings: Settings, api: FaultyApi, count: int = 12) -> Rows:
    """Send records of which the local engine is unsure to the API; return the lines, which the server and every sum agree with."""
    result = run(settings, write_texts(settings.output_dir.parent, texts_of(count)), engine())
    assert result.state == "completed"
    lines = api_lines(settings)
    check_seen(settings, api.seen)
    check_billed(lines, usages_of(api), LUNA)
    check_books(settings)
    assert findings(settings) == []
    return lines


def test_with_the_least_effort_nothing_is_reasoned(tmp_path: Path, database_url: str) -> None:
    """The default: no request is refused, and what was written to the cache is charged at its own price."""
    with FaultyApi([THINKS]) as api:
        lines = send_all(hybrid_settings(tmp_path, database_url, api.url, **reasoning()), api)
    assert {line.outcome for line in lines} == {"ok"}
    assert {line.reasoning_tokens for line in lines} == {0}
    assert min(line.cache_write_tokens for line in lines) > 0
    for one in api.seen:
        assert one.body["reasoning_effort"] == "none"
        assert not {"temperature", "seed", "max_tokens"} & one.body.keys()


def test_reasoning_is_on_the_ledger(tmp_path: Path, database_url: str) -> None:
    """With an effort of the workload each answer bills 40 tokens more: on the lines, in the sums, and when repriced."""
    own = {WORKLOAD: {"reasoning_effort": "low", "policy": {"min_confidence": 0.5}}}
    with FaultyApi([THINKS]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **reasoning(workloads=own))
        lines = send_all(settings, api)
    assert {line.reasoning_tokens for line in lines} == {40}
    assert {one.body["reasoning_effort"] for one in api.seen} == {"low"}
    with ledger(settings) as session:
        (sums,) = sum_usage(session, ["engine"], engine="openai")
        ((usage,),) = read_priced_usage(session, (), engine="openai").values()
    assert sums["reasoning_tokens"] == usage.tokens.reasoning_tokens == 40 * len(lines)
    written = sum(line.cache_write_tokens for line in lines)
    assert sums["cache_write_tokens"] == usage.tokens.cache_write_tokens == written > 0
    assert usage.cost_nano == sum(line.cost_nano for line in lines)
    assert abs(usage.cost_nano - cost_nano(LUNA, usage.tokens)) <= len(lines)


def test_an_answer_that_reasoning_ate(tmp_path: Path, database_url: str) -> None:
    """It is set aside under its own reason, with its cost on the ledger, and one line says which setting to change."""
    rules = [Rule(("reasoning:4000",), "number 1", forever=True), THINKS]
    with FaultyApi(rules) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, **reasoning(api_reasoning_effort="low", api_reasoning_tokens=200)
        )
        result = run(settings, write_texts(tmp_path, texts_of(12)), engine())
        check_seen(settings, api.seen)
    eaten = [line for line in api_lines(settings) if line.failure == "reasoning_limit"]
    assert [line.record_key for line in sorted(eaten, key=lambda line: line.record_key)] == [
        "r1",
        "r10",
        "r11",
    ]
    check_billed(api_lines(settings), usages_of(api), LUNA)
    for line in eaten:
        assert (line.outcome, line.output_tokens) == ("invalid_output", line.reasoning_tokens)
        assert line.reasoning_tokens > 200
        assert line.counterfactual_nano == 0
        assert line.answer_hash is None
    assert (result.published, result.reasons) == (9, {"reasoning_limit": 3})
    assert not {"r1", "r10", "r11"} & set(published(settings)["id"])
    aside = quarantined(settings)
    assert set(aside["reason"]) == {"reasoning_limit"}
    for text in (*aside["rule"], *aside["detail"], *quarantine_lines([result])):
        assert "raise BREAKEVEN_API_REASONING_TOKENS, or lower BREAKEVEN_API_REASONING_EFFORT" in text
        assert "\n" not in text
    check_books(settings)
    assert findings(settings) == []


def test_a_model_that_nobody_knows_says_what_it_does_not_take(tmp_path: Path, database_url: str) -> None:
    """Each field is refused once, is left out from then on, and the refused attempts cost nothing."""
    price: dict[str, Any] = {
        "api_input_usd_per_mtok": "0.10",
        "api_cached_input_usd_per_mtok": "0.01",
        "api_cache_write_usd_per_mtok": "0.125",
        "api_output_usd_per_mtok": "0.50",
    }
    more: dict[str, Any] = {
        "api_model": "my-reasoner",
        "api_concurrency": 1,
        "api_reasoning_tokens": 100,
        **price,
    }
    with FaultyApi([THINKS]) as api:
        lines = send_all(hybrid_settings(tmp_path, database_url, api.url, **more), api)
    refused = [line.failure for line in lines if line.outcome == "failed"]
    assert refused == ["http_400", "http_400"]
    assert [one.status for one in api.seen] == [400, 400, *[200] * 12]
    assert {"max_completion_tokens", "seed"} <= api.seen[-1].body.keys()
    assert not {"max_tokens", "temperature"} & api.seen[-1].body.keys()
    assert {line.reasoning_tokens for line in lines if line.outcome == "ok"} == {40}


def test_an_evaluation_knows_what_reasoning_cost(tmp_path: Path, database_url: str) -> None:
    """The API's arm: its tokens and its cost are those that the server billed, reasoning and cache writes with them."""
    source = write_labelled(tmp_path, labelled(20))
    more = reasoning(workloads={}, api_reasoning_effort="low")
    with FaultyApi([THINKS]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **more)
        found = run_evaluation(settings, source)
        check_seen(settings, api.seen)
    arm = found.arm("api")
    assert arm is not None
    lines = api_lines(settings)
    check_billed(lines, usages_of(api), LUNA)
    assert arm.cost_nano == sum(line.cost_nano for line in lines)
    assert {line.reasoning_tokens for line in lines} == {40}
    check_sums(settings)
    assert findings(settings) == []


def test_batches_have_the_same_body(tmp_path: Path, database_url: str) -> None:
    """No line of a file is refused, and each is charged at the price of batches."""
    with BatchApi(Rules(idempotency=False)) as api:
        api.book.answers.reasoning = 40
        more = reasoning(api_reasoning_effort="low")
        settings = batch_settings(tmp_path, database_url, api.url, **more)
        start(settings, texts_of(15, 3))
        result = collect_until_done(settings, api)
    assert (result.state, result.escalated) == ("completed", 15)
    lines = batch_lines(settings)
    assert len(lines) == 15
    (price,) = batch_prices([LUNA], settings.batch_discount)
    check_billed(
        lines, {key: usage_of({"usage": usage}) for key, usage in api.book.answers.usages.items()}, price
    )
    assert outcomes(lines) == {"ok": 15}
    assert {line.reasoning_tokens for line in lines} == {40}
    check_books(settings)
    assert findings(settings) == []
