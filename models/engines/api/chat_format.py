"""Chat completions on the wire: the body of a request, and what a reply says; sync and batch share it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol, cast

from models.engines.api.answers.answer_reading import is_all_reasoning, read_answer
from models.engines.api.answers.reply_body import (
    LENGTH,
    REFUSAL_REASONS,
    ReplyMessage,
    first_choice,
    is_blocked,
    mapping,
    read_message,
)
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.known_marks import spell_out_marks
from models.engines.api.options import ApiOptions, LimitField, StructuredOutput
from models.engines.api.permit import ApiRequest
from models.engines.api.reply_limits import MOST_ANSWER, TOO_LARGE
from models.engines.api.schema import instruction, schema_text, wire_schema
from models.engines.api.usage import usage_of
from models.engines.api.usage_doubt import doubt_usage
from models.requests import (
    Choice,
    Exchange,
    FreeText,
    JsonObject,
    JsonValue,
    Message,
    RejectionReason,
    Request,
    Role,
    Usage,
)
from models.workloads.json_schema import write_compact

__all__ = ["Parsed", "chat_body", "parse_answer", "read_exchange", "request_body", "schema_text"]

MORE_ROOM = "raise BREAKEVEN_API_REASONING_TOKENS, or lower BREAKEVEN_API_REASONING_EFFORT"


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
    doubted: str | None = None
    """What was reported that the request cannot have used: see `doubt_usage`. No usage is known then."""

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
    such role is taken. A refused limit field is replaced by the other one, never left out. What users say has the marks of
    known model families spelled out, since a server of one's own may parse them.
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
    """Read the body of a reply with status 200. Never raises; see `read_answer` for what is taken for an answer.

    What the model wrote for itself is never an answer. A text that no UTF-8 can carry has no value, and is kept with
    a question mark for each half of a surrogate pair.
    """
    usage = usage_of(body, request.messages)
    doubted = doubt_usage(body, usage, request)
    return replace(_parse(request, body, usage if doubted is None else None), doubted=doubted)


def _parse(request: Request, body: object, usage: Usage | None) -> Parsed:
    """Read the body of a reply whose usage is known."""
    choice = first_choice(body)
    if isinstance(choice, str) and is_blocked(body):
        return Parsed(usage=usage, rejection="refused", detail="content_filter")
    if isinstance(choice, str):
        return Parsed(usage=usage, malformed=choice)
    message = read_message(choice)
    if message is None or len(message.content) > MOST_ANSWER:
        return Parsed(usage=usage, malformed="wrong_schema" if message is None else TOO_LARGE)
    ended = message.finish_reason
    if ended in REFUSAL_REASONS or message.refused:
        detail = "content_filter" if ended in REFUSAL_REASONS else "refusal"
        return Parsed(usage=usage, finish_reason=ended, rejection="refused", detail=detail)
    cut = ended == LENGTH
    if isinstance(request, ApiRequest) and cut and is_all_reasoning(request.output, message.content):
        said = f"no answer within {request.token_limit:,} tokens, {_reasoned(usage)} of them reasoning: {MORE_ROOM}"
        return Parsed(usage=usage, finish_reason=ended, rejection="reasoning_limit", detail=said)
    read = read_answer(request.output, message.content, cut=cut)
    note = read.note or (message.form if read.value is not None else None)
    return Parsed(_encodable(read.text), read.value, usage, ended, note=note)


def read_exchange(sent: Mapping[str, object], body: object) -> Exchange:
    """Return what went over the wire: the body of a request, and the body of the reply to it."""
    messages = sent["messages"]
    told = [mapping(one) for one in messages] if isinstance(messages, list) else []
    form = mapping(mapping(sent.get("response_format")).get("json_schema"))
    choice = first_choice(body)
    said = (None if isinstance(choice, str) else read_message(choice)) or ReplyMessage()
    return Exchange(
        tuple(Message(cast("Role", one["role"]), str(one["content"])) for one in told),
        write_compact(cast("JsonValue", form["schema"])) if form else "",
        _encodable(said.content),
        _encodable(said.reasoning),
    )


def _reasoned(usage: Usage | None) -> str:
    return (
        f"{usage.reasoning_tokens:,}" if usage is not None and usage.reasoning_tokens else "an unknown number"
    )


def _messages(request: Request, able: EndpointCapabilities) -> list[JsonValue]:
    messages = spell_out_marks(request.messages)
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
