"""A request and its answer are counted as they go over the wire: the schema, the label's object, the cached prefix."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import chat_body, read_exchange
from models.engines.api.options import ApiOptions, StructuredOutput
from models.engines.api.token_count import CACHED_FROM, CACHED_STEP, ApiTokenCounter
from models.ids import new_id
from models.requests import Choice, FreeText, JsonObject, JsonValue, Message, OutputFormat, Request, Usage
from models.tokens import ChatTokenCounter

LABELS = Choice(("positive", "neutral", "negative"))
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}},
    },
    "required": ["name"],
    "$defs": {
        "Pet": {
            "type": "object",
            "properties": {"kind": {"type": "string"}, "call": {"type": "string"}},
            "required": ["kind"],
        }
    },
}
OBJECT = JsonObject(json.dumps(PERSON))


class Characters(ChatTokenCounter):
    """Counts characters, so that the expected figures can be worked out by hand."""

    def __init__(self) -> None:
        """No tokenizer is needed."""

    def input_tokens(self, messages: tuple[Message, ...]) -> int:
        """Count all contents, and 3 for the reply."""
        return 3 + sum(len(message.content) for message in messages)

    def constant_tokens(self, messages: tuple[Message, ...]) -> int:
        """Count the characters of all messages but the last."""
        return sum(len(message.content) for message in messages[:-1])

    def output_tokens(self, text: str) -> int:
        """Count a text."""
        return len(text)


def request(output: OutputFormat, *contents: str) -> Request:
    """Make a request whose last message is a record's, and the others a prompt's."""
    *constant, last = contents or ("x",)
    messages = (*(Message("system", one) for one in constant), Message("user", last))
    return Request(new_id(), "k", messages, output, 10)


def test_a_label_is_counted_inside_its_object() -> None:
    """The API answers {"label":"positive"}, and that is what it bills."""
    assert ApiTokenCounter(Characters()).count(request(LABELS), "positive", "positive").output_tokens == len(
        '{"label":"positive"}'
    )


def test_the_schema_counts_as_input() -> None:
    """A request with a schema has more tokens than its messages, by those of the schema that is sent."""
    counter = ApiTokenCounter(Characters())
    schema = (
        '{"type":"object","properties":{"label":{"type":"string","enum":["positive","neutral","negative"]}},'
        '"required":["label"],"additionalProperties":false}'
    )
    assert counter.count(request(LABELS, "abc"), "positive", "positive").input_tokens == 3 + 3 + len(schema)
    assert counter.count(request(FreeText(), "abc"), "fine", "fine").input_tokens == 6
    assert counter.count(request(FreeText(), "abc"), "fine", "fine").output_tokens == 4


@pytest.mark.parametrize("structured", ["json_object", "none"])
@pytest.mark.parametrize("output", [LABELS, OBJECT])
def test_without_a_schema_of_its_own_the_paragraph_counts(
    structured: StructuredOutput, output: OutputFormat
) -> None:
    """What stands in for the schema is counted as it goes over the wire, to the character."""
    one = request(output, "system prompt", "record")
    body = chat_body(one, ApiOptions("http://127.0.0.1/v1", None, "m"), EndpointCapabilities(structured))
    sent = sum(len(message["content"]) for message in cast("list[dict[str, str]]", body["messages"]))
    assert ApiTokenCounter(Characters(), structured).count(one, "", None).input_tokens == sent + 3


def test_a_bare_label_is_counted_where_one_is_asked_for() -> None:
    """An endpoint that enforces nothing is asked for the label alone."""
    assert (
        ApiTokenCounter(Characters(), "none").count(request(LABELS), "neutral", "neutral").output_tokens == 7
    )


def test_an_object_has_every_property_that_strict_mode_requires() -> None:
    """What the local engine left out, the API writes as null, in nested objects as well, and without white space."""
    value: JsonValue = {"name": "Ann", "pets": [{"kind": "cat"}]}
    written = ApiTokenCounter(Characters()).written(OBJECT, json.dumps(value, indent=4), value)
    assert written == '{"name":"Ann","age":null,"pets":[{"kind":"cat","call":null}]}'


def test_what_could_not_be_parsed_is_counted_as_it_is() -> None:
    """A cut-off object, and a label that is none, are what they are."""
    counter = ApiTokenCounter(Characters())
    assert counter.written(OBJECT, '{"name": "An', None) == '{"name": "An'
    assert counter.written(LABELS, "posit", None) == "posit"


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_prefix_is_cached_from_1024_tokens_in_steps_of_128(constant: int, record: int) -> None:
    """Cached is the constant part alone, whatever the record's length, from 1,024 tokens on and in whole steps."""
    counter = ApiTokenCounter(Characters())
    usage = counter.count(request(FreeText(), "p" * constant, "r" * record), "", "")
    assert usage.cached_tokens == (constant // CACHED_STEP * CACHED_STEP if constant >= CACHED_FROM else 0)
    assert 0 <= usage.cached_tokens <= usage.input_tokens
    assert counter.count(request(FreeText(), "r" * record), "", "").cached_tokens == 0


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_can_be_written(value: JsonValue) -> None:
    """Whatever a model answers, its count is that of some JSON or of its text, and nothing is lost."""
    written = ApiTokenCounter(Characters()).written(OBJECT, "text", value)
    if isinstance(value, dict):
        assert (
            json.loads(written).items()
            >= {name: one for name, one in value.items() if name not in PERSON["properties"]}.items()
        )
    else:
        assert written == "text"


@pytest.mark.parametrize("structured", ["json_schema", "json_object", "none"])
def test_what_went_over_the_wire_is_counted_as_it_was(structured: StructuredOutput) -> None:
    """The messages with the schema that they tell, or the schema beside them; reasoning that is shown, and the answer with it."""
    options = ApiOptions("http://127.0.0.1/v1", SecretStr("k"), "test-model")
    sent = chat_body(request(LABELS, "told", "text"), options, EndpointCapabilities(structured))
    message = {"content": "<think>so</think>neutral", "reasoning_content": "perhaps"}
    exchange = read_exchange(sent, {"choices": [{"message": message}]})
    messages: Any = sent["messages"]
    shape = len(exchange.shape)
    assert (shape > 0) == (structured == "json_schema")
    given = 3 + sum(len(one["content"]) for one in messages) + shape
    made = len("perhaps") + len("<think>so</think>neutral")
    counter = ApiTokenCounter(Characters())
    assert counter.count_exchange(exchange) == Usage(given, 0, made, len("perhaps"))
    assert "neutral" not in repr(exchange)
    assert "told" not in repr(exchange)
