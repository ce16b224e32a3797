"""`breakeven backfill` where the API answers, as a user starts it: quoted and measured at the API's own requests, tokens and price."""

import os
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from models.economics.pricing import nano_to_usd
from models.engines.api.token_count import ApiTokenCounter
from models.settings import Settings
from models.tokens import ChatTokenCounter, load_encoding
from models.workloads.registry import build
from tests.faulty_api import FaultyApi
from tests.integration.backfill.commands import Commands
from tests.integration.backfill.harness import day, write_days
from tests.integration.hybrid.harness import KEY
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import CACHE, settings_for

INPUT, OUTPUT = 150, 600
ANSWER = 5  # tokens of {"label":"positive"}, and of the other two
"""Prices of the test's model, nano-dollars a token."""
LONG = "a long story " * 20


class User:
    """Somebody with an input of two days, of which every third record is a long one, and an API."""

    def __init__(self, folder: Path, commands: Commands, api: FaultyApi) -> None:
        self.folder, self._commands, self._api = folder, commands, api
        self.settings: Settings = settings_for(folder, f"sqlite:///{folder / 'breakeven.db'}")
        self.texts = [[f"{LONG if n % 3 == 0 else 'text'} {of} {n}" for n in range(6)] for of in range(2)]
        days: dict[date, list[dict[str, object]]] = {
            day(of): [
                {"id": f"{of}-{n}", "text": text, "created_at": str(day(of))} for n, text in enumerate(texts)
            ]
            for of, texts in enumerate(self.texts)
        }
        self.source = write_days(folder / "in.jsonl", days)
        (folder / "calls").touch()

    def backfill(self, *arguments: str, **more: str) -> tuple[str, str]:
        """Run the command over both days; return what it wrote on standard output and standard error."""
        ours = ("PREFECT_", "BREAKEVEN_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        env = kept | {
            "COLUMNS": "250",
            "BREAKEVEN_CACHE_DIR": str(CACHE),
            "BREAKEVEN_OUTPUT_DIR": str(self.settings.output_dir),
            "BREAKEVEN_API_MODE": "sync",
            "BREAKEVEN_API_BASE_URL": self._api.url,
            "BREAKEVEN_API_KEY": KEY,
            "BREAKEVEN_API_MODEL": "test-model",
            "BREAKEVEN_API_TOKENIZER": "gpt-4o-mini",
            "BREAKEVEN_API_INPUT_USD_PER_MTOK": "0.15",
            "BREAKEVEN_API_OUTPUT_USD_PER_MTOK": "0.60",
            "PREFECT_HOME": str(self.folder / "prefect"),
            **more,
        }
        span = ("--from", str(day(0)), "--to", str(day(1)), "--input", str(self.source))
        command = self._commands.start(
            ["backfill", "sentiment", *span, *arguments], env, self.folder, self.folder / "calls", 0.0
        )
        said, errors = command.wait()
        assert command.poll() == 0, errors
        return said, errors

    def tokens(self, texts: list[str]) -> int:
        """Count the input tokens of some texts as the API's tokenizer does, with the schema of a label."""
        counter = ApiTokenCounter(ChatTokenCounter(lambda: load_encoding("gpt-4o-mini", CACHE)))
        workload = build("sentiment", self.settings)
        shape = workload.output_format
        return sum(counter.input_tokens(workload.messages(text), shape) for text in texts)


@pytest.fixture
def api() -> Iterator[FaultyApi]:
    """Serve an API that answers everything."""
    with FaultyApi() as api:
        yield api


def dollars(nano: int) -> str:
    """Write an amount as the command does."""
    return format(nano_to_usd(nano), "f")


def test_all_on_the_api(tmp_path: Path, commands: Commands, api: FaultyApi) -> None:
    """Quote and end name the API's requests, tokens and cost at its price; what was spent is what the server reported."""
    user = User(tmp_path, commands, api)
    texts = [text for texts in user.texts for text in texts]
    tokens = user.tokens(texts)
    quoted = tokens * INPUT + len(texts) * ANSWER * OUTPUT
    said, errors = user.backfill("--engine", "openai", "--yes")
    total = next(line for line in said.splitlines() if "total" in line)
    assert f"{len(texts)}" in total
    assert f"{tokens:,}" in total
    assert f"quoted {dollars(quoted)} USD: GPU 0.000000000, API {dollars(quoted)} for 12 requests" in errors
    used = [one.usage for one in api.seen if one.usage is not None]
    given, made = (sum(one[name] for one in used) for name in ("prompt_tokens", "completion_tokens"))
    counts, cost = errors.strip().splitlines()[-2:]
    assert counts == (
        f"requests 12 (quoted 12), input tokens {given} (quoted {tokens}), output tokens {made} (quoted {12 * ANSWER})"
    )
    spent = sum(line.cost_nano for line in table(user.settings, "ledger_lines"))
    assert spent > 0
    assert cost == (
        f"cost {dollars(spent)} USD, quoted {dollars(quoted)};"
        f" of which API {dollars(spent)}, quoted {dollars(quoted)}"
    )


def test_in_batches_at_the_discount(tmp_path: Path, commands: Commands, api: FaultyApi) -> None:
    """In batch mode the quote is half of the price."""
    user = User(tmp_path, commands, api)
    texts = [text for texts in user.texts for text in texts]
    quoted = (user.tokens(texts) * INPUT + len(texts) * ANSWER * OUTPUT) // 2
    _, errors = user.backfill("--engine", "openai", "--quote", BREAKEVEN_API_MODE="batch")
    amount = re.search(r"quoted ([\d.]+) USD", errors)
    assert amount is not None, errors
    assert abs(Decimal(amount[1]) - nano_to_usd(quoted)) <= Decimal("1e-9")


def test_what_a_rule_sends(tmp_path: Path, commands: Commands, api: FaultyApi) -> None:
    """Long records go to the API by the policy: they are in the quote at its price, and in what was spent."""
    user = User(tmp_path, commands, api)
    policy = {"BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__COMPLEX_OVER_CHARS": "100"}
    long = [text for texts in user.texts for text in texts if text.startswith(LONG)]
    quoted = user.tokens(long) * INPUT + len(long) * ANSWER * OUTPUT
    _, errors = user.backfill("--yes", **policy)
    line = f"quoted unknown USD: GPU unknown, API at least {dollars(quoted)} for 4 requests; what the policy sends on"
    assert line in errors
    counts, cost = errors.strip().splitlines()[-2:]
    assert counts.startswith("requests 12 (quoted 12), ")
    spent = sum(line.cost_nano for line in table(user.settings, "ledger_lines") if line.engine == "openai")
    assert len(api.seen) == 4
    assert f"USD, quoted unknown; of which API {dollars(spent)}, quoted at least {dollars(quoted)}" in cost
