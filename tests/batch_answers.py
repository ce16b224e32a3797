"""What the Batch API server of the tests answers: by the prompt alone, failures included.

A prompt asks for a failure with a mark: `[[status 500]]`, `[[status 400 context_length_exceeded]]`,
`[[error request_timeout]]` (a line with an error and no response), `[[missing]]` (no line at all),
`[[odd hiccup 502]]` (a 200 of `tests.faulty_answers`), `[[garbled]]` (half a line), `[[twice]]`, `[[stranger]]` (a line of an unknown custom_id beside it),
`[[long]]` (each text of an object has ten characters, until it is said what was wrong, or `[[long ever]]` for ever). With
`[[once …]]` it fails the first time the prompt is seen and is answered after that.
"""

import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from tests.faulty_answers import ODD
from tests.faulty_replies import lengthen, say
from tests.reasoning_model import think

Json = dict[str, Any]

_MARK = re.compile(
    r"\[\[(once )?(status|error|odd|missing|garbled|twice|stranger|long)(?: (\w+))?(?: ([\w.,\-]+))?\]\]"
)


@dataclass
class Answers:
    """Answers requests. `asked` counts how often each prompt (its last message) was answered.

    `usages`: what each answered request of a batch used, by its custom_id. `reasoning`: tokens with which a model reasons before it answers (`tests.reasoning_model`); None: it does not. `refuses`: fields of requests
    that the model does not take: each request that has one is refused with a 400 that names it, unless they
    are `nameless`; `system` is the role. `plain` answers
    requests that ask for no schema.
    `says`: members of every answer beside its own (`tests.faulty_replies.say`).
    """

    asked: Counter[str] = field(default_factory=Counter)
    reasoning: int | None = None
    refuses: list[str] = field(default_factory=list)
    nameless: bool = False
    plain: str = "ok"
    usages: dict[str, Json] = field(default_factory=dict)
    says: Json = field(default_factory=dict)

    def mark(self, body: Json) -> tuple[str, str, str]:
        """Count a prompt; return what its mark asks for (kind, argument, argument), else empty texts."""
        text = prompt(body)
        self.asked[text] += 1
        found = _MARK.search(text)
        if found is None or (found[1] and self.asked[text] > 1):
            return "", "", ""
        return found[2], found[3] or "", found[4] or ""

    def reply(self, body: Json) -> tuple[int, Json]:
        """Answer a request of the synchronous API: HTTP status and body."""
        kind, argument, code = self.mark(body)
        if kind == "status":
            return int(argument), error_body(code or None)
        return self.answer(body)

    def answer(self, body: Json) -> tuple[int, Json]:
        """Answer a request whose prompt asks for no failure: HTTP status and body."""
        if refused := next((name for name in self.refuses if name in body), None):
            named = {} if self.nameless else {"param": refused}
            return 400, error_body("odd_value" if self.nameless else "unsupported_parameter", **named)
        if "system" in self.refuses and any(one["role"] == "system" for one in body["messages"]):
            return 400, error_body(None, "System role not supported")
        chat = completion(body, self.plain)
        say(chat, self.says)
        return (200, chat) if self.reasoning is None else think(body, chat, self.reasoning)

    def lines(self, custom_id: str, body: Json) -> tuple[list[bytes], list[bytes], bool]:
        """Return the lines of output file and error file for one request, and whether it was answered."""
        kind, argument, code = self.mark(body)
        if kind == "status":
            return [], [response_line(custom_id, int(argument), error_body(code or None))], False
        if kind == "error":
            return [], [error_line(custom_id, argument)], False
        if kind == "odd":
            chat = completion(body)
            billed = ODD[argument](chat, code)
            self.usages[custom_id] = billed or {}
            return [response_line(custom_id, 200, chat)], [], billed is not None
        status, chat = self.answer(body)
        if kind == "long" and (argument or "broke one rule" not in prompt(body)):
            lengthen(chat)
        line = response_line(custom_id, status, chat)
        if status != HTTPStatus.OK:
            return [], [line], False
        self.usages[custom_id] = chat["usage"]
        output = {
            "missing": [],
            "garbled": [line[: len(line) // 2]],
            "twice": [line, line],
            "stranger": [line, response_line(uuid4().hex, 200, completion(body))],
        }
        return output.get(kind, [line]), [], True


def prompt(body: Json) -> str:
    """Return the text of the last message, which holds the record."""
    return str(body["messages"][-1]["content"])


def input_tokens(body: Json) -> int:
    """Count words as tokens, and a few for each message's frame."""
    return sum(4 + len(str(message["content"]).split()) for message in body["messages"])


def completion(body: Json, plain: str = "ok") -> Json:
    """Answer with what the schema of the request asks for, chosen by the prompt; `plain` without a schema."""
    number = zlib.crc32(prompt(body).encode())
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    text = plain if schema is None else json.dumps(instance(schema, number, schema.get("$defs", {})))
    given, made = input_tokens(body), max(len(text.split()), 1)
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }


def instance(schema: Json, number: int, definitions: Json) -> Any:  # noqa: ANN401  any JSON value
    """Make a value that satisfies a JSON schema of the kinds that strict mode takes."""
    if "$ref" in schema:
        return instance(definitions[schema["$ref"].rpartition("/")[2]], number, definitions)
    if variants := schema.get("anyOf"):
        return instance(variants[0], number, definitions)
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return values[number % len(values)]
    if schema["type"] == "object":
        return {name: instance(part, number, definitions) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        return [instance(schema["items"], number + n, definitions) for n in range(schema.get("minItems", 1))]
    plain: Json = {
        "string": f"word{number % 1000}",
        "integer": 1,
        "number": 0.5,
        "boolean": True,
        "null": None,
    }
    return schema.get("minimum", plain[schema["type"]])


def error_body(code: str | None, message: str = "injected by the test", param: str | None = None) -> Json:
    """Return the body of an error reply."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def response_line(custom_id: str, status: int, body: Json) -> bytes:
    """Return a line with a response."""
    response = {"status_code": status, "request_id": uuid4().hex, "body": body}
    return _line(custom_id, response, None)


def error_line(custom_id: str, code: str) -> bytes:
    """Return a line of a request that got no response."""
    return _line(custom_id, None, {"code": code, "message": f"the request ended as {code}"})


def _line(custom_id: str, response: Json | None, error: Json | None) -> bytes:
    entry = {"id": f"batch_req_{uuid4().hex}", "custom_id": custom_id, "response": response, "error": error}
    return json.dumps(entry).encode()
