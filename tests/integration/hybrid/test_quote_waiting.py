"""What waits for the API is quoted at the API's price, until it is paid for."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from models.economics.quote import PartitionQuote
from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.planning.request import RunRequest
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.batch_harness import batch_settings, engine, texts_of, write_texts
from tests.integration.hybrid.harness import KEY, hybrid_settings
from tests.integration.hybrid.test_budget import capped
from tests.integration.pipeline.harness import CACHE, DAY, WORKLOAD, no_engine, run

INPUT, OUTPUT = 150, 600
"""Prices of the test's model, nano-dollars a token."""

MODEL: dict[str, Any] = {"model": None, "model_revision": "scripted", "cache_dir": CACHE}
"""The default model, whose tokenizer a quote needs, under a name of which no prior was measured."""


def quoted(settings: Settings, source: Path) -> PartitionQuote:
    """Quote the test's partition."""
    return quote_partition(RunRequest(WORKLOAD, DAY, str(source)), settings)


def test_what_a_budget_holds_back(tmp_path: Path, database_url: str) -> None:
    """The quote names the requests, tokens and dollars that the next run then takes, and none of the local engine's."""
    source = write_texts(tmp_path, texts_of(12, 5))
    with FaultyApi() as api:
        free = hybrid_settings(tmp_path, database_url, api.url, **MODEL)
        first = run(capped(free, run_usd=Decimal(0)), source, ScriptedEngine(handler=unsure("unsure")))
        assert first.waiting == {"budget": 12}
        quote = quoted(free, source)
        second = run(free, source, no_engine)
        after = quoted(free, source)
    assert (second.state, second.escalated) == ("completed", 12)
    assert (quote.records, quote.requests.value, quote.sent.requests.value) == (12, 0, 12)
    tokens = quote.sent.input_tokens.value
    assert tokens > 0
    assert quote.sent.nano == tokens * INPUT + quote.sent.output_tokens * OUTPUT
    assert (after.records, after.sent.requests.value, after.sent.nano) == (17, 0, 0)  # published: all anew


def test_what_a_live_batch_asks(tmp_path: Path, database_url: str) -> None:
    """Its requests are sent, and the ledger holds the most they can cost: nothing of them is in the quote."""
    source = write_texts(tmp_path, texts_of(12, 5))
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, **MODEL)
        assert run(settings, source, engine()).waiting == {"batch": 12}
        quote = quoted(settings, source)
    assert (quote.records, quote.sent.requests.value, quote.sent.nano) == (0, 0, 0)
