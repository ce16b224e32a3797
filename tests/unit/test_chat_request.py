"""Chat completions on the wire: what is asked, in each mode and of each server."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from models.economics.upper_bound import TOKENS_A_REQUEST, upper_bound_tokens
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import parse_answer, request_body, schema_text
from models.engines.api.options import OPENAI_URL, ApiOptions, StructuredOutput
from models.engines.api.permit import ApiPermit, ApiRequest
from models.engines.api.schema import instruction, wire_schema
from models.ids import new_id
from models.requests import Choice, FreeText, JsonObject, Message, OutputFormat
from models.settings import WorkloadSettings
from tests.workloads import Enrichment, Sentiment

WORKLOAD = Sentiment(WorkloadSettings())
CHOICE = Choice(("negative", "neutral", "positive"))
OBJECT = Enrichment(WorkloadSettings()).output_format
OWN = ApiOptions("http://127.0.0.1:8000/v1", None, "small-model")
OPENAI = ApiOptions(OPENAI_URL, SecretStr("sk-1"), "gpt-4o-mini", seed=7)
SYSTEM = (Message("system", "Classify."), Message("user", "late again"))


def request(output: OutputFormat = CHOICE, messages: tuple[Message, ...] = SYSTEM) -> ApiRequest:
    """Make a request of an output shape."""
    permit = ApiPermit.of(WORKLOAD)
    assert permit is not None
    return ApiRequest(new_id(), "k", messages, output, 16, permit=permit)


def test_a_choice_is_asked_for_as_an_object_with_one_label() -> None:
    """In the schema mode the labels are an enum of a closed object, and the prompt is left as it is."""
    body = request_body(request(), OPENAI, EndpointCapabilities())
    assert body == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Classify."},
            {"role": "user", "content": "late again"},
        ],
        "temperature": 0,
        "seed": 7,
        "max_completion_tokens": 16,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"label": {"type": "string", "enum": list(CHOICE.labels)}},
                    "required": ["label"],
                    "additionalProperties": False,
                },
            },
        },
    }


@pytest.mark.parametrize(
    ("url", "field"),
    [
        (OPENAI_URL, "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://127.0.0.1:11434/v1", "max_tokens"),
        ("https://openai.com.example.org/v1", "max_tokens"),
    ],
)
def test_the_answer_is_bounded_by_the_field_that_the_server_knows(url: str, field: str) -> None:
    """OpenAI's newer models refuse max_tokens; other servers may silently ignore max_completion_tokens."""
    body = request_body(request(), ApiOptions(url, None, "m"), EndpointCapabilities("none"))
    assert {name for name in body if name.startswith("max")} == {field}


def test_refused_fields_are_left_out_but_never_the_bound() -> None:
    """A model that takes no temperature gets none; one that refuses a bound gets the other, not none."""
    body = request_body(
        request(), OWN, EndpointCapabilities(without=frozenset({"temperature", "max_tokens"}))
    )
    assert "temperature" not in body
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 16
    assert body["seed"] == 0


@pytest.mark.parametrize("structured", ["json_object", "none"])
@pytest.mark.parametrize("output", [CHOICE, OBJECT])
def test_without_a_schema_mode_the_system_message_says_it(
    structured: StructuredOutput, output: OutputFormat
) -> None:
    """The instruction ends the system message, holds the schema or the labels, and names JSON."""
    body = request_body(request(output), OWN, EndpointCapabilities(structured))
    messages = body["messages"]
    assert isinstance(messages, list)
    system, user = messages
    assert isinstance(system, dict)
    told = str(system["content"]).removeprefix("Classify.\n\n")
    assert json.loads(told.split(": ", 1)[1])
    assert "JSON" in told
    assert user == {"role": "user", "content": "late again"}
    assert body.get("response_format") == ({"type": "json_object"} if structured == "json_object" else None)


