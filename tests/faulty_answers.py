"""Answers with status 200 in the manner of many providers: usages that cannot be, wrapped answers, errors inside.

Each takes a valid completion and the fault's argument, spoils the completion, and returns the usage that the server
bills for it, None for nothing.
"""

import json
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

LATE = "the model broke off; the provider quotes your prompt here: do not log it"
REASONED = 30
"""Tokens of reasoning that are counted beside the completion."""


def content_of(chat: Json) -> str:
    """Return the answer of a completion."""
    return str(chat["choices"][0]["message"]["content"])


def _with_usage(**reported: object) -> Callable[[Json, str], Json]:
    """Report this in the place of what is billed."""

    def spoil(chat: Json, _: str) -> Json:
        billed: Json = dict(chat["usage"])
        chat["usage"] = billed | reported
        return billed

    return spoil


def _with_content(wrap: Callable[[str], object]) -> Callable[[Json, str], Json]:
    """Wrap the answer."""

    def spoil(chat: Json, _: str) -> Json:
        chat["choices"][0]["message"]["content"] = wrap(content_of(chat))
        return dict(chat["usage"])

    return spoil


def _beside(chat: Json, argument: str) -> Json:
    """Count reasoning beside the completion, in the total alone (Gemini) or by name as well (xAI)."""
    usage = chat["usage"]
    usage["total_tokens"] += REASONED
    if argument == "named":
        usage["completion_tokens_details"] = {"reasoning_tokens": REASONED}
    return {**usage, "completion_tokens": usage["completion_tokens"] + REASONED}


def _anthropic(chat: Json, _: str) -> Json:
    """Count as Anthropic does: what was read from the cache stands beside the input."""
    billed: Json = dict(chat["usage"])
    cached = billed["prompt_tokens_details"]["cached_tokens"]
    chat["usage"] = {
        "input_tokens": billed["prompt_tokens"] - cached,
        "output_tokens": billed["completion_tokens"],
        "cache_read_input_tokens": cached,
    }
    return billed


def _more(chat: Json, argument: str) -> Json:
    """Bill so many tokens for the answer, whatever its limit was."""
    chat["usage"]["completion_tokens"] = int(argument)
    chat["usage"]["total_tokens"] = chat["usage"]["prompt_tokens"] + int(argument)
    return dict(chat["usage"])


def _hiccup(chat: Json, argument: str) -> Json | None:
    """Break within the choice, with this code (a status, a word, or none), and bill nothing that is known."""
    error: Json = {"message": LATE}
    if argument:
        error["code"] = int(argument) if argument.isdigit() else argument
    chat["choices"][0] |= {"finish_reason": "error", "error": error}
    chat["choices"][0]["message"]["content"] = ""
    chat.pop("usage")
    return None


def _billed_hiccup(chat: Json, argument: str) -> Json:
    """Break within the choice, and bill the prompt."""
    billed: Json = {"prompt_tokens": chat["usage"]["prompt_tokens"], "completion_tokens": 0}
    _hiccup(chat, argument)
    chat["usage"] = billed
    return billed


def _hiccup_body(chat: Json, argument: str) -> None:
    """Break in the place of the choices."""
    error = {"message": LATE, "code": int(argument)}
    chat.clear()
    chat["error"] = error


def _ended(chat: Json, argument: str) -> Json:
    """End for this reason without an answer."""
    chat["choices"][0] |= {"finish_reason": argument}
    chat["choices"][0]["message"]["content"] = ""
    return {**chat["usage"]}


def _served(chat: Json, argument: str) -> Json:
    """Say how it was served: `MODEL,TIER,COST`, each of which may be empty."""
    model, tier, cost = argument.split(",")
    chat["model"] = model or chat["model"]
    if tier:
        chat["service_tier"] = tier
    if cost:
        chat["usage"]["cost"] = float(cost)
    return dict(chat["usage"])


def _in_parts(content: str) -> object:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    return [thought, {"type": "text", "text": content}]


def _reasoning_alone(chat: Json, _: str) -> Json:
    message = chat["choices"][0]["message"]
    message["reasoning_content"], message["content"] = message["content"], None
    return dict(chat["usage"])


def _shown_reasoning(chat: Json, _: str) -> Json:
    """Show 500 words of reasoning, bill them, and report the tokens of the answer alone."""
    billed = dict(chat["usage"])
    chat["choices"][0]["message"]["reasoning_content"] = "perhaps " * 500
    chat["usage"].pop("total_tokens")
    return {**billed, "completion_tokens": billed["completion_tokens"] + 500}


def _label(content: str) -> str:
    return str(json.loads(content)["label"])


ODD: dict[str, Callable[[Json, str], Json | None]] = {
    "zero_usage": _with_usage(prompt_tokens=0, completion_tokens=0, total_tokens=0),
    "zero_prompt": _with_usage(prompt_tokens=0, total_tokens=None),
    "zero_completion": _with_usage(completion_tokens=0, total_tokens=None),
    "tiny_prompt": _with_usage(prompt_tokens=1, total_tokens=None, prompt_tokens_details=None),
    "small_total": _with_usage(total_tokens=1),
    "many_tokens": _with_usage(prompt_tokens=2**31 - 1, total_tokens=None),
    "shown_reasoning": _shown_reasoning,
    "beside": _beside,
    "anthropic": _anthropic,
    "more": _more,
    "think": _with_content(lambda said: f"<think>positive, negative or neutral?</think>\n{said}"),
    "half_think": _with_content(lambda said: f"positive, negative or neutral?\n</think>\n\n{said}"),
    "prose": _with_content(lambda said: f"Here is the answer:\n```json\n{said}\n```\nI hope that helps!"),
    "list": _with_content(lambda said: f"[{said}]"),
    "parts": _with_content(_in_parts),
    "decoded": _with_content(json.loads),
    "stripped": _with_content(lambda said: f"analysisIt may be positive.assistantfinal{said}"),
    "full_stop": _with_content(lambda said: f"{_label(said).capitalize()}."),
    "sentence": _with_content(lambda said: f"The sentiment is **{_label(said)}** because of its tone."),
    "two_answers": _with_content(lambda _: '{"label": "negative"} or {"label": "positive"}'),
    "reasoning_alone": _reasoning_alone,
    "hiccup": _hiccup,
    "billed_hiccup": _billed_hiccup,
    "hiccup_body": _hiccup_body,
    "ended": _ended,
    "served": _served,
}
