"""What is taken for an answer: one that is clearly meant, however it is wrapped, and never one of two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.answers.answer_reading import read_answer
from models.engines.api.chat_format import parse_answer
from models.requests import Choice, FreeText, JsonObject, OutputFormat, Usage
from tests.replies import CHOICE, OBJECT, reply, request

HARMONY = "<|channel|>analysis<|message|>perhaps positive<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>"
NESTED = Choice(("positive", "not positive"))


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ('{"label": "neutral"}', None),
        ("neutral", None),
        (" neutral\n", None),
        ('```json\n{"label":"neutral"}\n```', None),
        ('```\n{"label":"neutral"}\n```', None),
        ("<think>negative? no</think>neutral", "after_reasoning"),
        ("<THINKING>x</THINKING>\n\nneutral", "after_reasoning"),
        ('<reasoning>x</reasoning>{"label": "neutral"}', "after_reasoning"),
        ("it could be negative\n</think>\n\nneutral", "after_reasoning"),
        ("[THINK]negative[/THINK]neutral", "after_reasoning"),
        ("<|START_THINKING|>x<|END_THINKING|>neutral", "after_reasoning"),
        (HARMONY.format("neutral"), "after_reasoning"),
        (HARMONY.format('{"label": "neutral"}'), "after_reasoning"),
        ("analysisperhaps positiveassistantfinalneutral", "after_reasoning"),
        ('analysisA positive tone?assistantfinal{"label": "neutral"}', "after_reasoning"),
        ("<think>x</think>The label is **neutral**.", "from_prose"),
        ('Here it is:\n```json\n{"label": "neutral"}\n```\nI hope that helps.', "from_prose"),
        ('Sure! {"label": "neutral"} is the answer.', "from_prose"),
        ('{"label": "neutral"}\n{"label": "neutral"}', "from_prose"),
        ('[{"label": "neutral"}]', "from_list"),
        ('"neutral"', "from_string"),
        ('"{\\"label\\": \\"neutral\\"}"', "from_string"),
        ('{"Label": "neutral"}', None),
        ('{"LABEL": "Neutral"}', "other_spelling"),
        ('{"label": "Neutral"}', "other_spelling"),
        ("neutral.", "other_spelling"),
        ("NEUTRAL", "other_spelling"),
        ("**Neutral**", "other_spelling"),
        ("“neutral”", "other_spelling"),
        ("`neutral`", "other_spelling"),
        ("\\boxed{neutral}", "other_spelling"),
        ("<answer>neutral</answer>", "other_spelling"),
        ("neutral 😐", "other_spelling"),
        ("\ufeffneutral\u200b", "other_spelling"),
        ("```\nneutral\n```", None),
        ("```text\nNeutral\n```", "other_spelling"),
        ("Answer:\n```\nneutral\n```", "from_prose"),
        ('\ufeff{"label": "neutral"}', "from_prose"),
        ("Label: neutral", "from_prose"),
        ("Neutral, since the customer only asks.", "from_prose"),
        ("**Sentiment:** Neutral.", "from_prose"),
        ("Antwort: neutral", "from_prose"),
        ("### Label\nneutral", "from_prose"),
        ("The answer is neutral.", "from_prose"),
        ("The review is neutral.", "from_prose"),
        ("This text is **neutral**, because nothing is said of the food.", "from_prose"),
        ('[{"label": "neutral"}, {"label": "neutral"}]', "from_list"),
        ("I would classify this as neutral because nothing was said.", "from_prose"),
        ("Neutral\n\nThe customer only asks for the opening hours.", "from_prose"),
        ("Neutral - the customer asks a question.", "from_prose"),
        ("The customer did not complain. Therefore the sentiment is neutral.", "from_prose"),
    ],
)
def test_a_label_that_is_clearly_meant(content: str, note: str | None) -> None:
    """It is taken, and the note says how; the usage is the reported one."""
    parsed = parse_answer(request(), reply(content, usage={"prompt_tokens": 9, "completion_tokens": 40}))
    assert (parsed.text, parsed.value, parsed.note) == ("neutral", "neutral", note)
    assert (parsed.malformed, parsed.rejection, parsed.usage) == (None, None, Usage(9, 0, 40))


@pytest.mark.parametrize(
    "content",
    [
        '{"label": "neutral"',
        '{"label": "neutral", "why": "…"}',
        '{"label": ["neutral"]}',
        '{"label": NaN}',
        '{"label": "neutral", "label": "positive"}',
        '{"label": "neutral"} or {"label": "positive"}',
        '[{"label": "neutral"}, {"label": "positive"}]',
        '{"label": "neutral"} or positive',
        '{"draft": {"label": "neutral"}, "label": "pos',
        "{'label': 'neutral'}",
        "neutral or positive",
        "neutral/positive",
        "not neutral",
        "The label is not neutral.",
        "Nobody could say that the answer is neutral.",
        "Neutral is the wrong label.",
        "Label: not neutral",
        "Neutral: no",
        "Neutral: 0.2",
        "Neutral, no.",
        "<think>neutral</think> and <think>neutral",
        "Neutral?",
        "Neutral. Wait, I take that back.",
        "neutral. No, positive.",
        "Options: neutral",
        "It may be neutral",
        "non-neutral",
        "neutrally",
        "The food was neutral",
        "The review is neutral about the food",
        "The review was not neutral.",
        "analysisWe see that the answer is neutral.",
        "analysis neutralassistantfinal",
        "<think>neutral</think>",
        "<think>neutral",
        "<think>neutral</think>I cannot say.",
        "<|channel|>analysis<|message|>neutral<|end|>",
        "",
        None,
        "[" * 100_000,
    ],
)
def test_no_label_that_is_clearly_meant(content: str | None) -> None:
    """Two answers, a denial, a doubt, a cut, and what stands in the reasoning alone are no answer, and no malformed reply."""
    parsed = parse_answer(request(), reply(content))
    assert parsed.value is None
    assert parsed.malformed is None


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("Not positive.", "not positive"),
        ("positive.", "positive"),
        ("not_positive", "not positive"),
        ("Label: not positive", "not positive"),
        ("The answer is positive.", "positive"),
        ("The answer is not positive.", None),
        ("It is not positive", None),
    ],
)
def test_labels_that_contain_each_other(content: str, label: str | None) -> None:
    """The longest one that stands there is meant; a sentence that may deny the other one tells nothing."""
    assert read_answer(NESTED, content, cut=False).value == label


@pytest.mark.parametrize(
    ("content", "label"),
    [("A", "A"), ("a.", "a"), ('{"label": "A"}', "A"), ("b", "B"), ("The label is A.", None)],
)
def test_labels_that_differ_by_case_alone(content: str, label: str | None) -> None:
    """Only the exact spelling tells them apart."""
    assert read_answer(Choice(("a", "A", "B")), content, cut=False).value == label


@pytest.mark.parametrize(
    ("labels", "content", "label"),
    [
        (("ok", "not ok"), "Ok, let me see what the customer wants.", None),
        (("ok", "not ok"), "OK.", "ok"),
        (("ok", "not ok"), "The label is ok.", "ok"),
        (("question", "complaint"), "Question: where is my parcel?", None),
        (("question", "complaint"), "Complaint: the parcel came late.", "complaint"),
        (("1", "2", "3"), '{"label": 2}', "2"),
        (("1", "2", "3"), '{"label": 2.5}', None),
        (("1", "2", "3"), "2.", "2"),
        (("1", "-1"), "-1.", "-1"),
        (("true", "false"), '{"label": true}', "true"),
        (("C", "C++", "C#"), "c++.", "C++"),
        (("C", "C++", "C#"), "The label is C#.", "C#"),
        (("yes", "no"), "Yes, this is spam.", "yes"),
        (("yes", "no"), "No, it is not.", None),
        (("card arrival", "card lost"), "card_arrival", "card arrival"),
        (("正面", "负面"), "答案\uff1a负面。", "负面"),
        (("正面", "负面"), "不是负面", None),
    ],
)
def test_labels_of_many_kinds(labels: tuple[str, ...], content: str, label: str | None) -> None:
    """Words that open an answer or head a line, numbers, truth values, signs, and labels of another script."""
    assert read_answer(Choice(labels), content, cut=False).value == label


def test_a_label_that_was_cut_off() -> None:
    """At the token limit the end may be missing: of a longer label, or of what takes the answer back."""
    labels = Choice(("card", "card arrival", "refund"))
    assert read_answer(labels, "card", cut=True).value is None
    assert read_answer(labels, "refund", cut=True).value == "refund"
    assert read_answer(labels, "The answer is refund", cut=True).value is None
    assert read_answer(labels, "refund, or rath", cut=True).value is None
    assert read_answer(labels, "Refund.\n\nThe customer wants the mon", cut=True).value == "refund"


WORDS = st.sampled_from(
    [
        "neutral",
        "positive",
        "Negative.",
        "not",
        "label",
        ":",
        "is",
        "The answer",
        "**",
        '"',
        "{",
        "}",
        "[",
        "]",
        "\n",
        ", ",
        "<think>",
        "</think>",
        '{"label": "neutral"}',
        "or",
        "no",
        "because",
        '{"label": "positive"}',
        "```json\n",
        "\n```",
        "<think",
        "[/THINK]",
        "\\",
        "…",
        "-",
    ]
)
OUTPUTS: list[OutputFormat] = [CHOICE, NESTED, OBJECT, FreeText(), JsonObject('{"type": "object"}')]


@given(
    content=st.text() | st.lists(WORDS, max_size=12).map(" ".join),
    output=st.sampled_from(OUTPUTS),
    cut=st.booleans(),
)
def test_the_reading_always_ends_in_an_answer_of_the_shape(
    content: str, output: OutputFormat, cut: bool
) -> None:
    """Whatever a model writes: a label of the set, an object, a text, or nothing."""
    value = read_answer(output, content, cut=cut).value
    if isinstance(output, Choice):
        assert value is None or value in output.labels
    elif isinstance(output, JsonObject):
        assert value is None or isinstance(value, dict)


WRAPPED = [
    '{{"label": "{}"}}',
    '```json\n{{"label": "{}"}}\n```',
    "{}.",
    "Label: {}",
    "The answer is {}.",
    "**{}**",
    '"{}"',
]


@given(
    one=st.sampled_from(CHOICE.labels),
    other=st.sampled_from(CHOICE.labels),
    forms=st.tuples(st.sampled_from(WRAPPED), st.sampled_from(WRAPPED)),
    between=st.sampled_from([" ", "\n", "\n\n", " or ", ", ", " and then "]),
)
def test_one_of_two_different_answers_is_never_taken(
    one: str, other: str, forms: tuple[str, str], between: str
) -> None:
    """However each of them is written, and whatever stands between them."""
    content = forms[0].format(one) + between + forms[1].format(other)
    value = read_answer(CHOICE, content, cut=False).value
    assert value is None or (one == other and value == one)