def test_a_system_message_is_made_where_there_is_none() -> None:
    """A prompt without a system message gets one in front."""
    body = request_body(request(messages=(Message("user", "hi"),)), OWN, EndpointCapabilities("none"))
    messages = body["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages if isinstance(message, dict)] == ["system", "user"]


def test_half_a_surrogate_pair_does_not_stop_a_request() -> None:
    """A text that no UTF-8 can carry is sent with a replacement; others are sent as they are."""
    body = request_body(request(messages=(Message("user", "a\ud83d é"),)), OWN, EndpointCapabilities())
    assert body["messages"] == [{"role": "user", "content": "a? é"}]


def test_the_schema_is_fit_for_strict_mode() -> None:
    """Every object is closed, all its properties are required, and only keywords of strict mode are left."""
    schema, strict = wire_schema(OBJECT)
    assert strict
    seen: set[str] = set()

    def walk(node: Any) -> None:  # noqa: ANN401 - a JSON schema
        seen.update(node)
        for part in (node.get("properties") or {}).values():
            walk(part)
        for part in [*(node.get("$defs") or {}).values(), *filter(None, [node.get("items")])]:
            walk(part)
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])

    walk(schema)
    assert seen == {
        *("type", "properties", "required", "additionalProperties", "items", "$defs", "$ref"),
        *("description", "minItems", "maxItems"),
    }
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["title"] == {"type": "string", "description": "1 to 70 characters"}


class Loose(BaseModel):
    """An object with free keys, which strict mode cannot say."""

    counts: dict[str, int]


class Mixed(BaseModel):
    """Optional and described fields."""

    name: str | None = None
    size: int = 3


def _format(model: type[BaseModel]) -> JsonObject:
    return JsonObject(json.dumps(model.model_json_schema()))


def test_a_schema_that_strict_mode_cannot_say_is_sent_as_it_is() -> None:
    """Rather than a schema that means something else, the workload's own goes out, and not strictly."""
    schema, strict = wire_schema(_format(Loose))
    assert not strict
    assert schema == Loose.model_json_schema()
    body = request_body(request(_format(Loose)), OPENAI, EndpointCapabilities())
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": False, "schema": schema},
    }


def test_defaults_become_required() -> None:
    """Strict mode knows no optional property: the model must say null."""
    schema, strict = wire_schema(_format(Mixed))
    assert strict
    assert schema == {
        "type": "object",
        "properties": {
            "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "size": {"type": "integer"},
        },
        "required": ["name", "size"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("output", [CHOICE, OBJECT, _format(Loose)])
@pytest.mark.parametrize("structured", ["json_schema", "json_object", "none"])
def test_the_upper_bound_covers_what_is_sent(output: OutputFormat, structured: StructuredOutput) -> None:
    """The text for upper bounds is no shorter than what any mode adds to the messages."""
    body = request_body(request(output), OWN, EndpointCapabilities(structured))
    sent = len(json.dumps([body["messages"], body.get("response_format")], ensure_ascii=False).encode())
    bound = upper_bound_tokens(SYSTEM, schema_text(output), 16)
    assert sent <= bound.input_tokens + TOKENS_A_REQUEST
    assert len(schema_text(output)) >= len(instruction(output))


@pytest.mark.parametrize("structured", ["json_schema", "json_object", "none"])
def test_free_text_is_asked_for_as_it_is(structured: StructuredOutput) -> None:
    """No schema, no format and no instruction goes with it, whatever the endpoint can do; the answer is its value."""
    asked = request(FreeText())
    body = request_body(asked, OPENAI, EndpointCapabilities(structured))
    assert "response_format" not in body
    assert body["messages"] == request_body(request(), OPENAI, EndpointCapabilities())["messages"]
    assert schema_text(FreeText()) == ""
    reply = {"choices": [{"message": {"content": ' {"a": 1} '}, "finish_reason": "stop"}]}
    assert parse_answer(asked, reply).value == '{"a": 1}'


def test_a_schema_too_large_for_strict_mode_is_sent_as_it_is() -> None:
    """More choices or properties than strict mode takes would be refused for every record."""
    schema, strict = wire_schema(Choice(tuple(f"label {number}" for number in range(1500))))
    assert not strict
    assert schema["additionalProperties"] is False
    many = {f"field_{number}": {"type": "string"} for number in range(5001)}
    wide: dict[str, Any] = {"type": "object", "properties": many, "required": list(many)}
    assert wire_schema(JsonObject(json.dumps(wide))) == (wide, False)
    long = Choice(tuple(f"{number:03} " + "x" * 100 for number in range(251)))
    assert not wire_schema(long)[1]


def test_what_may_be_missing_may_be_null_in_strict_mode() -> None:
    """Strict mode has no property that may be left out: a scalar gets null beside its type, an object a second variant."""
    optional: dict[str, Any] = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "b": {"type": "array", "items": {"type": "string"}},
            "c": {"type": "integer"},
        },
        "required": ["c"],
    }
    schema, strict = wire_schema(JsonObject(json.dumps(optional)))
    assert strict
    assert schema["required"] == ["a", "b", "c"]
    assert schema["properties"] == {
        "a": {"type": ["string", "null"], "enum": ["x", "y", None]},
        "b": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "c": {"type": "integer"},
    }


