"""Chat completions on the wire: what is taken for an answer, and what is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.chat_format import Parsed, parse_answer
from models.engines.api.error_codes import error_code
from models.engines.api.permit import ApiPermit, ApiRequest
from models.engines.api.usage import usage_of
from models.ids import new_id
from models.requests import Choice, Message, OutputFormat, Usage
from models.settings import WorkloadSettings
from tests.workloads import Enrichment, Sentiment

WORKLOAD = Sentiment(WorkloadSettings())
CHOICE = Choice(("negative", "neutral", "positive"))
OBJECT = Enrichment(WorkloadSettings()).output_format
SYSTEM = (Message("system", "Classify."), Message("user", "late again"))


def request(output: OutputFormat = CHOICE, messages: tuple[Message, ...] = SYSTEM) -> ApiRequest:
    """Make a request of an output shape."""
    permit = ApiPermit.of(WORKLOAD)
    assert permit is not None
    return ApiRequest(new_id(), "k", messages, output, 16, permit=permit)


def reply(content: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a reply
    """Make the body of a chat completion."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": usage} | more


@pytest.mark.parametrize(
    "content",
    [
        '{"label": "neutral"}',
        "neutral",
        " neutral\n",
        '```json\n{"label":"neutral"}\n```',
        '```\n{"label":"neutral"}\n```',
    ],
)
def test_labels_that_count(content: str) -> None:
    """The object, the bare label and a fenced object are the label itself."""
    parsed = parse_answer(request(), reply(content))
    assert (parsed.text, parsed.value) == ("neutral", "neutral")
    assert (parsed.malformed, parsed.rejection, parsed.finish_reason) == (None, None, "stop")
    assert parsed.usage == Usage(9, 4, 2)


@pytest.mark.parametrize(
    "content",
    [
        '{"label": "neutral"',
        '{"label": "Neutral"}',
        '{"label": "neutral", "why": "…"}',
        '{"label": ["neutral"]}',
        '["neutral"]',
        "The answer is neutral.",
        "neutral.",
        '"neutral"',
        "",
        None,
        "[" * 100_000,
        '{"label": NaN}',
    ],
)
def test_labels_that_do_not_count(content: str | None) -> None:
    """Nothing is guessed or repaired: the value is None, the usage is real, and the reply is no malformed one."""
    parsed = parse_answer(request(), reply(content))
    assert parsed.value is None
    assert parsed.malformed is None
    assert parsed.usage == Usage(9, 4, 2)


@pytest.mark.parametrize("content", ['{"title": "x"}', '```json\n{"title": "x"}\n```'])
def test_objects_that_count(content: str) -> None:
    """An object comes parsed; whether it fits the schema is the workload's to say."""
    parsed = parse_answer(request(OBJECT), reply(content))
    assert (parsed.text, parsed.value) == ('{"title": "x"}', {"title": "x"})


@pytest.mark.parametrize("content", ['{"title": "x"', '{"title": "x"} and more', '{"title": "\\ud83d"}'])
def test_objects_that_do_not_count(content: str) -> None:
    """A cut object, one with text around it and one with half a character have no value."""
    assert parse_answer(request(OBJECT), reply(content)).value is None


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


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "many",
        {},
        {"prompt_tokens": 5},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": "5", "completion_tokens": 1},
        {"prompt_tokens": 10**12, "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 6}},
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -1}},
    ],
)
def test_usage_that_cannot_be_is_unknown(usage: object) -> None:
    """Missing and impossible token counts are None, never 0; the answer counts all the same."""
    parsed = parse_answer(request(), reply("neutral", usage=usage))
    assert (parsed.usage, parsed.value) == (None, "neutral")


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}, {"cached_tokens": 0}])
def test_usage_without_cached_tokens(details: object) -> None:
    """A provider that says nothing of cached tokens has used none."""
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": details}
    assert parse_answer(request(), reply("neutral", usage=usage)).usage == Usage(5, 0, 1)


@pytest.mark.parametrize(
    ("made", "reasoned", "total", "usage"),
    [
        (40, 30, 50, Usage(10, 0, 40, 30)),
        (40, 30, None, Usage(10, 0, 40, 30)),
        (9, 94, 113, Usage(10, 0, 103, 94)),
        (9, 5, 24, Usage(10, 0, 14, 5)),
        (0, 60, 70, Usage(10, 0, 60, 60)),
        (9, 94, None, Usage(10, 0, 103, 94)),
        (24, None, 606, Usage(10, 0, 596, 572)),
        (9, 5, 400, Usage(10, 0, 9, 5)),
        (9, "5", 19, Usage(10, 0, 9)),
        (9, -5, 19, Usage(10, 0, 9)),
        (9, None, 3, Usage(10, 0, 9)),
    ],
)
def test_reasoning_counts_as_output(made: int, reasoned: object, total: object, usage: Usage) -> None:
    """Within the completion (OpenAI), beside it (xAI), or only in the total (Gemini): it is billed as output."""
    reported = {
        "prompt_tokens": 10,
        "completion_tokens": made,
        "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": reasoned},
    }
    assert usage_of({"usage": reported}) == usage


@pytest.mark.parametrize(
    ("details", "cached", "written"),
    [
        ({"cached_tokens": 2048, "cache_write_tokens": 900}, 2048, 900),
        ({"cached_tokens": 0, "cache_creation_tokens": 900}, 0, 900),
        ({"cache_write_tokens": 900, "cache_creation_tokens": 900}, 0, 900),
        ({"cached_tokens": 2048, "cache_write_tokens": 2048}, 2048, 952),
        ({"cached_tokens": 2048, "cache_write_tokens": "many"}, 2048, 0),
        ({"cached_tokens": 2048, "cache_write_tokens": None}, 2048, 0),
    ],
)
def test_what_was_written_to_a_cache(details: dict[str, object], cached: int, written: int) -> None:
    """It is a part of the input beside what was read from a cache, never more than the rest of it."""
    reported = {"prompt_tokens": 3000, "completion_tokens": 5, "prompt_tokens_details": details}
    assert usage_of({"usage": reported}) == Usage(3000, cached, 5, 0, written)


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
