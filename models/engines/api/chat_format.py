"""Chat completions on the wire: the body of a request, and what a reply says; sync and batch share it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

import orjson

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.error_codes import error_code
from models.engines.api.options import ApiOptions, LimitField, StructuredOutput
from models.engines.api.permit import ApiRequest
from models.engines.api.schema import LABEL, instruction, schema_text, wire_schema
from models.engines.api.usage import usage_of
from models.requests import (
    Choice,
    FreeText,
    JsonObject,
    JsonValue,
    Message,
    OutputFormat,
    RejectionReason,
    Request,
    Usage,
)

__all__ = ["Parsed", "chat_body", "parse_answer", "request_body", "schema_text"]

MORE_ROOM = "raise BREAKEVEN_API_REASONING_TOKENS, or lower BREAKEVEN_API_REASONING_EFFORT"
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one reply says.

    `value` is the label itself or the JSON object, None where the text is neither; it is not checked
    against the schema, which is the workload's work. `usage` is None where the reply reports none, or
    numbers that cannot be. `rejection` and `detail`: the provider would not answer, or the model used up its
    tokens before it did. `malformed` is a
    short code for a reply that is no chat completion at all, which says nothing about the request. `note` is a
    short code of how an answer was read that did not stand alone.
    """

    text: str = field(default="", repr=False)
    value: JsonValue = field(default=None, repr=False)
    usage: Usage | None = None
    finish_reason: str | None = None
    rejection: RejectionReason | None = None
    detail: str | None = None
    malformed: str | None = None
    note: str | None = None

    @property
    def failure(self) -> str | None:
        """Code for the ledger line: why settings that can be mended left it without an answer, or how the answer was read."""
        return self.rejection if self.rejection == "reasoning_limit" else self.note


class ChatOptions(Protocol):
    """What the body of a request takes from the settings."""

    @property
    def model(self) -> str:
        """The model's name at the endpoint."""

    @property
    def limit_field(self) -> LimitField:
        """The field that bounds the answer."""

    @property
    def seed(self) -> int:
        """Seed of the sampling."""

    @property
    def sampling(self) -> bool:
        """Whether `temperature` and `seed` are sent."""

    @property
    def reasoning_effort(self) -> str | None:
        """How much the model reasons; None: it is not told."""

    @property
    def extra_body(self) -> Mapping[str, JsonValue]:
        """Fields that every request carries besides."""

    @property
    def omit_fields(self) -> frozenset[str]:
        """Fields that no request carries, whatever the endpoint takes."""


def request_body(
    request: ApiRequest, options: ApiOptions, able: EndpointCapabilities
) -> dict[str, JsonValue]:
    """Return the body of `POST /chat/completions` to an API (and of a line of a batch file); see `chat_body`."""
    return chat_body(request, options, able)


def chat_body(request: Request, options: ChatOptions, able: EndpointCapabilities) -> dict[str, JsonValue]:
    """Return the body of `POST /chat/completions` for a request that may go to the endpoint of these options.

    `able` is what the endpoint can do at present; without a schema of its own, or where it passes over the
    one that it gets, it is told the schema in the system message, which stands at the head of the first user message where no
    such role is taken. A refused limit field is replaced by the other one, never left out.
    """
    if "response_format" in options.omit_fields:
        able = replace(able, structured="none")
    structured, without = able.structured, able.without | options.omit_fields
    limit = options.limit_field
    if limit in without:
        limit = "max_tokens" if limit == "max_completion_tokens" else "max_completion_tokens"
    body: dict[str, JsonValue] = {
        "model": options.model,
        "messages": _messages(request, able),
    }
    if options.sampling:
        body |= {"temperature": 0, "seed": options.seed}
    if options.reasoning_effort is not None:
        body["reasoning_effort"] = options.reasoning_effort
    body = {name: value for name, value in body.items() if name not in without}
    body[limit] = request.token_limit
    if structured != "none" and not isinstance(request.output, FreeText):
        body["response_format"] = _response_format(request.output, structured)
    return {**body, **options.extra_body}


