"""Scores of sets of labels: a case by hand, scikit-learn's own figures, and what holds for all answers."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from models.evaluation.label_sets import compute_set_scores
from models.evaluation.scores import LabelSetScores

LABELS = ("billing", "delivery", "refund")
SETS = st.frozensets(st.sampled_from(LABELS))
Pairs = Sequence[tuple[frozenset[str], frozenset[str] | None]]


def scored(pairs: Pairs) -> LabelSetScores:
    """Score pairs of the right set and the answered one."""
    return compute_set_scores(LABELS, [truth for truth, _ in pairs], [answer for _, answer in pairs])


def test_a_case_by_hand() -> None:
    """Five records: one exact, one a label short, one with a label too many, one without an answer, one rightly empty."""
    found = scored(
        [
            (frozenset({"billing", "refund"}), frozenset({"refund", "billing"})),
            (frozenset({"billing", "delivery"}), frozenset({"billing"})),
            (frozenset({"delivery"}), frozenset({"delivery", "refund"})),
            (frozenset({"refund"}), None),
            (frozenset(), frozenset()),
        ]
    )
    assert (found.exact.count, found.exact.of) == (2, 5)
    counts = [
        (one.precision.count, one.precision.of, one.recall.count, one.recall.of) for one in found.labels
    ]
    assert counts == [(2, 2, 2, 2), (1, 1, 1, 2), (1, 2, 1, 2)]
    assert found.micro_f1.value == pytest.approx(2 * 4 / (6 + 5))
    assert found.macro_f1.value == pytest.approx((1 + 2 / 3 + 0.5) / 3)
    assert found.micro_f1.interval is not None
    assert found.micro_f1.interval.low < 8 / 11 < found.micro_f1.interval.high


@given(
    st.lists(st.tuples(SETS, SETS), min_size=1, max_size=30).filter(
        lambda pairs: any(one for one, _ in pairs)
    )
)
def test_the_figures_are_the_librarys(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    """Exact sets, micro and macro F1 are scikit-learn's, for any sets."""
    binary = MultiLabelBinarizer(classes=LABELS)
    truths, answers = (binary.fit_transform([pair[side] for pair in pairs]) for side in (0, 1))
    found = scored(pairs)
    assert found.exact.value == pytest.approx(accuracy_score(truths, answers))
    micro = f1_score(truths, answers, average="micro", zero_division=0.0)
    assert found.micro_f1.value == pytest.approx(micro)
    occurring = [at for at in range(len(LABELS)) if truths[:, at].any()]
    macro = f1_score(truths, answers, labels=occurring, average="macro", zero_division=0.0)
    assert found.macro_f1.value == pytest.approx(macro)


@given(st.lists(st.tuples(SETS, st.none() | SETS), max_size=20))
def test_intervals_hold_the_value(pairs: Pairs) -> None:
    """Each F1 lies in its interval, which lies between 0 and 1 and is the same on every call."""
    found = scored(pairs)
    for one in (found.micro_f1, found.macro_f1):
        if one.value is None:
            assert one.interval is None
            continue
        assert one.interval is not None
        assert 0 <= one.interval.low <= one.value <= one.interval.high <= 1
        assert one.interval.low < one.interval.high
    assert scored(pairs) == found


def test_no_valid_answer_is_never_exact() -> None:
    """Where no label is right, saying so is right, and no valid answer is not."""
    assert scored([(frozenset(), frozenset())]).exact.count == 1
    assert scored([(frozenset(), None)]).exact.count == 0


def test_what_is_no_label() -> None:
    """An answered label outside the set makes it inexact and counts nowhere else; a truth outside is refused."""
    found = scored([(frozenset({"billing"}), frozenset({"billing", "weather"}))])
    assert (found.exact.count, found.micro_f1.value) == (0, 1.0)
    with pytest.raises(ValueError, match="not among the labels billing, delivery, refund: weather"):
        scored([(frozenset({"weather"}), None)])


def test_no_records() -> None:
    """Nothing is unknown, not 0 of anything."""
    found = scored([])
    assert (found.exact.value, found.micro_f1.value, found.macro_f1.value) == (None, None, None)
