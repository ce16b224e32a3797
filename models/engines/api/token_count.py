"""How many tokens an API would count for a request and its answer: an estimate, as every count of tiktoken is."""

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from models.economics.pricing import Price
from models.engines.api.options import StructuredOutput
from models.engines.api.schema import LABEL, instruction, wire_schema
from models.requests import (
    Choice,
    Exchange,
    FreeText,
    JsonObject,
    JsonValue,
    Message,
    OutputFormat,
    Request,
    Usage,
)
from models.tokens import ChatTokenCounter
from models.workloads.json_schema import write_compact

CACHED_FROM, CACHED_STEP = 1024, 128
"""Prompts from so many tokens on have their prefix cached, in steps (OpenAI's guide to prompt caching, 2026-11)."""


CACHING = frozenset({"openai", "settings"})
"""Providers whose cache is taken to be used by itself; that of others is known only from what they report."""


def is_cached_by_itself(price: Price) -> bool:
    """Whether repeated prompts are taken to cost less at a price, without being asked for."""
    return price.provider in CACHING and price.cached_input_nano_per_mtok is not None


class ApiTokenCounter:
    """Counts requests and answers in the form in which they go over the wire to the API.

    Beside the messages (see `ChatTokenCounter`) a request holds what says the answer's shape: its JSON schema, or
    the paragraph that stands in for it. OpenAI does not say how it writes a schema into the prompt; it is counted
    as compact JSON. A label is answered inside its JSON object, an object with every property that strict mode
    requires.
    """

    def __init__(self, chat: ChatTokenCounter, structured: StructuredOutput = "json_schema") -> None:
        self.chat = chat
        self._structured = structured
        self.name = f"{chat.name}/{structured}"
        """Names the way of counting: what was counted otherwise cannot be compared."""
        self.shape_tokens = lru_cache(maxsize=64)(self._count_shape)
        """Tokens of what says the answer's shape."""

    def count(self, request: Request, text: str, value: JsonValue) -> Usage:
        """Estimate a request and its answer; cached are the tokens of the prefix that its like has as well.

        `value` is the parsed answer, None where `text` could not be parsed.
        """
        messages, output = request.messages, request.output
        given = self.input_tokens(messages, output)
        return Usage(given, self.cached_tokens(messages, output), self.output_tokens(output, text, value))

    def count_exchange(self, exchange: Exchange) -> Usage:
        """Estimate an attempt by what was sent and received, however it was asked."""
        given = self.chat.input_tokens(exchange.messages) + self.chat.output_tokens(exchange.shape)
        reasoned = self.chat.output_tokens(exchange.reasoning)
        return Usage(given, 0, self.chat.output_tokens(exchange.answer) + reasoned, reasoned)

    def input_tokens(self, messages: tuple[Message, ...], output: OutputFormat) -> int:
        """Estimate the input tokens of a request, the answer's shape among them."""
        return self.chat.input_tokens(messages) + self.shape_tokens(output)

    def output_tokens(self, output: OutputFormat, text: str, value: JsonValue) -> int:
        """Estimate the output tokens of an answer, as the API would write it."""
        return self.chat.output_tokens(self.written(output, text, value))

    def written(self, output: OutputFormat, text: str, value: JsonValue) -> str:
        """Return an answer as the API would write it: a label in its object, an object without white space."""
        if isinstance(output, Choice):
            bare = self._structured == "none" or text not in output.labels
            return text if bare else _in_object(text)
        if isinstance(output, JsonObject) and isinstance(value, dict):
            schema, strict = wire_schema(output)
            strict = strict and self._structured == "json_schema"
            return write_compact(_complete(value, schema, schema) if strict else value)
        return text

    def cached_tokens(self, messages: tuple[Message, ...], output: OutputFormat) -> int:
        """Estimate how many input tokens the API has in its cache once another request of the kind was there.

        All but the last message are taken to be constant, and the answer's shape stands before them.
        """
        prefix = self.shape_tokens(output) + self.chat.constant_tokens(messages)
        return prefix // CACHED_STEP * CACHED_STEP if prefix >= CACHED_FROM else 0

    def _count_shape(self, output: OutputFormat) -> int:
        if isinstance(output, FreeText):
            return 0
        if self._structured == "json_schema":
            schema, _ = wire_schema(output)
            return self.chat.output_tokens(write_compact(schema))
        return self.chat.output_tokens("\n\n" + instruction(output, bare_label=self._structured == "none"))


@lru_cache(maxsize=1024)
def _in_object(label: str) -> str:
    return write_compact({LABEL: label})


def _complete(value: JsonValue, node: JsonValue, root: Mapping[str, JsonValue]) -> JsonValue:
    """Give an answer the properties that strict mode requires and it does not have, as null, in the schema's order."""
    if isinstance(node, dict) and isinstance(named := node.get("$ref"), str):
        definitions = cast("dict[str, JsonValue]", root.get("$defs", {}))
        node = definitions.get(named.removeprefix("#/$defs/"))
    if isinstance(node, dict) and isinstance(variants := node.get("anyOf"), list):
        kind = "array" if isinstance(value, list) else "object"
        node = next((one for one in variants if isinstance(one, dict) and one.get("type") == kind), None)
    if not isinstance(node, dict):
        return value
    if isinstance(value, list):
        return [_complete(one, node.get("items"), root) for one in value]
    properties = node.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    ordered = {name: _complete(value.get(name), part, root) for name, part in properties.items()}
    return ordered | {name: one for name, one in value.items() if name not in properties}
