"""Labels in other spellings than the settings': invisible marks, spaces and Unicode forms, in settings, answers, examples and files."""

# ruff: noqa: RUF001 - letters of many scripts are meant as they stand

import json
import unicodedata
from uuid import UUID

import pytest

from models.engines.api.answers.label_reading import find_label, find_spelling
from models.errors import UsageError
from models.requests import Choice, Completion, Request
from models.settings import Settings
from models.workloads import registry
from models.workloads.base import InvalidOutput, Workload
from models.workloads.label_spelling import LabelSpellings
from tasks.labelling.cells import RowPlace
from tasks.labelling.references import LabelSets, OneLabel
from tests.unit.workloads.conftest import Write

LABELS = ["می\u200cخواهم", "prix\u00a0fixe", "\u200fشكوى", "Größe", "👩\u200d💻", "card_arrival ", "a|b"]
"""With a joiner, a space that does not break, a mark of direction, an umlaut, a joined emoji, a blank at the end, a separator."""
SPELLED = [
    ("میخواهم", LABELS[0]),
    ("prix fixe", LABELS[1]),
    ("prix \u2009 fixe\u00a0", LABELS[1]),
    ("شكوى", LABELS[2]),
    ("شكوى\u200e", LABELS[2]),
    (unicodedata.normalize("NFD", "Größe"), LABELS[3]),
    ("\ufeffGröße", LABELS[3]),
    ("Grö\u00adße\u200b", LABELS[3]),
    ("👩💻", LABELS[4]),
    ("👩\u200d💻\ufe0f", LABELS[4]),
    ("card_arrival", LABELS[5]),
    ("\tcard_arrival\r\n", LABELS[5]),
    ("ａ|ｂ", LABELS[6]),
]
"""Spellings of them, and the label that each is."""


def build(kind: str = "label", **more: object) -> Workload:
    """Build a workload with these labels."""
    own = {"kind": kind, "prompt": "Which?", "labels": LABELS} | more
    return registry.build("own", Settings.model_validate({"workloads": {"own": own}}))


def published(workload: Workload, value: object) -> object:
    """Return what is published for an answer of an engine."""
    request = Request(UUID(int=1), "1", workload.messages("x"), workload.output_format, workload.max_tokens)
    completion = Completion(request, text=json.dumps(value), value=value, finish_reason="stop")  # type: ignore[arg-type]
    return next(iter(workload.parse("x", completion).model_dump().values()))


def test_labels_with_marks_that_nobody_sees_are_accepted() -> None:
    """The published label is the one of the settings; the model is shown words without marks of direction or odd spaces."""
    workload = build()
    assert workload.labels == tuple(LABELS)
    assert isinstance(workload.output_format, Choice)
    shown = workload.output_format.labels
    assert shown[:3] == ("می\u200cخواهم", "prix fixe", "شكوى")
    assert [published(workload, words) for words in shown] == LABELS


@pytest.mark.parametrize(("spelled", "label"), SPELLED)
def test_answers_are_compared_normalised(spelled: str, label: str) -> None:
    """Of one label, of several, and in the text of an API's answer."""
    shown = dict(zip(LABELS, build().output_format.labels, strict=True))  # type: ignore[union-attr]
    spelled_words = spelled.replace("_", " ")
    assert published(build(), spelled_words.lower()) == label
    assert published(build("labels"), {"labels": [spelled_words.lower()]}) == [label]
    assert find_spelling(tuple(shown.values()), spelled) == shown[label]


@pytest.mark.parametrize(("spelled", "label"), SPELLED)
def test_labelled_files_are_compared_normalised(spelled: str, label: str) -> None:
    """The right answer is kept as the settings spell it, alone, in a list, as JSON, and between separators."""
    row = RowPlace(1)
    assert OneLabel("label", LABELS).read([spelled], row).text == label
    sets = LabelSets("labels", LABELS)
    expected = json.dumps(sorted([label, "Größe"] if label != "Größe" else [label]), ensure_ascii=False)
    assert sets.read([[spelled, "Größe"]], row).text == expected
    assert sets.read([json.dumps([spelled, "Größe"])], row).text == expected
    assert sets.read(["\ufeff" + json.dumps([spelled, "Größe"]) + "\u200b"], row).text == expected
    if "|" not in label:
        assert sets.read([f"{spelled};Größe"], row).text == expected


@pytest.mark.parametrize("empty", ["\u200b", " \u00a0 ", "\ufeff", "\u200f\u200e"])
def test_a_cell_without_a_visible_character_has_no_label(empty: str) -> None:
    """It is no unknown label."""
    found = OneLabel("label", LABELS).read([empty], RowPlace(1))
    assert (found.text, found.unknown) == (None, ())


def test_letter_case_counts() -> None:
    """And another word is another label, as before."""
    assert OneLabel("label", LABELS).read(["größe"], RowPlace(1)).unknown == ("größe",)
    with pytest.raises(InvalidOutput):
        published(build(), "Grösse")


def test_what_could_be_two_labels_is_none() -> None:
    """Where full width tells two labels apart, each is itself alone."""
    spellings = LabelSpellings(["A", "Ａ", "B"])
    assert [spellings.find(one) for one in ("A", "Ａ", "\u200bA", "Ｂ", "𝐀")] == ["A", "Ａ", "A", "B", None]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["é", "e\u0301", "x"], "is given twice, as "),
        (["a b", "a\u00a0b"], "is given twice, as 'a\\xa0b' too"),
        (["a", "a"], "the label 'a' is given twice"),
        (["a", "\u200b"], "a label is empty"),
        (["a", "b\nc"], "holds a line break"),
        (["a", "b\u2028c"], "holds a line break"),
        (["a", "b\x1b[31m"], "another control character"),
    ],
)
def test_labels_that_cannot_be(labels: list[str], says: str) -> None:
    """Two that nobody can tell apart, one that nobody sees, one that breaks a line: one line that says so."""
    with pytest.raises(UsageError) as caught:
        build(labels=labels)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_of_labels(write: Write) -> None:
    """Line ends of any system, and only those; what is invisible alone on a line is no label."""
    path = write("labels.txt", "\ufeffGröße\tits size\r\nprix\u00a0fixe\r\u200b\n\u00a0other\u00a0\n")
    workload = build(labels=None, labels_file=path)
    assert workload.labels == ("Größe", "prix\u00a0fixe", "other")


def test_examples_are_compared_normalised(write: Write) -> None:
    """The answer of an example is one of the labels however it is spelled; a line of them ends where a line of JSON does."""
    lines = json.dumps({"text": "one\u2028text", "answer": "prix fixe"}, ensure_ascii=False)
    workload = build(examples_file=write("examples.jsonl", lines + "\n"))
    assert [one.content for one in workload.messages("z")][1:3] == ["one\u2028text", "prix fixe"]


def test_prose_of_an_api_names_a_label_in_another_form() -> None:
    """Decomposed letters and marks of direction in a sentence of prose."""
    answer = unicodedata.normalize("NFD", "The answer is \u200fGröße.")
    assert find_label(("Größe", "Farbe"), answer, cut=False) == "Größe"
