"""Judgements of pairs in both orders: what counts as preferred, as a tie, and as decided by the order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.figures import Judgement
from models.evaluation.judgement import PairJudgements, sum_judgements

ANSWER = st.none() | st.sampled_from(["A", "B", "tie"])


def summed(*pairs: PairJudgements, equal: int = 0, unpaired: int = 0) -> Judgement:
    """Sum judgements up."""
    return sum_judgements(
        pairs, model="judge", equal=equal, unpaired=unpaired, asked=2 * len(pairs), cost_nano=5
    )


@pytest.mark.parametrize(
    ("pair", "counts"),
    [
        (("A", "B"), (1, 0, 0, 0)),
        (("B", "A"), (0, 1, 0, 0)),
        (("tie", "tie"), (0, 0, 1, 0)),
        (("A", "A"), (0, 0, 0, 1)),
        (("B", "B"), (0, 0, 0, 1)),
        (("A", "tie"), (0, 0, 0, 1)),
        (("tie", "A"), (0, 0, 0, 1)),
    ],
)
def test_both_orders_must_agree(pair: PairJudgements, counts: tuple[int, ...]) -> None:
    """The small model's answer stands first in the one and second in the other; anything else is the order's doing."""
    found = summed(pair)
    assert tuple(one.count for one in (found.small, found.api, found.ties, found.swapped)) == counts


def test_the_place_that_is_preferred() -> None:
    """Of single judgements that prefer one, those for the first; ties and half-judged pairs do not count."""
    found = summed(("A", "A"), ("A", "B"), ("tie", "A"), ("A", None), equal=2, unpaired=3)
    assert (found.first.count, found.first.of) == (4, 5)
    assert (found.judged, found.equal, found.unjudged, found.ties.count) == (5, 2, 4, 2)


@given(st.lists(st.tuples(ANSWER, ANSWER), max_size=30), st.integers(0, 5))
def test_every_pair_counts_once(pairs: list[PairJudgements], equal: int) -> None:
    """The four shares add up to the judged pairs, and judged and unjudged ones to all."""
    found = summed(*pairs, equal=equal)
    four = (found.small, found.api, found.ties, found.swapped)
    assert sum(one.count for one in four) == found.judged
    assert {one.of for one in four} == {found.judged}
    assert found.judged + found.unjudged == len(pairs) + equal


def test_nothing_to_judge() -> None:
    """No share of nothing."""
    assert summed().small.value is None
