"""Scores of answers: a case by hand, scikit-learn's own figures, and what holds for all answers."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from models.evaluation.metrics import compute_scores
from models.evaluation.scores import Scores

LABELS = ("negative", "neutral", "positive")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.none() | st.sampled_from(LABELS)), max_size=40)


def scored(pairs: Sequence[tuple[str, str | None]]) -> Scores:
    """Score pairs of truth and answer."""
    return compute_scores(LABELS, [truth for truth, _ in pairs], [answer for _, answer in pairs])


def test_a_case_by_hand() -> None:
    """Ten records: 4 negative (3 right, 1 without an answer), 6 positive (4 right, 1 negative, 1 neutral)."""
    found = scored(
        [("negative", "negative")] * 3
        + [("negative", None)]
        + [("positive", "positive")] * 4
        + [("positive", "negative"), ("positive", "neutral")]
    )
    assert found.confusion == ((3, 0, 0, 1), (0, 0, 0, 0), (1, 1, 4, 0))
    assert (found.accuracy.count, found.accuracy.of) == (7, 10)
    counts = [
        (one.precision.count, one.precision.of, one.recall.count, one.recall.of) for one in found.labels
    ]
    assert counts == [(3, 4, 3, 4), (0, 1, 0, 0), (4, 4, 4, 6)]
    assert [one.f1 for one in found.labels] == pytest.approx([0.75, 0, 0.8])
    assert found.macro_f1 == pytest.approx((0.75 + 0.8) / 2)  # no record is neutral
    assert [one.label for one in found.labels] == list(LABELS)


@given(PAIRS.filter(bool))
def test_the_figures_are_the_librarys(pairs: list[tuple[str, str | None]]) -> None:
    """Matrix, accuracy, precision, recall and both F1 as scikit-learn has them, no answer being a label of its own."""
    found = scored(pairs)
    truths, answers = [truth for truth, _ in pairs], [answer or "none" for _, answer in pairs]
    assert found.accuracy.value == pytest.approx(accuracy_score(truths, answers))
    precision, recall, f1, support = precision_recall_fscore_support(
        truths, answers, labels=LABELS, zero_division=0.0
    )
    assert [one.precision.value or 0 for one in found.labels] == list(precision)
    assert [one.recall.value or 0 for one in found.labels] == list(recall)
    assert [one.f1 for one in found.labels] == list(f1)
    assert [one.recall.of for one in found.labels] == list(support)
    assert found.confusion == tuple(
        map(tuple, confusion_matrix(truths, answers, labels=[*LABELS, "none"])[:3].tolist())
    )
    occurring = sorted(set(truths))
    macro = f1_score(truths, answers, labels=occurring, average="macro", zero_division=0.0)
    assert found.macro_f1 == pytest.approx(macro)


@given(PAIRS)
def test_every_record_is_counted_once(pairs: list[tuple[str, str | None]]) -> None:
    """The matrix adds up to the records, its last column to those without an answer, its diagonal to the right ones."""
    found = scored(pairs)
    assert sum(map(sum, found.confusion)) == found.accuracy.of == len(pairs)
    assert sum(row[-1] for row in found.confusion) == sum(answer is None for _, answer in pairs)
    assert sum(row[at] for at, row in enumerate(found.confusion)) == found.accuracy.count
    assert found.accuracy.count == sum(truth == answer for truth, answer in pairs)


def test_no_records_and_one() -> None:
    """Nothing is unknown, not 0 of anything; one record is enough for a share."""
    none = scored([])
    assert (none.accuracy.value, none.accuracy.interval, none.macro_f1) == (None, None, 0.0)
    assert none.confusion == ((0, 0, 0, 0),) * 3
    assert all(one.precision.value is None and one.recall.value is None for one in none.labels)
    assert scored([("neutral", "neutral")]).macro_f1 == 1
    assert scored([("neutral", None)]).accuracy.value == 0


def test_one_label_only() -> None:
    """A file in which all records have one label is scored by that label."""
    found = scored([("positive", "positive")] * 9 + [("positive", "neutral")])
    assert found.macro_f1 == pytest.approx(2 * 0.9 / 1.9)
    assert found.accuracy.value == 0.9


def test_what_is_no_label_is_no_answer() -> None:
    """An answer outside the labels counts with those without one; a truth outside them is refused."""
    assert scored([("neutral", "mixed")]) == scored([("neutral", None)])
    with pytest.raises(ValueError, match="not among the labels negative, neutral, positive: mixed"):
        scored([("mixed", "neutral")])
