"""The manners of twelve providers: what each refuses and in which words, and what its replies hold.

Error bodies are as users reported them; docs/providers.md names where each was read.
"""

import json
from datetime import UTC, datetime

from models.economics.pricing import NANO, price_on, request_cost_nano
from models.economics.published_prices import api_prices
from models.requests import Usage
from tests.faulty_replies import Json, Spoilt
from tests.integration.providers.server import Billed, Manner, error

OPENROUTER_MODEL = "meta-llama/llama-3.1-8b-instruct"
RATE_LIMITS = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999000",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-reset-tokens": "6m0s",
}


def openai_usage(given: int, made: int) -> Billed:
    """Count reasoning within the completion, and name what was read from the cache and written to it."""
    reported = {
        "prompt_tokens": given,
        "completion_tokens": made + 64,
        "total_tokens": given + made + 64,
        "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 64,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    return reported, Usage(given, 8, made + 64, 64, 3)


def gemini_usage(given: int, made: int) -> Billed:
    """Count reasoning beside the completion: only the total holds it."""
    reported = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made + 40}
    return reported, Usage(given, 0, made + 40, 40)


def groq_usage(given: int, made: int) -> Billed:
    """Report times beside tokens; the reasoning is part of the completion."""
    reported = {
        "queue_time": 0.0413,
        "prompt_tokens": given,
        "prompt_time": 0.0251,
        "completion_tokens": made + 30,
        "completion_time": 0.0498,
        "total_tokens": given + made + 30,
        "total_time": 0.0749,
        "prompt_tokens_details": {"cached_tokens": 16},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    return reported, Usage(given, 16, made + 30, 30)


def openrouter_usage(given: int, made: int) -> Billed:
    """Report what the account was charged."""
    billed = Usage(given, 8, made)
    price = price_on(api_prices(OPENROUTER_MODEL, "openrouter"), datetime.now(UTC).date())
    reported = {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "cost": request_cost_nano(price, billed) / NANO,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "cost_details": {"upstream_inference_cost": None},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    return reported, billed


def litellm_usage(given: int, made: int) -> Billed:
    """Name the cache in Anthropic's words and in OpenAI's."""
    reported = {
        "completion_tokens": made,
        "prompt_tokens": given,
        "total_tokens": given + made,
        "completion_tokens_details": None,
        "prompt_tokens_details": {"audio_tokens": None, "cached_tokens": 8, "cache_creation_tokens": 4},
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 8,
    }
    return reported, Usage(given, 8, made, 0, 4)


def llama_cpp_usage(given: int, made: int) -> Billed:
    """Name what was in the cache of the prompt."""
    reported = {
        "completion_tokens": made,
        "prompt_tokens": given,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": 12},
    }
    return reported, Usage(given, 12, made)


def message(chat: Json) -> Json:
    """Return the message of a reply's only choice."""
    made: Json = chat["choices"][0]["message"]
    return made


def openai_adds(chat: Json, _body: Json, _number: int) -> None:
    """Name the tier, and annotate the message."""
    chat |= {"service_tier": "default", "system_fingerprint": "fp_44709d6fcb"}
    message(chat)["annotations"] = []


def azure_adds(chat: Json, _body: Json, _number: int) -> None:
    """Say what the content filters found, and which version of the model answered."""
    calm = {"hate": {"filtered": False, "severity": "safe"}}
    chat |= {"model": "gpt-6-luna-2026-10-07", "prompt_filter_results": [{"prompt_index": 0}]}
    chat["choices"][0]["content_filter_results"] = calm


def anthropic_adds(chat: Json, _body: Json, _number: int) -> None:
    """Answer in prose: no field of the request binds the form."""
    message(chat)["content"] = message(chat)["content"].capitalize() + "."


def groq_adds(chat: Json, _body: Json, _number: int) -> None:
    """Show the reasoning beside the answer, and Groq's own marks."""
    message(chat)["reasoning"] = "The text says so."
    chat |= {"service_tier": "on_demand", "x_groq": {"id": "req_01"}, "usage_breakdown": None}


def openrouter_adds(chat: Json, _body: Json, number: int) -> None:
    """Name who served; the first request meets a provider that is down, in a reply with status 200."""
    chat |= {"id": f"gen-{number}", "provider": "Groq", "system_fingerprint": None}
    chat["choices"][0]["native_finish_reason"] = "stop"
    message(chat).update(reasoning=None)
    if number == 0:
        chat.pop("usage")
        failed = {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": "Groq"}}
        chat["choices"][0] |= {"finish_reason": "error", "error": failed}
        message(chat)["content"] = ""


def ollama_adds(chat: Json, _body: Json, _number: int) -> None:
    """Mark the reply as Ollama's."""
    chat["system_fingerprint"] = "fp_ollama"


def llama_cpp_adds(chat: Json, _body: Json, _number: int) -> None:
    """Leave an empty block of thinking before the answer, and report timings."""
    message(chat)["content"] = f"<think>\n\n</think>\n\n{message(chat)['content']}"
    chat |= {"system_fingerprint": "b8681", "timings": {"cache_n": 12, "prompt_n": 20, "predicted_n": 4}}


def tgi_adds(chat: Json, _body: Json, _number: int) -> None:
    """Mark the reply as TGI's."""
    chat |= {"system_fingerprint": "3.3.5-sha-d029d2", "object": "chat.completion"}


def no_temperature(body: Json) -> Spoilt | None:
    """Refuse a temperature, as Claude's newer models do: no field of the error names it."""
    if "temperature" not in body:
        return None
    said = "`temperature` is deprecated for this model."
    return error(400, code="invalid_request_error", message=said, type="invalid_request_error", param=None)


def no_seed_of_gemini(body: Json) -> Spoilt | None:
    """Refuse a seed in Google's words; the body is a list."""
    if "seed" not in body:
        return None
    said = 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'
    kind = "type.googleapis.com/google.rpc.BadRequest"
    details = [{"@type": kind, "fieldViolations": [{"description": said}]}]
    failed = {"code": 400, "message": said, "status": "INVALID_ARGUMENT", "details": details}
    return Spoilt(400, json.dumps([{"error": failed}]).encode())


def no_seed_of_mistral(body: Json) -> Spoilt | None:
    """Refuse a field that is not known: its place stands in a list within the message."""
    unknown = [name for name in ("seed", "max_completion_tokens", "reasoning_effort") if name in body]
    if not unknown:
        return None
    said = "Extra inputs are not permitted"
    found = [
        {"type": "extra_forbidden", "loc": ["body", name], "msg": said, "input": body[name]}
        for name in unknown
    ]
    failed = {"object": "error", "message": {"detail": found}, "type": "invalid_request_error"}
    return Spoilt(422, json.dumps(failed | {"param": None, "code": None}).encode())


def no_seed_of_litellm(body: Json) -> Spoilt | None:
    """Refuse what the model behind the gateway does not take; only the message names it."""
    if "seed" not in body:
        return None
    said = (
        "litellm.UnsupportedParamsError: anthropic does not support parameters: ['seed'], for "
        "model=claude-haiku-5-5. To drop these, set `litellm.drop_params=True` or for proxy:\n\n"
        "`litellm_settings:\n drop_params: true`\n. Received Model Group=claude-haiku-5-5\n"
        "Available Model Group Fallbacks=None"
    )
    return error(400, message=said, type=None, param=None, code="400")


def no_system_role(body: Json) -> Spoilt | None:
    """Refuse the system role, as the chat template of Gemma 2 does."""
    if body["messages"][0]["role"] != "system":
        return None
    failed = {"object": "error", "message": "System role not supported", "type": "BadRequestError"}
    return Spoilt(400, json.dumps(failed | {"param": None, "code": 400}).encode())


def no_openai_format(body: Json) -> Spoilt | None:
    """Refuse a `response_format` without a `value`, in plain text."""
    if "response_format" not in body:
        return None
    said = "Failed to deserialize the JSON body into the target type: response_format: missing field `value`"
    return Spoilt(422, f"{said} at line 1 column 900".encode(), headers={"Content-Type": "text/plain"})


CHAT = "/v1/chat/completions"
MANNERS = (
    Manner("OpenAI", CHAT, usage=openai_usage, adds=openai_adds, headers=RATE_LIMITS, provider="openai"),
    Manner(
        "Azure OpenAI",
        "/openai/deployments/gpt-6-luna/chat/completions?api-version=2024-10-21",
        key_header="api-key",
        usage=openai_usage,
        adds=azure_adds,
        headers=RATE_LIMITS,
        provider="openai",
    ),
    Manner(
        "Anthropic",
        CHAT,
        refuses=no_temperature,
        adds=anthropic_adds,
        provider="anthropic",
        refused=1,
        learnt=("temperature",),
    ),
    Manner(
        "Gemini",
        "/v1beta/openai/chat/completions",
        refuses=no_seed_of_gemini,
        usage=gemini_usage,
        provider="google",
        refused=1,
        learnt=("seed",),
    ),
    Manner("Mistral", CHAT, refuses=no_seed_of_mistral, provider="mistral", refused=1, learnt=("seed",)),
    Manner(
        "Groq",
        "/openai/v1/chat/completions",
        usage=groq_usage,
        adds=groq_adds,
        headers=RATE_LIMITS,
        provider="groq",
    ),
    Manner(
        "OpenRouter",
        "/api/v1/chat/completions",
        usage=openrouter_usage,
        adds=openrouter_adds,
        provider="openrouter",
        refused=1,
        unknown=1,
    ),
    Manner(
        "LiteLLM",
        CHAT,
        refuses=no_seed_of_litellm,
        usage=litellm_usage,
        headers={"x-litellm-model-id": "9a1"},
        cost_header="x-litellm-response-cost",
        provider="anthropic",
        refused=1,
        learnt=("seed",),
    ),
    Manner("vLLM", CHAT, key_header=None, refuses=no_system_role, refused=1, learnt=("system",)),
    Manner("Ollama", CHAT, key_header=None, adds=ollama_adds),
    Manner("llama.cpp", CHAT, key_header=None, usage=llama_cpp_usage, adds=llama_cpp_adds),
    Manner(
        "TGI",
        CHAT,
        key_header=None,
        refuses=no_openai_format,
        adds=tgi_adds,
        refused=2,
        learnt=("json_schema", "json_object"),
    ),
)
