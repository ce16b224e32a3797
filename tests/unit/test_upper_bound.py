"""The upper bound of a request is one: no tokenizer that works on bytes counts more."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.pricing import ALWAYS, Price, cost_nano
from models.economics.upper_bound import upper_bound_nano, upper_bound_tokens
from models.requests import Message, Usage
from models.tokens import ChatTokenCounter, counter_of

# Lone surrogates are left out: no API can be sent them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
TOKENS_THAT_REPEAT = st.builds(
    lambda part, times: part * times,
    st.sampled_from(
        ["👩🏽‍🚀", "🏴\U000e0067\U000e0062\U000e007f", "﷽", "ﷺ", "\0", "�", "\n\t", "<|im_end|>", "a", "9"]
    ),
    st.integers(0, 40),
)
MESSAGES = st.lists(
    st.builds(
        Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT | TOKENS_THAT_REPEAT
    ),
    max_size=6,
).map(tuple)
SCHEMAS = st.none() | TEXT
LIMITS = st.integers(1, 10_000)
PRICES = st.builds(
    Price,
    provider=st.just("p"),
    model=st.just("m"),
    effective_from=st.just(ALWAYS),
    effective_to=st.none(),
    input_nano_per_mtok=st.integers(0, 10**10),
    cached_input_nano_per_mtok=st.none() | st.integers(0, 2 * 10**10),
    output_nano_per_mtok=st.integers(0, 10**11),
    source=st.just("test"),
    cache_write_nano_per_mtok=st.none() | st.integers(0, 2 * 10**10),
)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatTokenCounter]:
    """Count tokens as OpenAI's newer models do (o200k)."""
    with pytest.MonkeyPatch.context() as patch:  # what `encoding` tells tiktoken is undone afterwards
        patch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path_factory.mktemp("tiktoken")))
        yield counter_of("gpt-4o-mini", Path())


@given(messages=MESSAGES, schema=SCHEMAS, limit=LIMITS)
def test_no_text_has_more_tokens(
    counter: ChatTokenCounter, messages: tuple[Message, ...], schema: str | None, limit: int
) -> None:
    """Whatever the text, and with the schema written into the prompt, o200k counts no more than the bound."""
    bound = upper_bound_tokens(messages, schema, limit)
    counted = counter.input_tokens(messages) + counter.output_tokens(schema or "")
    assert counted <= bound.input_tokens
    assert (bound.cached_tokens, bound.output_tokens) == (0, limit)


@given(messages=MESSAGES, schema=SCHEMAS, limit=LIMITS, more=TEXT, price=PRICES)
def test_more_text_never_lowers_the_bound(
    messages: tuple[Message, ...], schema: str | None, limit: int, more: str, price: Price
) -> None:
    """Another message, a longer one, a schema or a higher limit each cost at least as much."""
    bound = upper_bound_nano(price, messages, schema, limit)
    longer = tuple(Message(message.role, message.content + more) for message in messages)
    assert bound <= upper_bound_nano(price, longer, schema, limit)
    assert bound <= upper_bound_nano(price, (*messages, Message("user", more)), schema, limit)
    assert bound <= upper_bound_nano(price, messages, (schema or "") + more, limit)
    assert bound <= upper_bound_nano(price, messages, schema, limit + 1)


@given(messages=MESSAGES, limit=LIMITS, price=PRICES, data=st.data())
def test_no_usage_within_the_bound_costs_more(
    messages: tuple[Message, ...], limit: int, price: Price, data: st.DataObject
) -> None:
    """Any usage up to the bound, whatever part of it was cached at whatever price, costs no more."""
    bound = upper_bound_tokens(messages, None, limit)
    asked = data.draw(st.integers(0, bound.input_tokens))
    usage = Usage(asked, data.draw(st.integers(0, asked)), data.draw(st.integers(0, limit)))
    assert cost_nano(price, usage) <= upper_bound_nano(price, messages, None, limit)


def test_broken_characters_are_bounded_too() -> None:
    """A lone surrogate, which is sent as a question mark, does not stop the estimate."""
    sizes = [upper_bound_tokens((Message("user", "\ud800" * n),), None, 1).input_tokens for n in range(5)]
    assert all(more - less >= 1 for less, more in itertools.pairwise(sizes))
