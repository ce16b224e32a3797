"""What the body of an error says: the fields that it names, what it is about, and how long it asks to wait."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.errors.error_hints import NO_HINTS, read_hints

LOC = {
    "type": "extra_forbidden",
    "loc": ["body", "seed"],
    "msg": "Extra inputs are not permitted",
    "input": 0,
}


def said(message: str) -> dict[str, Any]:
    """Make an error body of OpenAI's form that says it in words alone."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"error": {"param": "seed", "message": "no"}}, ("seed",)),
        ({"detail": [LOC]}, ("seed",)),
        ({"detail": LOC}, ("seed",)),
        ({"object": "error", "message": {"detail": [LOC]}, "type": "invalid_request_error"}, ("seed",)),
        ({"object": "error", "message": json.dumps({"detail": [LOC]}), "param": None}, ("seed",)),
        ({"error": {"message": f"Error: {json.dumps({'detail': [LOC]})}"}}, ("seed",)),
        (
            said(
                "litellm.UnsupportedParamsError: anthropic does not support parameters: ['seed'], for "
                "model=claude-3-5. To drop these, set `litellm.drop_params=True`"
            ),
            ("seed",),
        ),
        (said("ollama does not support parameters: {'seed': 1, 'temperature': 0}"), ("seed", "temperature")),
        (said("Unrecognized request argument supplied: seed"), ("seed",)),
        (
            [
                {
                    "error": {
                        "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'
                    }
                }
            ],
            ("seed",),
        ),
        (
            {
                "error": {
                    "details": [{"fieldViolations": [{"field": "seed", "description": "Cannot find field."}]}]
                }
            },
            ("seed",),
        ),
        (said("Completions.create() got an unexpected keyword argument 'seed'"), ("seed",)),
        (said("extra fields not permitted: seed"), ("seed",)),
        (said("property 'seed' is unsupported, did you mean 'stream'?"), ("seed",)),
        (said("Argument not supported: `seed`"), ("seed",)),
        (
            said(
                "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is."
            ),
            ("temperature",),
        ),
        (said("`temperature` must be strictly positive"), ("temperature",)),
        (
            said(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
            ),
            ("max_tokens",),
        ),
        (said("reasoning_effort is not supported by this model"), ("reasoning_effort",)),
        (said("Model grok-4 does not support parameter reasoningEffort."), ("reasoning_effort",)),
        (said('"gemma3" does not support thinking'), ("reasoning_effort",)),
        (said('think value "low" is not supported for this model'), ("reasoning_effort",)),
        (said("Thinking level is not supported for this model."), ("reasoning_effort",)),
        (said("invalid temperature: only 1 is allowed for this model"), ("temperature",)),
        ({"error": {"param": "/seed", "message": "Extra inputs are not permitted"}}, ("seed",)),
        (said("max_tokens must be at most 4096"), ()),
        ({"detail": [{"type": "less_than_equal", "loc": ["body", "max_tokens"], "msg": "too large"}]}, ()),
        (said("The seeds of unknown plants grow at any temperature"), ()),
        (said("Something else is wrong"), ()),
        ("seed", ()),
        (None, ()),
    ],
)
def test_the_refused_field_is_read_where_it_is_named(body: object, fields: tuple[str, ...]) -> None:
    """By member, by place, inside a JSON text, or in words; a limit's range, and mere mention, name nothing."""
    assert set(read_hints(body).fields) == set(fields)


@pytest.mark.parametrize(
    "message",
    [
        "This model does not support response format `json_schema`. See supported models",
        "This response_format type is unavailable now",
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
        "json mode is not supported for this model",
        "At body -> response_format -> type: Input should be 'text'; unsupported",
        "Structured outputs are not supported on this endpoint",
        "No endpoints found that support structured outputs",
        "response_format.type: unknown variant `json_schema`, expected `text` or `json_object` at line 1 column 99",
        "At body -> response_format: Input tag 'json_object' does not match any of the expected tags: 'text'",
        "response_format: json_schema: Schema invalid",
        "JSON schema conversion failed: Unrecognized schema",
        "Failed to parse grammar",
        "Input validation error: Grammar is not supported",
        "The specified schema produces a constraint that has too many states for serving.",
        "output_format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ],
)
def test_a_refused_format_is_read_in_words(message: str) -> None:
    """However a provider calls it, the refusal is about the answer's shape."""
    assert read_hints(said(message)).format


def test_a_format_that_is_only_mentioned_is_not_refused() -> None:
    """OpenAI's demand for the word json, and a model that failed to keep to the schema, refuse no format."""
    for message in (
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        "Failed to generate JSON. Please adjust your prompt.",
    ):
        assert not read_hints(said(message)).format


@pytest.mark.parametrize(
    "message",
    [
        "System role not supported",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        "Only user, assistant and tool roles are supported, got system",
        "This model does not support system messages",
        'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter',
        "System messages are not allowed",
        "the system prompt is not supported",
        "Only user and assistant roles are supported!",
        "messages[0].role: invalid value 'system', expected 'user' or 'assistant'",
        "messages[0].role: unknown variant `system`, expected `user` or `assistant`",
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        "The first message must be from the user role",
    ],
)
def test_a_refused_system_role_is_read(message: str) -> None:
    """As chat templates and providers say it."""
    assert read_hints(said(message)).system


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (said("Rate limit reached. Please try again in 1.2s. Visit https://example.org to learn more."), 1.2),
        (said("Please try again in 7m12s."), 432.0),
        (said("Please try again in 12ms."), 0.012),
        (said("Please retry after 20 seconds."), 20.0),
        (said("Please retry in 26.660853464s."), 26.660853464),
        (said("Try again in 1 minute and 5 seconds"), 65.0),
        (said("try again in 30 requests"), None),
        (said("Limit 30, used 30"), None),
        (
            [{"error": {"code": 429, "details": [{"@type": "RetryInfo", "retryDelay": "34.074824224s"}]}}],
            34.074824224,
        ),
        ({"error": {"metadata": {"retry_after_seconds": 9}}}, 9.0),
        ({"error": {"retry_after": "15"}}, 15.0),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retryAfterMs": "1500"}, 1.5),
        ({"error": {"metadata": {"headers": {"Retry-After": "12"}}}}, 12.0),
    ],
)
def test_the_delay_is_read_in_the_body(body: object, seconds: float | None) -> None:
    """In a member of the error, or in its words; numbers of anything else are no delay."""
    assert read_hints(body).delay == pytest.approx(seconds)


def test_a_missing_model_is_no_refused_parameter() -> None:
    """OpenRouter says of both that it found no endpoints."""
    assert read_hints(said("No endpoints found that can handle the requested parameters.")).parameters
    for message in ("No endpoints found for x/y.", "No endpoints found matching your data policy"):
        assert read_hints(said(message)) == NO_HINTS


def test_a_flagged_text_is_told_from_a_missing_right() -> None:
    """OpenRouter's metadata, xAI's and Azure's words say that the text was the matter."""
    flagged = {
        "error": {"code": 403, "message": "x", "metadata": {"reasons": ["violence"], "flagged_input": "..."}}
    }
    assert read_hints(flagged).moderated
    assert read_hints(
        {"code": "denied", "error": "Content violates usage guidelines. SAFETY_CHECK_TYPE_X"}
    ).moderated
    assert not read_hints(said("You do not have access to this model")).moderated


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_body_breaks_the_reading(body: object) -> None:
    """Whatever a server writes, the reading ends."""
    assert read_hints(body) is not None
    assert read_hints({}) == NO_HINTS
