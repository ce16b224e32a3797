"""Finished requests become ledger lines: exact shares, free reuse, no text."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.calibration import TokenCalibration, TokenEstimate
from models.economics.pricing import Price, cost_nano
from models.engines.api.token_count import ApiTokenCounter
from models.ids import new_id
from models.ledger.accounting import Finished, LineKeys, LinePrices, ledger_lines
from models.ledger.api_accounting import closing_unserved, closings
from models.ledger.counterfactual import CounterfactualTokens
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

    def constant_tokens(self, messages: tuple[Message, ...]) -> int:
        """Count the characters of all messages but the last."""
        return sum(len(message.content) for message in messages[:-1])

    def output_tokens(self, text: str) -> int:
        """Count the characters of a text."""
        return len(text)


SCHEMA = len(
    '{"type":"object","properties":{"label":{"type":"string","enum":["x"]}},"required":["label"],"additionalProperties":false}'
)
ANSWER = len('{"label":"x"}')


def counter(calibration: TokenCalibration | None = None, price: Price | None = None) -> CounterfactualTokens:
    """Make what estimates the counterfactual, by characters."""
    return CounterfactualTokens(ApiTokenCounter(OneTokenACharacter()), calibration, price)


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
    lines = ledger_lines(batch, lap_ns, lap_nano, keys(), counter())
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
    (line,) = ledger_lines([finished("abcd", 7)], 70, 9, keys(), counter())
    assert (line.input_tokens, line.cached_tokens, line.output_tokens) == (10, 4, 2)
    assert (line.counterfactual_input_tokens, line.counterfactual_output_tokens) == (4 + SCHEMA, ANSWER)
    assert line.counterfactual_nano == (4 + SCHEMA) * 150 + ANSWER * 600
    assert (line.gpu_ns, line.cost_nano, line.infrastructure_id, line.price_id) == (70, 9, 3, None)
    assert not line.estimated


def test_reasoning_and_cache_writes_are_on_the_line() -> None:
    """A local line has what its server reports and None where there is nothing; an API's has the very numbers."""
    plain, thought = (
        Finished(replace(one.completion, usage=usage), one.at, "ok")
        for one, usage in ((finished("a", 1), Usage(9, 4, 7)), (finished("b", 1), Usage(9, 4, 7, 5, 3)))
    )
    lines = ledger_lines([plain, thought], 2, 2, keys(), counter())
    assert [(line.reasoning_tokens, line.cache_write_tokens) for line in lines] == [(None, None), (5, 3)]
    price = replace(PRICE, cache_write_nano_per_mtok=187_500_000)
    closed = ClosedAttempt(new_id(), "ok", datetime.now(UTC), Usage(9, 4, 7, 5, 3))
    item = Finished(
        replace(thought.completion, attempt=closed), thought.at, "ok", prices=LinePrices(price, PRICE)
    )
    (served,) = closings([item], keys(), counter())
    unserved = closing_unserved(closed, LinePrices(price, PRICE), upper_bound=10**9)
    for closing in (served, unserved):
        assert (closing.reasoning_tokens, closing.cache_write_tokens) == (5, 3)
        assert closing.cost_nano == (2 * 150 + 4 * 75 + 3 * 187.5 + 7 * 600 + 0.5) // 1
    assert served.counterfactual_nano == 5 * 150 + 4 * 75 + 7 * 600


@pytest.mark.parametrize("outcome", ["ok", "invalid_output", "escalated", "triage"])
def test_without_a_reported_usage_tokens_are_estimated(outcome: Literal["ok", "escalated"]) -> None:
    """A server of one's own need not report it: the line says that it holds an estimate (I4), whatever became of the answer."""
    request = Request(new_id(), "k", (Message("user", "abcd"),), Choice(("x",)), 4)
    item = Finished(Completion(request, text="x", engine_ns=5), datetime.now(UTC), outcome)
    (line,) = ledger_lines([item], 70, 9, keys(), counter())
    assert (line.input_tokens, line.cached_tokens, line.output_tokens, line.estimated) == (4, 0, 1, True)
    assert (line.gpu_ns, line.cost_nano) == (70, 9)
    served = outcome == "ok"
    assert (line.counterfactual_input_tokens, bool(line.counterfactual_nano)) == (
        (4 + SCHEMA) * served,
        served,
    )


