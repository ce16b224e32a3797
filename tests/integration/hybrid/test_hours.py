"""A seller whose price differs by the hour: each attempt is charged at that of its own, in whole runs."""

import time as clock
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.types import ConditionalPrice, ModelPrice, TimeOfDateConstraint
from sqlalchemy import update

from db.tables import PriceRow
from models.catalogue.published_prices import read_published
from models.economics.pricing import HourPrice
from tests.batch_api import BatchApi
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.batch_harness import batch_settings, collect_until_done, start, texts_of
from tests.integration.hybrid.harness import api_lines, collect, hybrid_settings
from tests.integration.hybrid.test_budget import capped, source_of, waiting_counts
from tests.integration.hybrid.test_served import PUBLISHED, at, served
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import run

MODEL: dict[str, Any] = PUBLISHED | {"api_model": "deepseek-chat", "api_provider": "deepseek"}
HIGH, LOW = ("0.4", "0.1", "1.6"), ("0.2", "0.05", "0.8")


def _prices(amounts: tuple[str, str, str]) -> ModelPrice:
    asked, cached, given = map(Decimal, amounts)
    return ModelPrice(input_mtok=asked, cache_read_mtok=cached, output_mtok=given)


@pytest.fixture(params=[True, False], ids=["cheap now", "dear now"])
def cheap_now(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Let the seller ask the lower price in the two hours around now, or in the two hours after these."""
    cheap = bool(request.param)
    now = datetime.now(UTC) + (timedelta(0) if cheap else timedelta(hours=2))
    first, last = ((now + timedelta(hours=by)).time().replace(microsecond=0, tzinfo=UTC) for by in (-1, 1))
    seller = next(one for one in read_published().snapshot.providers if one.id == "deepseek")
    model = next(one for one in seller.models if one.id == "deepseek-chat")
    hours = ConditionalPrice(TimeOfDateConstraint(first, last), prices=_prices(LOW))
    monkeypatch.setattr(model, "prices", [ConditionalPrice(prices=_prices(HIGH)), hours])
    return cheap


@pytest.mark.both_databases
def test_an_attempt_costs_what_its_hour_does(tmp_path: Path, database_url: str, cheap_now: bool) -> None:
    """To the nano-dollar, as does the counterfactual of a record that the local engine answers."""
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, **MODEL)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("number 1")))
    amounts = LOW if cheap_now else HIGH
    lines = served(settings)
    assert lines
    for line in lines:
        assert line.cost_nano == line.counterfactual_nano == at(line, *amounts)
    for line in table(settings, "ledger_lines"):
        if line.engine == "vllm" and line.outcome == "ok":
            cached = line.counterfactual_cached_tokens or 0
            plain = line.counterfactual_input_tokens - cached
            parts = zip((plain, cached, line.counterfactual_output_tokens), amounts, strict=True)
            usd = sum(count * Decimal(price) for count, price in parts)
            assert line.counterfactual_nano == int((usd * 1000).to_integral_value())
    check_books(settings)


def test_caps_count_the_highest_price_of_the_day(
    tmp_path: Path,
    database_url: str,
    cheap_now: bool,
) -> None:
    """A bound admits as many requests in a cheap hour as in a dear one."""
    with FaultyApi(latency=0.1) as api:
        free = hybrid_settings(tmp_path, database_url, api.url, **MODEL, api_concurrency=60)
        settings = capped(free, run_usd=Decimal("0.0005"))
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    del cheap_now
    assert 0 < waiting_counts(settings)["budget"] < 60
    assert {row.input_nano_per_mtok for row in table(settings, "prices") if ":" not in row.model} == {
        400_000_000
    }


def test_an_attempt_in_a_batch_costs_what_the_hour_of_its_line_does(
    tmp_path: Path, database_url: str
) -> None:
    """Not what the hour asks in which its answer is collected."""
    with BatchApi() as api:
        settings = batch_settings(tmp_path, database_url, api.url, **MODEL)
        start(settings, texts_of(6))
        opened = [line.at for line in api_lines(settings)]
        first, last = (3600 * at_.hour + 60 * at_.minute + at_.second for at_ in (min(opened), max(opened)))
        cheap = HourPrice(first, (last + 1) % 86_400, 10**9, None, 2 * 10**9, None)
        with ledger(settings) as session:
            session.execute(update(PriceRow).where(PriceRow.model.like("%:batch")).values(hours=(cheap,)))
            session.commit()
        clock.sleep(1.1)
        collect(settings)
        assert collect_until_done(settings, api).state == "completed"
    for line in served(settings):
        assert line.cost_nano == at(line, "1", "1", "2")