@pytest.mark.parametrize("output", [CHOICE, OBJECT])
def test_an_endpoint_that_passes_over_the_format_is_told_the_schema_as_well(output: OutputFormat) -> None:
    """The format is sent as before, and the system message says the schema; free text is left as it is."""
    able = EndpointCapabilities(tells_schema=True)
    body = request_body(request(output), OWN, able)
    messages = body["messages"]
    assert isinstance(messages, list)
    assert messages[0] == {"role": "system", "content": f"Classify.\n\n{instruction(output)}"}
    assert (
        body["response_format"]
        == request_body(request(output), OWN, EndpointCapabilities())["response_format"]
    )
    assert request_body(request(FreeText()), OWN, able) == request_body(
        request(FreeText()), OWN, EndpointCapabilities()
    )


def test_where_no_system_role_is_taken_its_text_begins_the_first_user_message() -> None:
    """No system role is sent; what the schema's paragraph says goes along, and the later messages stay as they are."""
    able = EndpointCapabilities("none", folds_system=True)
    shots = (*SYSTEM, Message("assistant", "negative"), Message("user", "so good"))
    told = instruction(CHOICE, bare_label=True)
    assert request_body(request(messages=shots), OWN, able)["messages"] == [
        {"role": "user", "content": f"Classify.\n\n{told}\n\nlate again"},
        {"role": "assistant", "content": "negative"},
        {"role": "user", "content": "so good"},
    ]
    bare = EndpointCapabilities(folds_system=True)
    alone = request_body(request(messages=(Message("user", "hi"),)), OWN, bare)["messages"]
    assert alone == [{"role": "user", "content": "hi"}]
    only_system = request_body(request(messages=(Message("system", "Say hi."),)), OWN, bare)["messages"]
    assert only_system == [{"role": "user", "content": "Say hi."}]


@pytest.mark.parametrize(
    "able",
    [
        EndpointCapabilities(),
        EndpointCapabilities("json_object", frozenset({"seed", "temperature"})),
        EndpointCapabilities("none", frozenset(), tells_schema=True, folds_system=True),
    ],
)
def test_what_was_learnt_is_read_as_it_was_written(able: EndpointCapabilities) -> None:
    """What is kept of an endpoint comes back the same."""
    assert EndpointCapabilities.from_json(able.to_json()) == able


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "no JSON",
        '{"later": 1}',
        '{"structured": "xml", "without": "seed", "folds_system": 1}',
    ],
)
def test_what_another_release_learnt_is_read_as_far_as_it_is_known(text: str | None) -> None:
    """Unknown, missing and broken members count as not said."""
    assert EndpointCapabilities.from_json(text) == EndpointCapabilities()