@pytest.mark.parametrize("reused", [False, True])
def test_a_line_holds_no_text(reused: bool) -> None:
    """Neither the record's text nor the answer appears in any field of a line (I7)."""
    request = Request(new_id(), "k", (Message("user", "SECRET-IN"),), Choice(("SECRET-OUT",)), 4)
    completion = Completion(
        request, text="SECRET-OUT", usage=Usage(1, 0, 1), reuses=new_id() if reused else None
    )
    item = Finished(completion, datetime.now(UTC), "ok")
    (line,) = ledger_lines([item], 1, 1, keys(), counter())
    assert "SECRET" not in repr(line)


def calibration(lines: int = 40, **sums: int) -> TokenCalibration:
    """Make what the API reported of attempts with 100 tokens in and 10 out each, as was estimated."""
    usual = {
        "estimated_input_tokens": 100 * lines,
        "estimated_output_tokens": 10 * lines,
        "input_tokens": 100 * lines,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "output_tokens": 10 * lines,
        "reasoning_tokens": 0,
    }
    return TokenCalibration(
        "w",
        "gpt-4o-mini",
        "characters",
        lines,
        since=date(2026, 11, 1),
        until=date(2026, 11, 29),
        **(usual | sums),
    )


def test_a_calibration_corrects_the_counterfactual() -> None:
    """Ratios scale the estimate, shares of the cache are taken over, and reasoning comes on top; the cost follows."""
    known = calibration(
        input_tokens=5_000,
        cached_tokens=2_500,
        cache_write_tokens=500,
        output_tokens=1_000,
        reasoning_tokens=200,
    )
    price = replace(PRICE, cache_write_nano_per_mtok=187_500_000)
    own = replace(keys(), counterfactual_price=price)
    (line,) = ledger_lines([finished("abcd", 7)], 70, 9, own, counter(known))
    given_ = (2 * (4 + SCHEMA) * 5 + 4) // 8
    assert line.counterfactual_input_tokens == given_
    assert line.counterfactual_cached_tokens == (given_ + 1) // 2
    assert line.counterfactual_cache_write_tokens == (given_ + 5) // 10
    assert line.counterfactual_output_tokens == 2 * ANSWER + 5
    usage = Usage(given_, (given_ + 1) // 2, 2 * ANSWER + 5, 5, (given_ + 5) // 10)
    assert line.counterfactual_nano == cost_nano(price, usage)


def test_without_a_calibration_the_first_request_writes_the_cache_and_the_others_read_it() -> None:
    """A prompt of 2,000 tokens: 1,920 are written once and then cached; of a seller whose cache nobody knows, none."""
    request = Request(
        new_id(), "k", (Message("system", "p" * (2_000 - SCHEMA)), Message("user", "abc")), Choice(("x",)), 4
    )
    items = [
        Finished(Completion(request, text="x", usage=Usage(1, 0, 1), engine_ns=1), datetime.now(UTC), "ok")
        for _ in range(3)
    ]
    lines = ledger_lines(items, 3, 3, keys(), counter(price=PRICE))
    assert [line.counterfactual_cached_tokens for line in lines] == [None, 1_920, 1_920]
    assert [line.counterfactual_cache_write_tokens for line in lines] == [1_920, None, None]
    assert lines[0].counterfactual_nano == 2_003 * 150 + ANSWER * 600
    assert lines[1].counterfactual_nano == 83 * 150 + 1_920 * 75 + ANSWER * 600
    for other in (replace(PRICE, provider="google"), replace(PRICE, cached_input_nano_per_mtok=None), None):
        lines = ledger_lines(items, 3, 3, keys(), counter(price=other))
        assert {line.counterfactual_cached_tokens for line in lines} == {None}
        assert {line.counterfactual_cache_write_tokens for line in lines} == {None}


def test_an_answer_of_the_api_calibrates_by_its_plain_estimate() -> None:
    """The estimate goes along uncorrected where usage was reported, and not where it is an estimate itself."""
    closed = ClosedAttempt(new_id(), "ok", datetime.now(UTC), Usage(200, 0, 9))
    item = finished("abcd", 7)
    served = Finished(
        replace(item.completion, attempt=closed), item.at, "ok", prices=LinePrices(PRICE, PRICE)
    )
    (closing,) = closings([served], keys(), counter(calibration()))
    assert closing.estimate == TokenEstimate(4 + SCHEMA, ANSWER, "/json_schema")
    judge = CounterfactualTokens(ApiTokenCounter(OneTokenACharacter()), calibrates=False)
    assert closings([served], keys(), judge)[0].estimate is None
    silent = served._replace(completion=replace(served.completion, attempt=replace(closed, usage=None)))
    (closing,) = closings([silent], keys(), counter(calibration(cached_tokens=2_000)))
    assert closing.estimate is None
    assert closing.estimated
    assert (closing.input_tokens, closing.cached_tokens) == (4 + SCHEMA, 0)


SUMS = st.integers(0, 10**7)


@given(
    st.integers(1, 10_000),
    st.tuples(SUMS, SUMS, SUMS, SUMS, SUMS, SUMS, SUMS),
    st.integers(0, 10**5),
    st.integers(0, 10**4),
)
def test_a_corrected_estimate_can_be_priced(
    lines: int, sums: tuple[int, ...], asked: int, given_: int
) -> None:
    """Whatever was reported, the corrected counts are counts: parts of the input are no more than the input."""
    estimated_in, estimated_out, reported_in, cached, written, visible, reasoning = sums
    cached, written = min(cached, reported_in), min(written, max(reported_in - cached, 0))
    known = calibration(
        lines,
        estimated_input_tokens=estimated_in,
        estimated_output_tokens=estimated_out,
        input_tokens=reported_in,
        cached_tokens=cached,
        cache_write_tokens=written,
        output_tokens=visible + reasoning,
        reasoning_tokens=reasoning,
    )
    usage = known.apply(Usage(asked, 0, given_))
    assert cost_nano(PRICE, usage) >= 0
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens
    assert TokenCalibration.from_json(known.to_json()) == known


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 500)), min_size=1, max_size=50),
    st.integers(1, 400),
    st.integers(1, 400),
    st.integers(0, 90),
)
def test_a_calibration_by_the_same_attempts_gives_back_what_was_reported(
    attempts: list[tuple[int, int]], more_in: int, more_out: int, reasoning: int
) -> None:
    """Corrected one by one, the sum over the attempts that calibrated is what was reported, but for rounding."""
    estimated_in, estimated_out = (sum(one[place] for one in attempts) for place in (0, 1))
    reported_in, visible = estimated_in * more_in // 100, estimated_out * more_out // 100
    known = calibration(
        len(attempts),
        estimated_input_tokens=estimated_in,
        estimated_output_tokens=estimated_out,
        input_tokens=reported_in,
        output_tokens=visible + reasoning * len(attempts),
        reasoning_tokens=reasoning * len(attempts),
    )
    corrected = [known.apply(Usage(asked, 0, given_)) for asked, given_ in attempts]
    assert abs(sum(one.input_tokens for one in corrected) - reported_in) <= len(attempts)
    assert abs(sum(one.output_tokens - reasoning for one in corrected) - visible) <= len(attempts)
    assert {one.reasoning_tokens for one in corrected} == {reasoning}
    together = known.apply(Usage(estimated_in, 0, estimated_out), len(attempts))
    assert (together.input_tokens, together.output_tokens) == (
        reported_in,
        visible + reasoning * len(attempts),
    )
