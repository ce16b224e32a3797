"""How sure a server's answer is, from the tokens that it reports: of a label among the labels, of text by its tokens."""

import json
from math import log
from typing import Any

import pytest

from models.engines.api.chat_format import Parsed
from models.engines.server.confidence import confidence_of
from models.requests import Choice, FreeText, JsonObject

LABELS = Choice(("negative", "neutral", "positive"))


def body(*tokens: tuple[str, dict[str, float]]) -> dict[str, Any]:
    """Make a reply whose tokens are the first ones of these, with the probability of each that was likely."""
    content = [
        {
            "token": token,
            "logprob": log(likely[token]),
            "top_logprobs": [{"token": other, "logprob": log(share)} for other, share in likely.items()],
        }
        for token, likely in tokens
    ]
    return {"choices": [{"logprobs": {"content": content}}]}


def sure(token: str) -> tuple[str, dict[str, float]]:
    """Make a token beside which nothing was likely."""
    return token, {token: 1.0}


def test_a_labels_share_among_the_labels() -> None:
    """Inside an object: what leads to no label (another field, a typing mistake) does not count."""
    reply = body(
        sure('{"'),
        sure("label"),
        sure('":"'),
        ("pos", {"pos": 0.3, "neg": 0.1, "neutral": 0.1, "happy": 0.5}),
        ("itive", {"itive": 0.8, "sible": 0.2}),
        sure('"}'),
    )
    confidence, probabilities = confidence_of(LABELS, Parsed("positive", "positive"), reply)
    assert probabilities == pytest.approx({"negative": 0.2, "neutral": 0.2, "positive": 0.6})
    assert confidence == pytest.approx(0.6)


def test_tokens_need_not_end_where_the_label_does() -> None:
    """What a token holds before the label must stand in its rivals too, and what comes after the quote is cut off."""
    reply = body(
        sure('{"label":'),
        (' "neutral"}', {' "neutral"}': 0.4, ' "neutral"': 0.2, ' "positive"}': 0.2, '"negative"}': 0.2}),
    )
    confidence, probabilities = confidence_of(LABELS, Parsed("neutral", "neutral"), reply)
    assert probabilities == pytest.approx({"negative": 0.0, "neutral": 0.75, "positive": 0.25})
    assert confidence == pytest.approx(0.75)


def test_a_label_that_another_begins_with() -> None:
    """The closing quote decides between them."""
    labels = Choice(("bill", "billing"))
    reply = body(sure('{"label":"'), ("bill", {"bill": 0.9, "billing": 0.1}), ('"}', {'"}': 0.5, "ing": 0.5}))
    confidence, probabilities = confidence_of(labels, Parsed("bill", "bill"), reply)
    assert probabilities == pytest.approx({"bill": 0.45, "billing": 0.55})
    assert confidence == pytest.approx(0.45)


@pytest.mark.parametrize(
    "written", ['{"label":"b\u00fcro"}', '{"label": "b\\u00fcro"}', '\n{ "label" : "b\u00fcro" }']
)
def test_labels_are_spelled_as_json_spells_them(written: str) -> None:
    """With letters as they are or escaped, and with white space around them."""
    labels = Choice(("b\u00fcro", "haus"))
    assert json.loads(written) == {"label": "b\u00fcro"}
    confidence, _ = confidence_of(labels, Parsed("b\u00fcro", "b\u00fcro"), body(*map(sure, written)))
    assert confidence == pytest.approx(1.0)


def test_a_label_that_stands_alone() -> None:
    """A server without a schema answers with the bare label."""
    reply = body((" posit", {" posit": 0.6, " negative": 0.4}), sure("ive"), sure("\n"))
    confidence, _ = confidence_of(LABELS, Parsed("positive", "positive"), reply)
    assert confidence == pytest.approx(0.6)


@pytest.mark.parametrize("output", [FreeText(), JsonObject('{"type": "object"}')])
def test_the_geometric_mean_of_the_tokens(output: FreeText | JsonObject) -> None:
    """Of text and of objects, as vLLM's engine tells it."""
    reply = body(("a", {"a": 0.5}), ("b", {"b": 0.125}))
    confidence, probabilities = confidence_of(output, Parsed("ab", "ab"), reply)
    assert confidence == pytest.approx(0.25)
    assert probabilities is None


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        {"choices": []},
        {"choices": [{"logprobs": None}]},
        {"choices": [{"logprobs": {"content": None}}]},
        {"choices": [{"logprobs": {"content": []}}]},
        {"choices": [{"logprobs": {"content": ["positive"]}}]},
        {"choices": [{"logprobs": {"content": [{"token": "positive"}]}}]},
        {"choices": [{"logprobs": {"content": [{"token": "positive", "logprob": float("nan")}]}}]},
        {"choices": [{"logprobs": {"content": [{"token": "positive", "logprob": None}]}}]},
        {"choices": [{"logprobs": {"tokens": ["positive"], "token_logprobs": [-0.1]}}]},
        {"choices": [{"logprobs": {"content": [{"token": "something else", "logprob": -0.1}]}}]},
    ],
)
def test_nothing_is_made_up(reply: object) -> None:
    """Without tokens, or with such that do not spell the answer, nobody knows."""
    assert confidence_of(LABELS, Parsed("positive", "positive"), reply) == (None, None)


def test_an_answer_that_is_none_has_no_confidence() -> None:
    """As with vLLM."""
    assert confidence_of(LABELS, Parsed("what", None), body(sure("what"))) == (None, None)
