"""Finished requests become ledger lines: exact shares, free reuse, no text."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.pricing import Price
from models.ids import new_id
from models.ledger.accounting import (
    Finished,
    LineKeys,
    LinePrices,
    closing_unserved,
    closings,
    ledger_lines,
)
from models.requests import Choice, ClosedAttempt, Completion, Message, Request, Usage
from models.tokens import ChatTokenCounter

PRICE = Price("openai", "gpt-4o-mini", date(2024, 7, 18), None, 150_000_000, 75_000_000, 600_000_000, "test")


class OneTokenACharacter(ChatTokenCounter):
    """Counts characters, so that the expected figures can be worked out by hand."""

    def __init__(self) -> None:
        pass

    def input_tokens(self, messages: tuple[Message, ...]) -> int:
        """Count the characters of all messages."""
        return sum(len(message.content) for message in messages)

    def output_tokens(self, text: str) -> int:
        """Count the characters of the answer."""
        return len(text)


def keys() -> LineKeys:
    """Make the keys of a run."""
    return LineKeys(new_id(), 1, 2, 3, 1_000_000_000, 4, PRICE)


def finished(text: str, engine_ns: int, *, reused: bool = False) -> Finished:
    """Make an answered request, by the engine or by reuse."""
    request = Request(new_id(), f"key-{text}", (Message("user", text),), Choice(("x",)), 4)
    usage = None if reused else Usage(10, 4, 2)
    reuses = new_id() if reused else None
    completion = Completion(request, text="x", usage=usage, engine_ns=engine_ns, reuses=reuses)
    return Finished(completion, datetime.now(UTC), "ok")


@given(
    st.lists(st.tuples(st.integers(0, 10**10), st.booleans()), min_size=1, max_size=20),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
)
def test_lines_share_the_lap_exactly(items: list[tuple[int, bool]], lap_ns: int, lap_nano: int) -> None:
    """GPU time and cost of the lines sum to the lap's (I10); a reuse has neither (I11)."""
    batch = [finished(str(i), ns, reused=reused) for i, (ns, reused) in enumerate(items)]
    lines = ledger_lines(batch, lap_ns, lap_nano, keys(), OneTokenACharacter())
    local = [line for line in lines if line.engine == "vllm"]
    if local:
        assert sum(line.gpu_ns or 0 for line in lines) == lap_ns
        assert sum(line.cost_nano or 0 for line in lines) == lap_nano
    for line in lines:
        if line.engine == "reuse":
            figures = (
                line.input_tokens,
                line.output_tokens,
                line.gpu_ns,
                line.cost_nano,
                line.counterfactual_nano,
            )
            assert figures == (0, 0, 0, 0, 0)
            assert line.reuses is not None


def test_usage_is_the_engines_and_counterfactual_the_apis() -> None:
    """Tokens are what the engine reported (I4); the counterfactual is priced on the API's own count."""
    (line,) = ledger_lines([finished("abcd", 7)], 70, 9, keys(), OneTokenACharacter())
    assert (line.input_tokens, line.cached_tokens, line.output_tokens) == (10, 4, 2)
    assert (line.counterfactual_input_tokens, line.counterfactual_output_tokens) == (4, 1)
    assert line.counterfactual_nano == 4 * 150 + 600
    assert (line.gpu_ns, line.cost_nano, line.infrastructure_id, line.price_id) == (70, 9, 3, None)
    assert not line.estimated


def test_reasoning_and_cache_writes_are_on_the_line() -> None:
    """A local line has what its server reports and None where there is nothing; an API's has the very numbers."""
    plain, thought = (
        Finished(replace(one.completion, usage=usage), one.at, "ok")
        for one, usage in ((finished("a", 1), Usage(9, 4, 7)), (finished("b", 1), Usage(9, 4, 7, 5, 3)))
    )
    lines = ledger_lines([plain, thought], 2, 2, keys(), OneTokenACharacter())
    assert [(line.reasoning_tokens, line.cache_write_tokens) for line in lines] == [(None, None), (5, 3)]
    price = replace(PRICE, cache_write_nano_per_mtok=187_500_000)
    closed = ClosedAttempt(new_id(), "ok", datetime.now(UTC), Usage(9, 4, 7, 5, 3))
    item = Finished(
        replace(thought.completion, attempt=closed), thought.at, "ok", prices=LinePrices(price, PRICE)
    )
    (served,) = closings([item], keys(), OneTokenACharacter())
    unserved = closing_unserved(closed, price, upper_bound=10**9)
    for closing in (served, unserved):
        assert (closing.reasoning_tokens, closing.cache_write_tokens) == (5, 3)
        assert closing.cost_nano == (2 * 150 + 4 * 75 + 3 * 187.5 + 7 * 600 + 0.5) // 1
    assert served.counterfactual_nano == 5 * 150 + 4 * 75 + 7 * 600


@pytest.mark.parametrize("outcome", ["ok", "invalid_output", "escalated", "triage"])
def test_without_a_reported_usage_tokens_are_estimated(outcome: Literal["ok", "escalated"]) -> None:
    """A server of one's own need not report it: the line says that it holds an estimate (I4), whatever became of the answer."""
    request = Request(new_id(), "k", (Message("user", "abcd"),), Choice(("x",)), 4)
    item = Finished(Completion(request, text="x", engine_ns=5), datetime.now(UTC), outcome)
    (line,) = ledger_lines([item], 70, 9, keys(), OneTokenACharacter())
    assert (line.input_tokens, line.cached_tokens, line.output_tokens, line.estimated) == (4, 0, 1, True)
    assert (line.gpu_ns, line.cost_nano) == (70, 9)
    served = outcome in {"ok", "invalid_output"}
    assert (line.counterfactual_input_tokens, bool(line.counterfactual_nano)) == (4 * served, served)


@pytest.mark.parametrize("reused", [False, True])
def test_a_line_holds_no_text(reused: bool) -> None:
    """Neither the record's text nor the answer appears in any field of a line (I7)."""
    request = Request(new_id(), "k", (Message("user", "SECRET-IN"),), Choice(("SECRET-OUT",)), 4)
    completion = Completion(
        request, text="SECRET-OUT", usage=Usage(1, 0, 1), reuses=new_id() if reused else None
    )
    item = Finished(completion, datetime.now(UTC), "ok")
    (line,) = ledger_lines([item], 1, 1, keys(), OneTokenACharacter())
    assert "SECRET" not in repr(line)
