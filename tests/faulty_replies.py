"""The replies of the misbehaving API: valid answers made from the request, and every way to spoil one."""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import blake2b
from http import HTTPStatus
from math import log
from time import time
from typing import Any

from tests import reasoning_model
from tests.faulty_answers import ODD
from tests.reported_errors import REPORTED

Json = dict[str, Any]


@dataclass(frozen=True)
class Spoilt:
    """A reply to be written. `status` None: no reply at all. `usage` is what the server bills for it."""

    status: int | None
    payload: bytes = b""
    usage: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


def text_hash(text: str) -> str:
    """Return the hash under which a record's text is logged."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def record_text(body: Json) -> str:
    """Return the text of the last message, which holds the record."""
    return str(body["messages"][-1]["content"])


def reply_to(body: Json, kind: str, argument: str) -> Spoilt:
    """Make the reply for a fault. The words are listed in `tests.faulty_api`."""
    made = _ERRORS.get(kind)
    if made is not None or kind.isdigit():
        return _status(int(kind), argument) if made is None else _error(*made)
    if (refused := _refusal(body, kind, argument)) is not None:
        return refused
    chat = completion(body)
    if kind == "ignores_format":
        chat = completion({name: value for name, value in body.items() if name != "response_format"})
    if kind == "reasoning":
        status, chat = reasoning_model.think(body, chat, int(argument))
        if status != HTTPStatus.OK:
            return Spoilt(status, json.dumps(chat).encode())
    if (odd := ODD.get(kind)) is not None:
        billed = odd(chat, argument)
        return Spoilt(200, json.dumps(chat).encode(), billed)
    usage: Json = chat["usage"]
    if kind in {"hang", "close"}:
        return Spoilt(None, usage=usage)
    _spoil(chat, kind, argument)
    payload = json.dumps(chat).encode()
    if (broken := _BYTES.get(kind)) is not None:
        payload = broken(payload)
    return Spoilt(200, payload, usage)


def _spoil(chat: Json, kind: str, argument: str) -> None:
    """Change a completion as the fault says; one of another kind stays as it is."""
    if (spoil := _BODIES.get(kind)) is not None:
        spoil(chat)
    if kind == "adds":
        say(chat, json.loads(argument))


def _refusal(body: Json, kind: str, argument: str) -> Spoilt | None:
    """Refuse what the server does not know; None if the request has nothing of it."""
    if kind == "no_format" and body.get("response_format", {}).get("type") == argument:
        return _error(400, None, "response_format", "BadRequestError")
    if kind == "no_field" and argument in body:
        return _error(400, "unsupported_value", argument)
    if kind == "says":
        error = REPORTED[argument]
        return Spoilt(error.status, json.dumps(error.body).encode()) if error.applies(body) else None
    return _error(400, None) if kind == "vague" and argument in body else None


def listing(models: Sequence[str] | int) -> Spoilt:
    """Make the reply to a request for the list of models, or a refusal with this status."""
    if isinstance(models, int):
        return _status(models, "")
    made = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
    return Spoilt(200, json.dumps(made).encode())


def completion(body: Json) -> Json:
    """Make a valid chat completion for a request, with usage that depends on its words."""
    content = answer(body)
    words = sum(len(str(message["content"]).split()) for message in body["messages"])
    sure = {"content": [{"token": part, "logprob": log(0.9)} for part in pieces(content)]}
    made = len(content) // 4 + 1
    return {
        "id": f"chatcmpl-{zlib.crc32(record_text(body).encode()):08x}",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "finish_reason": "stop",
                "logprobs": sure if body.get("logprobs") else None,
            }
        ],
        "usage": {
            "prompt_tokens": words,
            "completion_tokens": made,
            "total_tokens": words + made,
            "prompt_tokens_details": {"cached_tokens": min(words, 8)},
        },
    }


def lengthen(chat: Json) -> None:
    """Make every text of an answer one character longer than the longest that `example` makes, nine."""
    message = chat["choices"][0]["message"]
    made = json.loads(message["content"])
    message["content"] = json.dumps(
        {name: value.ljust(10, "x") if isinstance(value, str) else value for name, value in made.items()}
    )


def say(chat: Json, more: Json) -> None:
    """Put members into a reply, those of `usage` beside its own (None: no usage); `pad` times `with` stand behind the answer."""
    usage = chat["usage"]
    usage.update(more.get("usage") or {})
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    chat.update({name: value for name, value in more.items() if name not in {"usage", "pad", "with"}})
    chat["choices"][0]["message"]["content"] += more.get("with", " ") * more.get("pad", 0)
    if more.get("usage", usage) is None:
        del chat["usage"]


def pieces(text: str) -> list[str]:
    """Cut an answer into what stands for its tokens."""
    return [text[begin : begin + 3] for begin in range(0, len(text), 3)]


def answer(body: Json) -> str:
    """Answer in the shape that is asked for, by response_format or in the system message."""
    number = zlib.crc32(record_text(body).encode())
    form = body.get("response_format", {"type": "none"})
    if form["type"] == "json_schema":
        schema: Json = form["json_schema"]["schema"]
        return json.dumps(example(schema, schema, number))
    _, asks_for_shape, shape = str(body["messages"][0]["content"]).rsplit("\n\n", 1)[-1].partition(": ")
    if not asks_for_shape:
        return f"Thing {number % 1000}"
    told = json.loads(shape)
    if isinstance(told, list):
        return str(told[number % len(told)])
    text = json.dumps(example(told, told, number))
    return text if form["type"] == "json_object" else f"```json\n{text}\n```"


def example(node: Json, root: Json, number: int) -> object:
    """Make a value that satisfies a schema; `number` chooses among the possible ones."""
    if "$ref" in node:
        return example(root["$defs"][node["$ref"].rsplit("/", 1)[-1]], root, number)
    if "enum" in node:
        return node["enum"][number % len(node["enum"])]
    match node.get("type"):
        case "object":
            return {name: example(part, root, number) for name, part in node["properties"].items()}
        case "array":
            return [example(node["items"], root, number) for _ in range(node.get("minItems", 0))]
        case "string":
            return f"Thing {number % 1000}"
        case _:
            return number % 2


def _status(status: int, argument: str) -> Spoilt:
    headers = {"Location": "http://127.0.0.1:9/v1"} if status < 400 else {}
    if argument == "date":
        headers["Retry-After"] = formatdate(time() + 2, usegmt=True)
    elif argument.replace(".", "").isdigit():
        headers["Retry-After"] = argument
    error = _error(status, argument if argument and not headers else None)
    return Spoilt(status, error.payload, headers=headers)


def _error(status: int, code: str | int | None, param: str | None = None, kind: str = "error") -> Spoilt:
    body = {"error": {"message": QUOTE, "type": kind, "param": param, "code": code}}
    return Spoilt(status, json.dumps(body).encode())


QUOTE = "the provider quotes your prompt here: do not log it"

_ERRORS: dict[str, tuple[int, str | int | None, str | None, str]] = {
    "content_filter": (400, "content_filter", "prompt", "invalid_request_error"),
    "too_long": (400, "context_length_exceeded", "messages", "invalid_request_error"),
    "too_long_vllm": (400, 400, "input_tokens", "BadRequestError"),
    "json_validate_failed": (400, "json_validate_failed", None, "invalid_request_error"),
    "bad_key": (401, "invalid_api_key", None, "invalid_request_error"),
    "no_model": (404, "model_not_found", None, "invalid_request_error"),
    "quota": (429, "insufficient_quota", None, "insufficient_quota"),
}


def _set_message(chat: Json, finish_reason: str, **message: object) -> None:
    chat["choices"][0]["message"].update(message)
    chat["choices"][0]["finish_reason"] = finish_reason


_BODIES: dict[str, Callable[[Json], object]] = {
    "wrong_schema": lambda chat: _set_message(chat, "stop", content='{"verdict": ["none", "of", "yours"]}'),
    "nonsense": lambda chat: _set_message(chat, "stop", content="I would rather talk about the weather."),
    "fenced": lambda chat: _set_message(
        chat, "stop", content=f"```json\n{chat['choices'][0]['message']['content']}\n```"
    ),
    "filtered": lambda chat: _set_message(chat, "content_filter", content=None),
    "refusal": lambda chat: _set_message(chat, "stop", content=None, refusal="I cannot help with that."),
    "cut_short": lambda chat: _set_message(
        chat, "length", content=chat["choices"][0]["message"]["content"][:-3]
    ),
    "eaten": reasoning_model.eat,
    "long": lengthen,
    "blank": lambda chat: _set_message(chat, "stop", content=""),
    "not_chat": lambda chat: chat.update(choices="none"),
    "empty_choices": lambda chat: chat.update(choices=[]),
    "two_choices": lambda chat: chat["choices"].append(chat["choices"][0] | {"index": 1}),
    "no_usage": lambda chat: chat.pop("usage"),
    "bad_usage": lambda chat: chat["usage"].update(prompt_tokens=-7),
}

_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "invalid_json": lambda payload: b"<html>" + payload,
    "drip": lambda _: b" " * 100_000,
    "truncated_json": lambda payload: payload[: len(payload) // 2],
}
