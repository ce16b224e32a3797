"""Errors as providers send them, by name: what they are about, their status and their body (reported by users, read 2026-11-30)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_NO_ENDPOINTS = "No endpoints found that can handle the requested parameters."
_SEED = {
    "type": "extra_forbidden",
    "loc": ["body", "seed"],
    "msg": "Extra inputs are not permitted",
    "input": 0,
}


@dataclass(frozen=True)
class Reported:
    """One error: sent while `applies` holds for a request, with this status and body."""

    status: int
    body: object
    applies: Callable[[Json], bool] = lambda _: True


def _has(field: str) -> Callable[[Json], bool]:
    return lambda body: field in body


def _has_system(body: Json) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def _has_schema(body: Json) -> bool:
    return bool(body.get("response_format", {}).get("type") == "json_schema")


def _said(message: str, **more: object) -> Json:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}
    }


REPORTED: dict[str, Reported] = {
    "mistral_seed": Reported(
        422,
        {"object": "error", "message": {"detail": [_SEED]}, "type": "invalid_request_error"},
        _has("seed"),
    ),
    "mistral_text": Reported(
        422, {"object": "error", "message": json.dumps({"detail": [_SEED]}), "code": "1000"}, _has("seed")
    ),
    "fastapi_seed": Reported(422, {"detail": [_SEED]}, _has("seed")),
    "litellm_seed": Reported(
        400,
        _said(
            "litellm.UnsupportedParamsError: x does not support parameters: ['seed'], for model=y.",
            code="400",
        ),
        _has("seed"),
    ),
    "litellm_500": Reported(
        500, _said("ollama does not support parameters: {'seed': 1}", code=500), _has("seed")
    ),
    "openai_seed": Reported(400, _said("Unrecognized request argument supplied: seed"), _has("seed")),
    "google_seed": Reported(
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Unknown name "seed": Cannot find field.',
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        _has("seed"),
    ),
    "groq_seed": Reported(400, _said("property 'seed' is unsupported"), _has("seed")),
    "vague_seed": Reported(400, _said("Bad request"), _has("seed")),
    "vague_temperature": Reported(400, _said("Bad request"), _has("temperature")),
    "system": Reported(400, _said("System role not supported"), _has_system),
    "template": Reported(
        500, _said("Conversation roles must alternate user/assistant/user/assistant/..."), _has_system
    ),
    "developer": Reported(
        400,
        [{"error": {"code": 400, "message": "Developer instruction is not enabled for models/g"}}],
        _has_system,
    ),
    "groq_format": Reported(
        400,
        _said("This model does not support response format `json_schema`. See supported models"),
        _has_schema,
    ),
    "openrouter_seed": Reported(404, _said(_NO_ENDPOINTS, code=404), _has("seed")),
    "openrouter_format": Reported(404, _said(_NO_ENDPOINTS, code=404), _has_schema),
    "openrouter_outputs": Reported(
        404, _said("No endpoints found that support structured outputs", code=404), _has_schema
    ),
    "openai_wait": Reported(
        429,
        _said(
            "Rate limit reached for m. Limit 3, Used 3. Please try again in 400ms.",
            code="rate_limit_exceeded",
        ),
    ),
    "google_wait": Reported(
        429,
        [
            {
                "error": {
                    "code": 429,
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "x", "retryDelay": "0.4s"}],
                }
            }
        ],
    ),
    "field_wait": Reported(
        429, {"error": {"message": "slow down", "metadata": {"retry_after_seconds": 0.4}}}
    ),
    "google_503": Reported(
        503,
        [
            {
                "error": {
                    "code": 503,
                    "status": "UNAVAILABLE",
                    "details": [{"@type": "x", "retryDelay": "0.4s"}],
                }
            }
        ],
    ),
    "flagged_403": Reported(
        403,
        {
            "error": {
                "code": 403,
                "message": "no",
                "metadata": {"reasons": ["violence"], "flagged_input": "..."},
            }
        },
    ),
}
