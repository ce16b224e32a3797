"""Each recipe of docs/providers.md, run whole against a server that answers in that provider's manner."""

import re
import shlex
import socket
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from models.economics.pricing import Price, batch_prices, price_on, prices_of, request_cost_nano
from models.economics.published_prices import api_prices
from models.requests import Usage
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import collect_partition, run_request
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import batch_lines, write_texts
from tests.integration.hybrid.harness import api_lines
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import CACHE, DAY, WORKLOAD
from tests.integration.providers.manners import MANNERS
from tests.integration.providers.server import Manner, ProviderServer
from tests.ledgers import new_sqlite

PAGE = Path(__file__).resolve().parents[3] / "docs" / "providers.md"
RECORDS = 4


def recipes() -> dict[str, dict[str, str]]:
    """Return the settings of each recipe of the page, by its heading."""
    blocks = re.findall(r"^## ([^\n]+)\n\n```sh\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return {name: dict(word.split("=", 1) for word in shlex.split(block)) for name, block in blocks}


def led_here(monkeypatch: pytest.MonkeyPatch, url: str, port: int) -> str:
    """Let the host of an address be this machine, as a line of /etc/hosts would; return the address to ask."""
    parts = urlsplit(url)
    look_up = socket.getaddrinfo

    assert parts.hostname is not None
    theirs = parts.hostname.lower()

    def look_up_here(host: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401  as the standard library's
        name = host.decode() if isinstance(host, bytes) else host
        return look_up("127.0.0.1" if name == theirs else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    monkeypatch.setenv("NO_PROXY", "*")
    return urlunsplit(("http", f"{parts.hostname}:{port}", parts.path, parts.query, ""))


def settings_of(
    name: str, folder: Path, port: int, monkeypatch: pytest.MonkeyPatch, mode: str = "sync"
) -> Settings:
    """Take a recipe from the environment, with its address led to a port of this machine; one request at a time."""
    recipe = recipes()[name]
    recipe["BREAKEVEN_API_BASE_URL"] = led_here(
        monkeypatch, recipe.get("BREAKEVEN_API_BASE_URL", "https://api.openai.com/v1"), port
    )
    for variable, value in recipe.items():
        monkeypatch.setenv(variable, value)
    own: dict[str, Any] = {
        "api_mode": mode,
        "api_concurrency": 1,
        "api_tokenizer": "gpt-4o-mini",
        "database_url": new_sqlite(folder / "ledger.db"),
        "output_dir": folder / "out",
        "cache_dir": CACHE,
        "gpu_usd_per_hour": "1.006",
    }
    return Settings(**own)


def usage_of_line(line: Any) -> Usage:  # noqa: ANN401  a row of the ledger
    """Return the tokens that a line holds."""
    return Usage(
        line.input_tokens,
        line.cached_tokens,
        line.output_tokens,
        line.reasoning_tokens,
        line.cache_write_tokens,
    )


def price_of(manner: Manner, settings: Settings) -> Price:
    """Return the price of today: the provider's, else that of the recipe."""
    prices = api_prices(settings.api_model, manner.provider) if manner.provider else prices_of(settings)
    return price_on(prices, datetime.now(UTC).date())


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.recipe)
def test_recipe(
    manner: Manner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All records are published; the ledger equals what the provider bills; what is learnt is said once."""
    source = write_texts(tmp_path, [f"text number {number}" for number in range(RECORDS)])
    with ProviderServer(manner, recipes()[manner.recipe]) as server:
        settings = settings_of(manner.recipe, tmp_path, server.port, monkeypatch)
        result = run_request(RunRequest(WORKLOAD, DAY, str(source), engine="openai"), settings)
    assert (result.state, result.published, result.quarantined) == ("completed", RECORDS, 0)
    assert [one.status for one in server.seen].count(200) >= RECORDS
    assert len(server.seen) == RECORDS + manner.refused
    said_of_input = "tasks.planning.undated"  # the records have no dates
    warnings = [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and record.name != said_of_input
    ]
    assert len(warnings) == len(manner.learnt), warnings
    for said, word in zip(warnings, manner.learnt, strict=True):
        assert word in said
    price = price_of(manner, settings)
    lines = {str(line.id): line for line in api_lines(settings)}
    assert lines.keys() == {one.attempt for one in server.seen}
    answered = [line for line in lines.values() if line.outcome == "ok"]
    assert len(answered) == RECORDS
    for line in answered:
        billed = server.billed[str(line.id)]
        assert not line.estimated
        assert usage_of_line(line) == billed
        assert line.cost_nano == request_cost_nano(price, billed)
        says_cost = manner.cost_header or manner.recipe == "OpenRouter"
        assert line.provider_nano == (line.cost_nano if says_cost else None)
    unanswered = [line for line in lines.values() if line.outcome != "ok"]
    assert [line.cost_nano > 0 for line in unanswered].count(True) == manner.unknown
    assert [line.outcome for line in unanswered].count("unknown_outcome") == manner.unknown
    check_books(settings)


@pytest.mark.parametrize(
    ("name", "root", "provider"), [("OpenAI", "/v1", "openai"), ("Groq", "/openai/v1", "groq")]
)
def test_recipe_in_batches(
    name: str, root: str, provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipes that name batches: one batch, at half the provider's price."""
    source = write_texts(tmp_path, [f"text number {number}" for number in range(RECORDS)])
    with BatchApi(Rules(auto=True), key=recipes()[name]["BREAKEVEN_API_KEY"], root=root) as api:
        settings = settings_of(name, tmp_path, api.port, monkeypatch, "batch")
        result = run_request(RunRequest(WORKLOAD, DAY, str(source), engine="openai"), settings)
        for _ in range(8):
            if result.state != "waiting":
                break
            result = collect_partition(WORKLOAD, DAY, settings=settings)
    assert (result.state, result.published) == ("completed", RECORDS)
    assert len(api.book.batches) == 1
    at_once = price_on(api_prices(settings.api_model, provider), datetime.now(UTC).date())
    (price,) = batch_prices([at_once], Decimal("0.5"))
    lines = batch_lines(settings)
    assert len(lines) == RECORDS
    for line in lines:
        assert line.cost_nano == request_cost_nano(price, usage_of_line(line))
    check_books(settings)


def test_every_recipe_of_the_page_has_a_manner() -> None:
    """And every manner a recipe: twelve of them."""
    assert [manner.recipe for manner in MANNERS] == list(recipes())