def parse_answer(request: Request, body: object) -> Parsed:
    """Read the body of a reply with status 200. Never raises and never repairs.

    Besides plain JSON it takes JSON in a Markdown fence, and a label that stands alone. A text that no
    UTF-8 can carry has no value, and is kept with a question mark for each half of a surrogate pair.
    """
    usage = usage_of(body)
    choice = _first_choice(body)
    if isinstance(choice, str):
        return Parsed(usage=usage, malformed=choice)
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else 0
    if not isinstance(message, dict) or not isinstance(content, str | None):
        return Parsed(usage=usage, malformed="wrong_schema")
    finish_reason = error_code(choice.get("finish_reason"))
    if finish_reason == "content_filter" or message.get("refusal"):
        detail = "content_filter" if finish_reason == "content_filter" else "refusal"
        return Parsed(usage=usage, finish_reason=finish_reason, rejection="refused", detail=detail)
    if isinstance(request, ApiRequest) and finish_reason == "length" and not (content or "").strip():
        said = f"no answer within {request.token_limit:,} tokens, {_reasoned(usage)} of them reasoning: {MORE_ROOM}"
        return Parsed(usage=usage, finish_reason=finish_reason, rejection="reasoning_limit", detail=said)
    text, value = _value(request.output, content or "")
    return Parsed(_encodable(text), value, usage, finish_reason)


def _reasoned(usage: Usage | None) -> str:
    return (
        f"{usage.reasoning_tokens:,}" if usage is not None and usage.reasoning_tokens else "an unknown number"
    )


def _first_choice(body: object) -> dict[str, object] | str:
    """Return the first choice, or the code of what is wrong with the body."""
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list):
        return "wrong_schema"
    if not choices:
        return "empty_choices"
    return choices[0] if isinstance(choices[0], dict) else "wrong_schema"


def _value(output: OutputFormat, content: str) -> tuple[str, JsonValue]:
    """Return the answer's text and value. The value of a choice is the label, which is its text too."""
    bare = content.strip()
    if isinstance(output, FreeText) or (isinstance(output, Choice) and bare in output.labels):
        return bare, bare
    if fenced := _FENCED.fullmatch(bare):
        bare = fenced[1].strip()
    try:
        # Stricter than the standard library: no NaN, no endless nesting, no half a surrogate pair.
        value: JsonValue = orjson.loads(bare)
    except orjson.JSONDecodeError:
        return content, None
    if not isinstance(output, Choice):
        return bare, value
    label = value.get(LABEL) if isinstance(value, dict) and len(value) == 1 else None
    return (label, label) if isinstance(label, str) and label in output.labels else (content, None)


def _messages(request: Request, able: EndpointCapabilities) -> list[JsonValue]:
    messages = request.messages
    if (able.structured != "json_schema" or able.tells_schema) and not isinstance(request.output, FreeText):
        told = instruction(request.output, bare_label=able.structured == "none")
        messages = _with_system_text(messages, told)
    if able.folds_system:
        messages = _without_system(messages)
    return [{"role": message.role, "content": _encodable(message.content)} for message in messages]


def _with_system_text(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """Put a paragraph at the end of the system message; make one where there is none."""
    if messages and messages[0].role == "system":
        return (Message("system", f"{messages[0].content}\n\n{text}"), *messages[1:])
    return (Message("system", text), *messages)


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Put the system text at the head of the first user message; it becomes one where there is none."""
    told = "\n\n".join(message.content for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    if not told:
        return tuple(others)
    first = next((at for at, message in enumerate(others) if message.role == "user"), None)
    if first is None:
        return (Message("user", told), *others)
    others[first] = Message("user", f"{told}\n\n{others[first].content}")
    return tuple(others)


def _encodable(text: str) -> str:
    """Replace half surrogate pairs, which no UTF-8 can carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=64)
def _response_format(output: Choice | JsonObject, structured: StructuredOutput) -> dict[str, JsonValue]:
    """Return what enforces the shape. Read only: every request of a run shares it."""
    if structured == "json_object":
        return {"type": "json_object"}
    schema, strict = wire_schema(output)
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": strict, "schema": schema},
    }
