"""The usage that a reply reports: read in the words of several providers, and not believed where it cannot be."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.chat_format import parse_answer
from models.engines.api.usage import least_tokens, usage_of
from models.requests import FreeText, Message, Usage
from models.tokens import load_encoding
from tests.replies import reply, request

LONG = (
    Message("system", "Classify."),
    Message("user", "The parcel came late again and nobody answered. " * 100),
)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "many",
        {},
        {"prompt_tokens": 5},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": "five", "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": "1.5"},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": 0, "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": 0},
        {"prompt_tokens": 5, "completion_tokens": -1},
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": -6},
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": "many"},
        {"prompt_tokens": float("nan"), "completion_tokens": 1},
        {"prompt_tokens": float("inf"), "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": 1, "cached_tokens": 6},
        {"prompt_tokens": 10**12, "completion_tokens": 1},
        {"prompt_tokens": 2**31 - 1, "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 10**9},
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 6}},
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -1}},
    ],
)
def test_usage_that_cannot_be_is_unknown(usage: object) -> None:
    """Missing and impossible token counts are None, never 0; the answer counts all the same."""
    parsed = parse_answer(request(), reply("neutral", usage=usage))
    assert (parsed.usage, parsed.value) == (None, "neutral")


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}, {"cached_tokens": 0}])
def test_usage_without_cached_tokens(details: object) -> None:
    """A provider that says nothing of cached tokens has used none."""
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": details}
    assert parse_answer(request(), reply("neutral", usage=usage)).usage == Usage(5, 0, 1)


@pytest.mark.parametrize(
    ("made", "reasoned", "total", "usage"),
    [
        (40, 30, 50, Usage(10, 0, 40, 30)),
        (40, 30, None, Usage(10, 0, 40, 30)),
        (9, 94, 113, Usage(10, 0, 103, 94)),
        (9, 5, 24, Usage(10, 0, 14, 5)),
        (0, 60, 70, Usage(10, 0, 60, 60)),
        (9, 94, None, Usage(10, 0, 103, 94)),
        (24, None, 606, Usage(10, 0, 596, 572)),
        (9, 5, 400, Usage(10, 0, 390, 5)),
        (100, 60, 120, Usage(10, 0, 110, 60)),
        (9, "5", 19, Usage(10, 0, 9, 5)),
        (9.0, 5.0, 19.0, Usage(10, 0, 9, 5)),
        (9, -5, 19, Usage(10, 0, 9)),
        (9, 94, 19, Usage(10, 0, 103, 94)),
        (None, None, 70, Usage(10, 0, 60, 60)),
    ],
)
def test_reasoning_counts_as_output(made: object, reasoned: object, total: object, usage: Usage) -> None:
    """Within the completion (OpenAI), beside it (xAI), or only in the total (Gemini): it is billed as output."""
    reported = {
        "prompt_tokens": 10,
        "completion_tokens": made,
        "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": reasoned},
    }
    assert usage_of({"usage": reported}) == usage


@pytest.mark.parametrize(
    ("details", "cached", "written"),
    [
        ({"cached_tokens": 2048, "cache_write_tokens": 900}, 2048, 900),
        ({"cached_tokens": 0, "cache_creation_tokens": 900}, 0, 900),
        ({"cache_write_tokens": 900, "cache_creation_tokens": 900}, 0, 900),
        ({"cached_tokens": 2048, "cache_write_tokens": 2048}, 2048, 952),
        ({"cached_tokens": 2048, "cache_write_tokens": "many"}, 2048, 0),
        ({"cached_tokens": 2048, "cache_write_tokens": None}, 2048, 0),
    ],
)
def test_what_was_written_to_a_cache(details: dict[str, object], cached: int, written: int) -> None:
    """It is a part of the input beside what was read from a cache, never more than the rest of it."""
    reported = {"prompt_tokens": 3000, "completion_tokens": 5, "prompt_tokens_details": details}
    assert usage_of({"usage": reported}) == Usage(3000, cached, 5, 0, written)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        # The example of the issue: xAI, and Gemini through a gateway
        (
            {
                "prompt_tokens": 10120,
                "completion_tokens": 1499,
                "total_tokens": 14428,
                "completion_tokens_details": {"reasoning_tokens": 2809},
            },
            Usage(10120, 0, 4308, 2809),
        ),
        # DeepSeek
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "total_tokens": 105,
                "prompt_cache_hit_tokens": 64,
            },
            Usage(100, 64, 5),
        ),
        # Moonshot, Mistral
        ({"prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 64}, Usage(100, 64, 5)),
        ({"prompt_tokens": 100, "completion_tokens": 5, "num_cached_tokens": 64}, Usage(100, 64, 5)),
        # The names of the Responses API
        (
            {
                "input_tokens": 100,
                "output_tokens": 50,
                "total_tokens": 150,
                "input_tokens_details": {"cached_tokens": 64},
                "output_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(100, 64, 50, 40),
        ),
        # Anthropic's own: the cache beside the input, with no total, and with totals of gateways
        (
            {
                "input_tokens": 4,
                "output_tokens": 10,
                "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 300,
            },
            Usage(2304, 2000, 10, 0, 300),
        ),
        (
            {"input_tokens": 400, "output_tokens": 10, "cache_read_input_tokens": 50, "total_tokens": 410},
            Usage(450, 50, 10),
        ),
        (
            {
                "prompt_tokens": 4,
                "completion_tokens": 10,
                "cache_read_input_tokens": 2000,
                "total_tokens": 14,
            },
            Usage(2004, 2000, 10),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 10,
                "cache_read_input_tokens": 50,
                "cache_creation_input_tokens": 30,
                "total_tokens": 190,
            },
            Usage(180, 50, 10, 0, 30),
        ),
        # LiteLLM: the cache within the prompt, under both names
        (
            {
                "prompt_tokens": 2010,
                "completion_tokens": 10,
                "total_tokens": 2020,
                "cache_read_input_tokens": 2000,
                "prompt_tokens_details": {"cached_tokens": 2000},
            },
            Usage(2010, 2000, 10),
        ),
        # A total that leaves out what was read from the cache
        (
            {
                "prompt_tokens": 2010,
                "completion_tokens": 10,
                "total_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 2000},
            },
            Usage(2010, 2000, 10),
        ),
        # Nothing but the cache
        ({"input_tokens": 0, "output_tokens": 3, "cache_read_input_tokens": 90}, Usage(90, 90, 3)),
        # Both ways to name the counts, one of them empty (gateways)
        (
            {
                "prompt_tokens": 12,
                "completion_tokens": 3,
                "total_tokens": 15,
                "input_tokens": 0,
                "output_tokens": 0,
            },
            Usage(12, 0, 3),
        ),
        # Numbers as text, and as whole floats
        ({"prompt_tokens": "12", "completion_tokens": 3.0, "total_tokens": "15"}, Usage(12, 0, 3)),
        # More than was expected: billed, whatever was sent
        ({"prompt_tokens": 9_000_000, "completion_tokens": 70_000}, Usage(9_000_000, 0, 70_000)),
    ],
)
def test_the_words_of_providers(reported: dict[str, object], usage: Usage) -> None:
    """What was read from a cache, written to one, and reasoned, under the names that providers have for it."""
    assert usage_of({"usage": reported}) == usage


@pytest.mark.parametrize(
    ("given", "believed"),
    [(1, False), (50, False), (161, True), (1000, True), (20_000, True), (10**6, False)],
)
def test_a_prompt_of_too_few_tokens(given: int, believed: bool) -> None:
    """A prompt of 801 words is no 50 tokens in any vocabulary; what is more than expected may be, within reason."""
    usage = {"prompt_tokens": given, "completion_tokens": 1}
    parsed = parse_answer(request(messages=LONG), reply("neutral", usage=usage))
    assert parsed.usage == (Usage(given, 0, 1) if believed else None)
    assert parsed.value == "neutral"


@pytest.mark.parametrize(("made", "believed"), [(0, False), (3, False), (60, True), (5000, True)])
def test_an_answer_of_too_few_tokens(made: int, believed: bool) -> None:
    """An answer of 300 words is no three tokens; one without a text may have none."""
    usage = {"prompt_tokens": 20, "completion_tokens": made}
    parsed = parse_answer(request(FreeText()), reply("It came late. " * 100, usage=usage))
    assert parsed.usage == (Usage(20, 0, made) if believed else None)
    nothing = reply(None, usage={"prompt_tokens": 20, "completion_tokens": 0})
    assert usage_of(nothing) == Usage(20, 0, 0)


@pytest.mark.parametrize(("made", "believed"), [(2, False), (30, False), (150, True), (5000, True)])
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_that_is_shown_has_tokens(name: str, made: int, believed: bool) -> None:
    """A reply that shows 500 words of reasoning was not written with the tokens of its label alone."""
    usage = {"prompt_tokens": 20, "completion_tokens": made}
    body = reply("neutral", usage=usage)
    body["choices"][0]["message"][name] = "It came late. " * 167
    assert usage_of(body) == (Usage(20, 0, made) if believed else None)
    beside = usage | {"completion_tokens_details": {"reasoning_tokens": 600}}
    found = usage_of(body | {"usage": beside})
    assert found is not None
    assert found.reasoning_tokens == 600


TEXTS = st.text() | st.lists(
    st.sampled_from(
        ["the parcel ", " " * 130, "=-" * 70, "。。", "免费视频观看", "0123456789", "\n\n", "a "]
    ),
    max_size=40,
).map("".join)


@given(text=TEXTS)
def test_no_tokenizer_breaks_the_bound(text: str) -> None:
    """Whatever the text, OpenAI's vocabularies have at least as many tokens for it."""
    for model in ("gpt-4o-mini", "gpt-4"):
        tokens = len(load_encoding(model, Path(".cache")).encode_ordinary(text))
        assert least_tokens(text) <= tokens


NUMBERS = st.none() | st.integers(-5, 5000) | st.floats() | st.text(max_size=3) | st.booleans()
NAMES = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
]
NAMES += ["cache_read_input_tokens", "cache_creation_input_tokens", "reasoning_tokens", "cache_write_tokens"]
DETAILS = ["prompt_tokens_details", "completion_tokens_details", "input_tokens_details"]
REPORTED = st.dictionaries(
    st.sampled_from(NAMES + DETAILS), NUMBERS | st.dictionaries(st.sampled_from(NAMES), NUMBERS), max_size=9
)


@given(reported=REPORTED)
def test_whatever_is_reported_adds_up(reported: dict[str, Any]) -> None:
    """The reading ends; the parts of input and output are no more than the whole, and no count is negative."""
    usage = usage_of({"usage": reported})
    if usage is not None:
        assert usage.input_tokens >= usage.cached_tokens + usage.cache_write_tokens >= 0
        assert usage.input_tokens > 0
        assert usage.output_tokens >= usage.reasoning_tokens >= 0
