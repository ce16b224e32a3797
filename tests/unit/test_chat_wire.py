"""Chat completions on the wire: what is no chat completion, refused, or no text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.chat_format import Parsed, parse_answer
from models.engines.api.errors.error_codes import error_code
from models.requests import Usage
from tests.replies import CHOICE, reply, request


@pytest.mark.parametrize(
    ("body", "malformed"),
    [
        (None, "wrong_schema"),
        ([], "wrong_schema"),
        ({"error": {"message": "secret"}}, "wrong_schema"),
        ({"choices": None}, "wrong_schema"),
        ({"choices": []}, "empty_choices"),
        ({"choices": [None]}, "wrong_schema"),
        ({"choices": [{}]}, "wrong_schema"),
        ({"choices": [{"message": "hi"}]}, "wrong_schema"),
        ({"choices": [{"message": {"content": 7}}]}, "wrong_schema"),
        ({"choices": [{"message": {}}]}, None),
    ],
)
def test_what_is_no_chat_completion(body: object, malformed: str | None) -> None:
    """Bodies that are no chat completion are told apart from answers that do not fit."""
    parsed = parse_answer(request(), body)
    assert (parsed.malformed, parsed.value) == (malformed, None)


def test_a_malformed_reply_keeps_its_usage() -> None:
    """What the provider says it billed is kept, even without an answer."""
    assert parse_answer(request(), reply("x", choices=[])) == Parsed(
        usage=Usage(9, 4, 2), malformed="empty_choices"
    )


@pytest.mark.parametrize("content", ["cut off \ud83d", '{"label": "\udc00"}', '{"label": "\\ud83d"}'])
def test_half_a_surrogate_pair_has_no_value(content: str) -> None:
    """It is no JSON that anybody could write down again; the text that is kept can be encoded."""
    parsed = parse_answer(request(), reply(content))
    assert parsed.value is None
    assert parsed.text.encode().decode() == parsed.text


def test_a_filtered_answer_is_a_refusal() -> None:
    """The content filter and the model's own refusal reject the record; the refusal's text is not kept."""
    body = reply(None)
    body["choices"][0]["finish_reason"] = "content_filter"
    assert parse_answer(request(), body) == Parsed(
        usage=Usage(9, 4, 2), finish_reason="content_filter", rejection="refused", detail="content_filter"
    )
    body = reply(None)
    body["choices"][0]["message"]["refusal"] = "I will not say that about you"
    refused = parse_answer(request(), body)
    assert (refused.rejection, refused.detail, refused.text) == ("refused", "refusal", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
FIELDS = st.sampled_from(["choices", "message", "content", "usage", "finish_reason", "refusal", "label"])


@given(body=st.recursive(JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner)))
def test_no_reply_breaks_the_reading(body: object) -> None:
    """Whatever JSON a server sends, the reading ends; a label that counts is one of the labels."""
    parsed = parse_answer(request(), body)
    assert parsed.value is None or parsed.value in CHOICE.labels
    assert parsed.usage is None or parsed.usage.cached_tokens <= parsed.usage.input_tokens


def test_reprs_hold_no_answer() -> None:
    """Neither text nor value of an answer is part of a repr."""
    assert "neutral" not in repr(parse_answer(request(), reply("neutral")))


@pytest.mark.parametrize(
    ("value", "kept"), [("stop", "stop"), ("my flight is late", None), (7, None), ("", None)]
)
def test_only_short_words_pass_for_codes(value: object, kept: str | None) -> None:
    """What could be a text of a record is not taken for a provider's code."""
    assert error_code(value) == kept
