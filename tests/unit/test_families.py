"""What a model takes is known by its name; the settings say how much it reasons, and a mistake is one line."""

import pytest

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import request_body
from models.engines.api.families import FAMILIES, ROOM, UNTOLD, choose_effort, find_family
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiPermit, ApiRequest
from models.errors import UsageError
from models.ids import new_id
from models.requests import Choice, JsonValue, Message
from models.settings import Settings
from models.workloads import build


def options(model: str, **more: object) -> ApiOptions:
    """Make the options of an API with this model."""
    return ApiOptions.from_settings(Settings.model_validate({"api_model": model, "api_key": "k", **more}))


def body(made: ApiOptions) -> dict[str, JsonValue]:
    """Render a request with 16 tokens for its answer."""
    permit = ApiPermit.of(build("sentiment", Settings()))
    assert permit is not None
    output = Choice(("yes", "no"))
    request = ApiRequest(
        new_id(),
        "k",
        (Message("user", "late again"),),
        output,
        16,
        permit=permit,
        reasoning_room=made.reasoning_room,
    )
    return request_body(request, made, EndpointCapabilities())


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-6-luna", "none"),
        ("openai/gpt-6-luna", "none"),
        ("gpt-6.1-terra", "none"),
        ("gpt-6-astra", "low"),
        ("gpt-6.1-sol", "low"),
        ("gpt-5.6-luna", "none"),
        ("gpt-5.4-2026-03-05", "none"),
        ("gpt-5.1", "none"),
        ("gpt-5-nano-2025-08-07", "minimal"),
        ("o4-mini", "low"),
        ("gpt-5.5", None),
        ("gpt-7-whatever", None),
        ("gpt-4o-mini", None),
        ("gpt-4.1-nano", None),
        ("gpt-5-chat-latest", None),
        ("llama-3.1-8b", None),
        ("gpt-oss-20b", None),
        ("o", None),
    ],
)
def test_the_default_effort_is_the_least_that_a_model_takes(model: str, effort: str | None) -> None:
    """Where the table does not know which a model takes, nothing is sent."""
    assert choose_effort(model, None) == effort
    assert body(options(model)).get("reasoning_effort") == effort


def test_a_reasoning_model_gets_other_fields() -> None:
    """The default model: the new limit, an effort, and neither temperature nor seed, wherever it is served."""
    for more in ({}, {"api_base_url": "http://127.0.0.1:4000/v1"}):
        made = body(options("gpt-6-luna", **more))
        assert made.keys() == {
            "model",
            "messages",
            "reasoning_effort",
            "max_completion_tokens",
            "response_format",
        }
        assert (made["reasoning_effort"], made["max_completion_tokens"]) == ("none", 16)


def test_other_models_are_asked_as_ever() -> None:
    """One that does not reason, and one that nobody knows, on OpenAI's host and on another."""
    made = body(options("gpt-4o-mini"))
    assert (made["temperature"], made["seed"], made["max_completion_tokens"]) == (0, 0, 16)
    made = body(options("my-model", api_base_url="http://127.0.0.1:4000/v1"))
    assert (made["temperature"], made["seed"], made["max_tokens"]) == (0, 0, 16)


@pytest.mark.parametrize(
    ("model", "effort", "tokens", "room"),
    [
        ("gpt-6-luna", None, None, 0),
        ("gpt-6-luna", "low", None, ROOM["low"]),
        ("gpt-6-luna", "max", None, ROOM["max"]),
        ("gpt-6-luna", "low", 300, 300),
        ("gpt-6-luna", "none", 300, 300),
        ("gpt-6-astra", None, None, ROOM["low"]),
        ("gpt-5.5", None, None, ROOM[UNTOLD]),
        ("gpt-4o-mini", None, None, 0),
        ("my-model", None, None, 0),
        ("my-model", "high", None, ROOM["high"]),
        ("my-model", None, 2000, 2000),
    ],
)
def test_the_limit_has_room_for_reasoning(
    model: str, effort: str | None, tokens: int | None, room: int
) -> None:
    """By the effort, or as it is set; none where the model does not reason."""
    made = options(model, api_reasoning_effort=effort, api_reasoning_tokens=tokens)
    assert made.reasoning_room == room
    assert 16 + room in body(made).values()


@pytest.mark.parametrize(
    ("model", "effort", "advice"),
    [
        ("gpt-6-luna", "minimal", "set none, low, medium, high, xhigh, max"),
        ("gpt-6-astra", "none", "set low, medium, high, xhigh, max"),
        ("gpt-5-mini", "none", "set minimal, low, medium, high"),
        ("gpt-4o-mini", "low", "leave it out, it does not reason"),
    ],
)
def test_an_effort_that_the_model_does_not_take_is_one_line(model: str, effort: str, advice: str) -> None:
    """It names the model, the value, both settings and what to set instead."""
    with pytest.raises(UsageError, match="BREAKEVEN_API_REASONING_EFFORT") as caught:
        options(model, api_reasoning_effort=effort)
    said = str(caught.value)
    assert said.startswith(f"{model} takes no reasoning effort {effort!r}: {advice} (")
    assert "reasoning_effort of the workload" in said
    assert "\n" not in said


def test_a_workload_has_an_effort_of_its_own() -> None:
    """It stands over the general one, is taken over by what extends it, and leaves other workloads alone."""
    settings = Settings.model_validate(
        {
            "api_model": "gpt-6-luna",
            "api_key": "k",
            "api_reasoning_effort": "low",
            "workloads": {
                "enrichment": {"reasoning_effort": "high"},
                "mine": {"extends": "enrichment"},
                "fast": {"extends": "enrichment", "reasoning_effort": "none"},
            },
        }
    )
    names = ("sentiment", "enrichment", "mine", "fast")
    made = [ApiOptions.from_settings(settings.for_workload(name)) for name in names]
    assert [one.reasoning_effort for one in made] == ["low", "high", "high", "none"]
    assert [one.reasoning_room for one in made] == [ROOM["low"], ROOM["high"], ROOM["high"], 0]


def test_the_table_is_whole() -> None:
    """Each effort has room that grows with it, each row of known efforts a source, and none reasons less than its least."""
    order = list(ROOM)
    assert list(ROOM.values()) == sorted(ROOM.values())
    for family in FAMILIES:
        assert list(family.efforts) == sorted(family.efforts, key=order.index)
        assert bool(family.efforts) <= family.reasons
        assert not family.efforts or family.source.startswith("https://")
    assert find_family("gpt-6-luna") is FAMILIES[0]
