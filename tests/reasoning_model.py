"""How a reasoning model behaves at an endpoint that speaks OpenAI's protocol: what it refuses, and what it bills.

It takes no `max_tokens` and no `temperature`, with the error bodies that OpenAI sends. Unless its effort is `none` it
reasons before it answers. The limit bounds both together: where reasoning uses it up, the answer is empty, the finish
reason `length`, and every token is billed.
"""

from typing import Any

Json = dict[str, Any]

EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
DEFAULT = "medium"
CACHED_FROM = 20
"""Prompts of so many tokens are written to the cache, all but the last five; a real one begins at 1,024."""


def refuse(body: Json) -> Json | None:
    """Return the error for a request that the model does not take, None for one that it takes."""
    if "max_tokens" in body:
        said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        return _error(said, "max_tokens", "unsupported_parameter")
    if body.get("temperature", 1) != 1:
        said = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
        return _error(said, "temperature", "unsupported_value")
    if body.get("reasoning_effort", DEFAULT) not in EFFORTS:
        said = f"Unsupported value: {body['reasoning_effort']!r} is not supported with this model."
        return _error(said, "reasoning_effort", "unsupported_value")
    return None


def think(body: Json, chat: Json, tokens: int) -> tuple[int, Json]:
    """Answer a request with a completion after so many tokens of reasoning: HTTP status and body."""
    if (error := refuse(body)) is not None:
        return 400, error
    reasoned = 0 if body.get("reasoning_effort", DEFAULT) == "none" else tokens
    limit, answer = body["max_completion_tokens"], chat["usage"]["completion_tokens"]
    if reasoned >= limit:
        eat(chat, limit)
        return 200, chat
    _bill(chat, reasoned, min(answer, limit - reasoned))
    return 200, chat


def eat(chat: Json, tokens: int = 16) -> None:
    """Let reasoning use up the limit: no answer is left of a completion, and all the tokens are billed."""
    chat["choices"][0]["message"]["content"] = ""
    chat["choices"][0]["finish_reason"] = "length"
    _bill(chat, tokens, 0)


def _bill(chat: Json, reasoned: int, answered: int) -> None:
    usage = chat["usage"]
    given = usage["prompt_tokens"]
    usage["prompt_tokens_details"] = {
        "cached_tokens": 0,
        "cache_write_tokens": max(given - 5, 0) if given >= CACHED_FROM else 0,
    }
    usage["completion_tokens"] = reasoned + answered
    usage["completion_tokens_details"] = {"reasoning_tokens": reasoned}
    usage["total_tokens"] = given + reasoned + answered


def _error(message: str, param: str, code: str) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
