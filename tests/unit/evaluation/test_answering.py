"""Answers to questions, scored as SQuAD 2 does it: cases of its own script, and "not in the context"."""

from string import punctuation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.answering import abstains, compute_answering_scores, is_right, word_f1
from models.evaluation.wording import normalise_answer

WORDS = st.lists(st.sampled_from(["the", "red", "lamp", "a", "An", "Lamp.", "in", "1,000"]), max_size=6)


def squad(text: str) -> list[str]:
    """Return the words as SQuAD's published script (evaluate-v2.0.py) makes them."""
    import re  # noqa: PLC0415  as the script does

    lower = "".join(one for one in text.lower() if one not in set(punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", lower).split()


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_normalisation_is_the_scripts(text: str) -> None:
    """On ASCII texts the words are those of the published script, but for control characters, which are none of ours."""
    printable = "".join(one if one.isprintable() else " " for one in text)
    assert normalise_answer(printable) == squad(printable)


def test_punctuation_of_other_languages() -> None:
    """Quotation marks and full stops are punctuation in every script; letters with marks stay whole."""
    assert normalise_answer("\u201eM\u00fcnchen\u201c \u2013 \u00bfs\u00ed?") == ["m\u00fcnchen", "s\u00ed"]
    assert normalise_answer("\u6771\u4eac\u3002") == ["\u6771\u4eac"]


@pytest.mark.parametrize(
    ("answer", "truths", "exact", "f1"),
    [
        ("The Eiffel Tower.", ["eiffel tower"], True, 1.0),
        ("Eiffel Tower in Paris", ["the Eiffel Tower"], False, 2 * 2 / (4 + 2)),
        ("Paris", ["Lyon", "paris!"], True, 1.0),
        ("Not in the context.", ["not in the context"], True, 1.0),
        ("not in the box", ["not in the context"], False, 0.0),
        ("not in the context", ["Paris"], False, 0.0),
        ("", ["not in the context"], False, 0.0),
        ("the the", ["the"], True, 1.0),
        (None, ["Paris"], False, 0.0),
    ],
)
def test_by_hand(answer: str | None, truths: list[str], exact: bool, f1: float) -> None:
    """Exact match and token F1, the best of several right answers; abstaining has no words in common by chance."""
    assert is_right(answer, truths) is exact
    assert word_f1(answer, truths) == pytest.approx(f1)


def test_whether_it_was_right_to_abstain() -> None:
    """Of three that said so two were right; of four records without an answer in the context two were told so."""
    no = "not in the context"
    found = compute_answering_scores(
        [[no], [no], ["Rome"], [no], [no], ["Oslo"]], [no, "Not in the context.", no, "Rome", None, "Oslo"]
    )
    assert (found.abstained.count, found.abstained.of) == (2, 3)
    assert (found.unanswerable.count, found.unanswerable.of) == (2, 4)
    assert (found.exact.count, found.exact.of) == (3, 6)
    assert found.f1.value == pytest.approx(0.5)


def test_other_words_for_it() -> None:
    """What says that the context does not hold it is named by the workload; an empty answer says it too."""
    assert abstains("Keine Angabe!", "keine Angabe")
    assert not abstains("not in the context", "keine Angabe")
    assert abstains("")
    assert not abstains(None)


@given(WORDS.map(" ".join), WORDS.map(" ".join))
def test_f1_holds_both_ways(answer: str, truth: str) -> None:
    """It is between 0 and 1, the same both ways, and 1 where the words are the same ones."""
    found = word_f1(answer, [truth])
    assert 0 <= found <= 1
    assert found == word_f1(truth, [answer])
    if is_right(answer, [truth]):
        assert found == 1


def test_no_records() -> None:
    """Nothing is unknown, not 0 of anything."""
    found = compute_answering_scores([], [])
    assert (found.exact.value, found.f1.value, found.abstained.value) == (None, None, None)
