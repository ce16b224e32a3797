"""ROUGE-L by the usual library, by hand, and in scripts that the library drops."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.rouge import common_subsequence, rouge_l

TEXTS = st.lists(st.sampled_from(["the", "Cat", "sat,", "on", "mat.", "42", "-"]), max_size=12).map(" ".join)


@cache
def library() -> Any:  # noqa: ANN401  it has no types
    """Return rouge-score's scorer."""
    from rouge_score import rouge_scorer  # noqa: PLC0415  it takes seconds to import

    return rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)


@given(TEXTS, TEXTS)
def test_the_figure_is_the_librarys(answer: str, reference: str) -> None:
    """On texts of the letters a to z it is rouge-score's F1."""
    expected = library().score(reference, answer)["rougeL"].fmeasure
    assert rouge_l(answer, [reference]) == pytest.approx(expected)


@given(st.lists(st.integers(0, 3), max_size=9), st.lists(st.integers(0, 3), max_size=9))
def test_the_longest_common_subsequence(first: list[int], second: list[int]) -> None:
    """Its length is that of the textbook's table."""
    one, other = list(map(str, first)), list(map(str, second))
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for row, mine in enumerate(one, 1):
        for column, theirs in enumerate(other, 1):
            table[row][column] = (
                table[row - 1][column - 1] + 1
                if mine == theirs
                else max(table[row - 1][column], table[row][column - 1])
            )
    assert common_subsequence(one, other) == table[-1][-1]


def test_by_hand() -> None:
    """Police killed the gunman (Lin 2004): three of four words in order, or two; the best of several references counts."""
    assert rouge_l("police kill the gunman", ["police killed the gunman"]) == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", ["police killed the gunman"]) == pytest.approx(0.5)
    assert rouge_l("the gunman kill police", ["x", "the gunman kill police"]) == 1
    assert rouge_l("", ["police"]) == rouge_l("police", []) == 0


def test_other_scripts() -> None:
    """Letters beyond a to z are letters."""
    assert rouge_l("\u0391\u03b8\u03ae\u03bd\u03b1 \u03c3\u03ae\u03bc\u03b5\u03c1\u03b1", ["\u03b1\u03b8\u03ae\u03bd\u03b1"]) == pytest.approx(2 / 3)  # fmt: skip
    assert rouge_l("M\u00fcnchen", ["M nchen"]) == 0
