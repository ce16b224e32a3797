"""The parts of a reply's body that are read: its first choice, the text of its message, why it ended.

The text is a string, or a list of parts, of which those of reasoning are none of the answer (OpenAI, and Mistral's
`thinking` parts, https://docs.mistral.ai/capabilities/reasoning, read 2026-11-30).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from models.engines.api.errors.error_codes import error_code
from models.workloads.json_schema import write_compact

LENGTH = "length"
LENGTH_REASONS = frozenset(
    {"length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length", "token_limit"}
    | {"model_context_window_exceeded"}
)
"""How providers say that an answer reached its token limit: OpenAI, Gemini and Anthropic, Mistral, others."""
REFUSAL_REASONS = frozenset(
    {"content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
    | {"image_safety", "guardrail_intervened", "sensitive", "moderation", "refusal", "blocked", "error_toxic"}
    | {"model_armor", "language", "guardrail", "guardrails", "policy_violation", "content_policy_violation"}
    | {"safety_filter", "moderated", "input_moderation", "output_moderation"}
)
"""How providers say that they hold an answer back: OpenAI, Bedrock, Gemini, Zhipu, Anthropic, Cohere, gateways."""
ERROR_REASONS = frozenset(
    {"error", "failed", "network_error", "internal_error", "server_error", "insufficient_system_resource"}
    | {"abort", "aborted", "cancelled", "timeout", "unknown_error"}
)
"""How providers say that something broke while the model answered: OpenRouter, Zhipu, DeepSeek, vLLM, others."""
FROM_PARTS, FROM_CALL, FROM_OBJECT = "from_parts", "from_call", "from_object"
"""How a content came that is no text: in parts, as the arguments of a call, decoded."""
_ANSWER_PARTS = frozenset({"text", "output_text", "markdown"})
_HUMP, _KIND = re.compile(r"(?<=[a-z])(?=[A-Z])"), re.compile(r"^finish_reason[._]")
_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")


@dataclass(frozen=True, slots=True)
class ReplyMessage:
    """The message of a reply's first choice.

    `content` is what the model wrote for us, `reasoning` what it wrote for itself where the reply shows it.
    `finish_reason` is in lower case, and `length` for a token limit however that is called. `form`: a short code of how
    the content came where it is no text.
    """

    content: str = field(default="", repr=False)
    reasoning: str = field(default="", repr=False)
    finish_reason: str | None = None
    refused: bool = False
    form: str | None = None


def first_choice(body: object) -> dict[str, object] | str:
    """Return the first choice, or the code of what is wrong with the body."""
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list):
        return "wrong_schema"
    if not choices:
        return "empty_choices"
    return choices[0] if isinstance(choices[0], dict) else "wrong_schema"


def read_message(choice: Mapping[str, object]) -> ReplyMessage | None:
    """Return what the message of a choice says; None where it is none.

    Gemini leaves the message out where a limit or a filter left nothing of it. A content that came as the arguments of
    one call of a function, which nobody offered, is one as well: so some gateways ask Anthropic's models for JSON. So is
    one that a gateway has decoded.
    """
    message = choice.get("message")
    if message is None and _finish_reason(choice, "") in {LENGTH, *REFUSAL_REASONS, *ERROR_REASONS}:
        message = {}
    if not isinstance(message, dict):
        return None
    called = None if message.get("content") else _called(message)
    content, form = (message.get("content"), None) if called is None else (called, FROM_CALL)
    refused = bool(message.get("refusal"))
    if isinstance(content, dict) and not ("type" in content or isinstance(content.get("text"), str)):
        content, form = write_compact(content), form or FROM_OBJECT
    parts = [content] if isinstance(content, dict) else content
    if isinstance(parts, list):
        texts, held_back = _texts(parts)
        if texts is None:
            return None
        content, refused, form = "".join(texts), refused or held_back, FROM_PARTS
    if not isinstance(content, str | None):
        return None
    text = content or ""
    return ReplyMessage(text, _reasoning(message), _finish_reason(choice, text), refused, form)


def is_blocked(body: object) -> bool:
    """Whether a reply without choices says that its prompt was held back (Gemini)."""
    feedback = mapping(mapping(body).get("promptFeedback") or mapping(body).get("prompt_feedback"))
    return bool(feedback.get("blockReason") or feedback.get("block_reason"))


def _called(message: Mapping[str, object]) -> object:
    """Return the arguments of the one call that a message makes; None where it makes none, or several."""
    calls = message.get("tool_calls")
    only = mapping(calls[0]).get("function") if isinstance(calls, list) and len(calls) == 1 else None
    given = mapping(only or message.get("function_call")).get("arguments")
    return given if isinstance(given, str | dict) and given else None


def _texts(parts: list[object]) -> tuple[list[str] | None, bool]:
    """Return the texts of the parts that are of the answer, None where one is no part at all, and whether one is a refusal."""
    texts: list[str] = []
    refused = False
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict):
            return None, False
        elif part.get("type", "text") in _ANSWER_PARTS and part.get("thought") is not True:
            said = part.get("text")
            said = said.get("value") if isinstance(said, dict) else said
            if not isinstance(said, str):
                return None, False
            texts.append(said)
        elif part.get("type") == "refusal":
            refused = True
    return texts, refused


def _reasoning(message: Mapping[str, object]) -> str:
    """Return the reasoning that a message shows, once, wherever it stands."""
    shown = [said for name in _REASONING_FIELDS if isinstance(said := message.get(name), str)]
    content = message.get("content")
    if isinstance(content, list):
        shown.append("".join(_strings([one for one in content if _is_reasoning(one)])))
    return max(shown, key=len, default="")


def _is_reasoning(part: object) -> bool:
    return isinstance(part, dict) and (
        part.get("type", "text") not in _ANSWER_PARTS or part.get("thought") is True
    )


def _strings(value: object) -> Iterator[str]:
    """Yield the texts within a part, which may hold parts itself; no names of kinds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, dict):
        for name in ("text", "thinking", "reasoning", "summary", "content"):
            yield from _strings(value.get(name))


def _finish_reason(choice: Mapping[str, object], text: str) -> str | None:
    """Return why an answer ended; where nothing was answered, in the words of the provider behind a gateway."""
    said = _word(choice.get("finish_reason"))
    native = _word(choice.get("native_finish_reason"))
    if not text.strip() and native in LENGTH_REASONS | REFUSAL_REASONS | ERROR_REASONS:
        said = native
    return LENGTH if said in LENGTH_REASONS else said


def _word(value: object) -> str | None:
    """Return a reason in lower case, its words apart, without the name of its kind (`FINISH_REASON_SAFETY`, `ContentFiltered`)."""
    word = error_code(value)
    if word is None:
        return None
    return _KIND.sub("", _HUMP.sub("_", word).lower().replace("-", "_"))


def mapping(value: object) -> Mapping[str, object]:
    """Return an object of JSON; an empty one for what is none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
