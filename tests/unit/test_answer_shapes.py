"""Objects, free texts and content in parts: one that is clearly meant is taken, and nothing within it is repaired."""

import json
from typing import Any

import pytest

from models.engines.api.answers.answer_reading import read_answer
from models.engines.api.chat_format import parse_answer
from models.requests import FreeText
from tests.replies import OBJECT, reply, request
from tests.unit.test_answer_reading import HARMONY


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ('{"title": "x"}', None),
        ('```json\n{"title": "x"}\n```', None),
        ('{"title": "x"} and more', "from_prose"),
        ('Result:\n```\n{"title": "x"}\n```\nDone.', "from_prose"),
        ('Use {braces}: {"title": "x"}', "from_prose"),
        ('<think>{"title": "y"}</think>\n{"title": "x"}', "after_reasoning"),
        ('hm {"title": "y"}</think>{"title": "x"}', "after_reasoning"),
        ('[{"title": "x"}]', "from_list"),
        ('"{\\"title\\": \\"x\\"}"', "from_string"),
        (HARMONY.format('{"title": "x"}'), "after_reasoning"),
    ],
)
def test_an_object_that_is_clearly_meant(content: str, note: str | None) -> None:
    """It comes parsed, and its text is JSON; whether it fits the schema is the workload's to say."""
    read = read_answer(OBJECT, content, cut=False)
    assert (read.value, json.loads(read.text), read.note) == ({"title": "x"}, {"title": "x"}, note)


@pytest.mark.parametrize(
    "content",
    [
        '{"title": "x"',
        '{"title": "x", "more": {"title": "y"}',
        '{"title": "\\ud83d"}',
        '{"title": "x",}',
        '{"title": "x"}{"title": "y"}',
        '```\n{"title": "x"}\n```\nor\n```\n{"title": "y"}\n```',
        '{"title": "x", "title": "y"}',
        '[{"title": "x"}, {"title": "y"}]',
        '<think>{"title": "x"}',
        "{'title': 'x'}",
        "[1]",
        "5",
        "null",
    ],
)
def test_no_object_that_is_clearly_meant(content: str) -> None:
    """Nothing is repaired within JSON, nothing within a cut object is taken for the whole, and none of two is taken."""
    assert read_answer(OBJECT, content, cut=False).value is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<think>x</think>Late parcel", "Late parcel"),
        ("hm\n</think>\n\nLate parcel", "Late parcel"),
        ("analysishm.assistantfinalLate parcel", "Late parcel"),
        ("An analysis of the assistantfinal mark", "An analysis of the assistantfinal mark"),
        (HARMONY.format("Late parcel"), "Late parcel"),
        ("The tag </think> ends it.", "The tag </think> ends it."),
        ("A title, then <think>x</think>", "A title, then <think>x</think>"),
        ('"Late parcel"', '"Late parcel"'),
        ("**Late**", "**Late**"),
        ("<think>only", None),
    ],
)
def test_of_a_free_text_only_reasoning_is_taken_off(content: str, text: str | None) -> None:
    """And that only before the answer: a text may speak of such marks itself."""
    assert read_answer(FreeText(), content, cut=False).value == text


def parts(*given: object) -> Any:  # noqa: ANN401 - a reply
    """Make a reply whose content is a list of parts."""
    return reply(list(given))


@pytest.mark.parametrize(
    "body",
    [
        parts({"type": "text", "text": "neutral"}),
        parts({"type": "output_text", "text": "neutral"}),
        parts({"type": "text", "text": {"value": "neutral", "annotations": []}}),
        parts({"text": "neutral"}),
        parts("neutral"),
        parts(
            {"type": "thinking", "thinking": [{"type": "text", "text": "positive"}]},
            {"type": "text", "text": "neutral"},
        ),
        parts(
            {"type": "reasoning", "text": "positive"},
            {"type": "text", "text": '{"label": '},
            {"type": "text", "text": '"neutral"}'},
        ),
        reply({"type": "text", "text": "neutral"}),
        parts({"text": "positive", "thought": True}, {"text": "neutral"}),
    ],
)
def test_content_in_parts(body: dict[str, Any]) -> None:
    """The texts of its parts are one answer; parts of reasoning are none."""
    parsed = parse_answer(request(), body)
    assert (parsed.value, parsed.note) == ("neutral", "from_parts")


