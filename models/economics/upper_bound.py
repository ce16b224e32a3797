"""The most that one API request can cost, worked out before it is sent (invariant I2)."""

from collections.abc import Sequence
from dataclasses import replace

from models.economics.pricing import Price, cost_nano
from models.requests import Message, Usage

TOKENS_A_MESSAGE = 16
TOKENS_A_REQUEST = 256
"""What a server adds: the marks around a message, a system prompt of its own, the schema's wrapping."""


def upper_bound_tokens(messages: Sequence[Message], schema: str | None, max_tokens: int) -> Usage:
    """Return token counts that no request of these messages exceeds, whatever byte-level tokenizer the API has.

    A token of a byte-level vocabulary stands for at least one byte, so there are never more tokens than
    bytes of UTF-8. `schema` is the JSON schema sent along, which some servers write into the prompt.
    Generous on purpose: about four times the real input of English text.
    """
    texts = [message.content for message in messages] + ([schema] if schema else [])
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return Usage(size + TOKENS_A_MESSAGE * len(messages) + TOKENS_A_REQUEST, 0, max_tokens)


def upper_bound_nano(price: Price, messages: Sequence[Message], schema: str | None, max_tokens: int) -> int:
    """Return the most that a request can cost at `price`, in nano-dollars: a full answer.

    The input counts as read from a cache, or as written to one, only where that were dearer.
    """
    usage = upper_bound_tokens(messages, schema, max_tokens)
    cached = replace(usage, cached_tokens=usage.input_tokens)
    written = replace(usage, cache_write_tokens=usage.input_tokens)
    prices = (
        price,
        price.of_request(usage.input_tokens),
    )  # a shorter prompt than the bound has the lower one
    return max(cost_nano(one, count) for one in prices for count in (usage, cached, written))