@pytest.mark.parametrize("body", [parts(7), parts({"type": "text", "text": 7}), parts(None), reply(True)])
def test_content_that_is_none(body: dict[str, Any]) -> None:
    """What is no text and no part is no chat completion."""
    assert parse_answer(request(), body).malformed == "wrong_schema"


def test_parts_that_differ_are_no_answer() -> None:
    """Two parts with two labels, a refusal, and reasoning alone."""
    text = {"type": "text", "text": "neutral"}
    assert parse_answer(request(), parts(text, {"type": "text", "text": " positive"})).value is None
    assert parse_answer(request(), parts({"type": "refusal", "refusal": "no"})).rejection == "refused"
    assert parse_answer(request(), parts({"type": "thinking", "thinking": "neutral"})).value is None
    body = reply("")
    body["choices"][0]["message"]["reasoning_content"] = "neutral"
    assert parse_answer(request(), body).value is None


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (
            {
                "content": None,
                "tool_calls": [{"function": {"name": "json", "arguments": '{"label": "neutral"}'}}],
            },
            "neutral",
        ),
        ({"content": "", "function_call": {"name": "json", "arguments": '{"label": "neutral"}'}}, "neutral"),
        ({"tool_calls": [{"function": {"name": "json", "arguments": {"label": "neutral"}}}]}, "neutral"),
        (
            {"tool_calls": [{"function": {"arguments": "neutral"}}, {"function": {"arguments": "positive"}}]},
            None,
        ),
        ({"tool_calls": [{"function": {"arguments": {"label": "neutral"}}}, 7]}, None),
    ],
)
def test_an_answer_as_the_call_of_a_function(message: dict[str, Any], value: str | None) -> None:
    """Some gateways ask for JSON so; one call without a content is the answer, two are none."""
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    parsed = parse_answer(request(), body)
    assert (parsed.value, parsed.note) == (value, None if value is None else "from_call")


def test_content_that_is_the_object_itself() -> None:
    """Some gateways decode the JSON that the model wrote: it is the answer, and the note says so."""
    label = parse_answer(request(), reply({"label": "neutral"}))
    assert (label.value, label.note) == ("neutral", "from_object")
    title = parse_answer(request(OBJECT), reply({"title": "Spät", "tags": []}))
    assert (title.value, title.text) == ({"title": "Spät", "tags": []}, '{"title":"Spät","tags":[]}')
    for odd in (float("nan"), "\ud83d"):
        broken = parse_answer(request(OBJECT), reply({"title": odd}))
        assert (broken.value, broken.malformed) == (None, None)


@pytest.mark.parametrize(
    ("body", "rejection"),
    [
        ({"choices": [{"finish_reason": "length", "index": 0}]}, "reasoning_limit"),
        ({"choices": [{"finish_reason": "SAFETY", "message": None}]}, "refused"),
        ({"choices": [], "promptFeedback": {"blockReason": "SAFETY"}}, "refused"),
        ({"prompt_feedback": {"block_reason": "OTHER"}}, "refused"),
    ],
)
def test_replies_without_a_message(body: dict[str, Any], rejection: str) -> None:
    """Gemini leaves the message out where nothing is left of it, and the choices where it held the prompt back."""
    parsed = parse_answer(request(), body)
    assert (parsed.rejection, parsed.malformed) == (rejection, None)


@pytest.mark.parametrize(
    "content",
    [
        "<think>" * 20_000,
        "<a>" + " " * 50_000,
        "is " + " " * 50_000 + "x",
        "[[" * 50_000,
        "neutral, " * 5_000,
        "```\n" * 20_000,
    ],
)
def test_a_text_that_is_made_to_take_long(content: str) -> None:
    """The time of the reading grows with the text, not with its square: a limit of the test would show it."""
    for output in (request().output, OBJECT, FreeText()):
        read_answer(output, content, cut=False)
