"""The interval that holds however often one looks: what it is by hand, what it promises, and how often it keeps it."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.looks import AT_NINE_TENTHS, LOOKS, asked_on_average, draw, ever, one_look_ever, paired, score
from models.evaluation.intervals import paired_ratio
from models.evaluation.more_labels import PairedRecords, predict_labels
from models.evaluation.sequential import (
    SURE,
    PairedScores,
    always_valid_interval,
    is_above,
    is_above_when_replaced,
    is_below,
)

CELLS = st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(lambda cells: cells[0] + cells[2] > 0)


def table(cells: list[int]) -> PairedScores:
    """Return four kinds of records with their counts."""
    kinds = paired()
    return PairedScores(kinds.first, kinds.second, np.asarray(cells, float))


def test_the_capital_by_hand() -> None:
    """Of three records that only the second has right a stake t keeps (1 - t)^3; its mean over the arcsine distribution is 5/16."""
    assert float(is_above(table([0, 0, 3, 0]), 0.9)[0]) == pytest.approx(log(5 / 16), abs=1e-6)


@given(CELLS)
def test_the_interval_holds_the_ratio_and_is_what_no_bet_was_won_against(cells: list[int]) -> None:
    """It is wider than the interval for one look, and just beyond its ends a bet is won."""
    scores = table(cells)
    found, (ratio, one_look) = always_valid_interval(scores), paired_ratio(*cells[:3])
    assert found is not None
    assert one_look is not None
    assert ratio == pytest.approx(scores.ratio)
    assert found.low <= (ratio or 0.0) <= found.high
    assert (
        float(is_below(scores, found.high * 1.0001)[0])
        >= SURE
        > float(is_below(scores, found.high / 1.0001)[0])
    )
    assert found.low == 0 or float(is_above(scores, found.low / 1.0001)[0]) >= SURE


@given(CELLS.filter(lambda cells: cells[0] + cells[1] > 0))
def test_swapping_gives_the_reciprocals(cells: list[int]) -> None:
    """Which model is called the first does not matter."""
    mine, other = (
        always_valid_interval(table(cells)),
        always_valid_interval(table([cells[0], cells[2], cells[1], cells[3]])),
    )
    assert mine is not None
    assert other is not None
    assert (1 / mine.high, 1 / mine.low) == pytest.approx((other.low, other.high), rel=1e-6)


def test_nothing_right_has_no_ratio() -> None:
    """Where the second has nothing right there is no interval."""
    assert always_valid_interval(table([0, 4, 0, 3])) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_what_replacing_the_first_records_gives(pairs: list[tuple[float, float]]) -> None:
    """At each number of records that score what the second has, it is the bet on the scores that come of it."""
    first, second = (np.asarray(column, float) for column in zip(*pairs, strict=True))
    found = is_above_when_replaced(PairedScores(first, second, np.ones(len(pairs))), 0.9)
    for replaced in range(len(pairs) + 1):
        mixed = np.concatenate([second[:replaced], first[replaced:]])
        expected = is_above(PairedScores(mixed, second, np.ones(len(pairs))), 0.9)
        assert found[replaced] == pytest.approx(float(expected[0]), abs=1e-9)


@pytest.mark.parametrize("shares", AT_NINE_TENTHS)
def test_looking_a_hundred_times_is_no_way_to_a_verdict(shares: tuple[float, float, float, float]) -> None:
    """At a true ratio of 0.9 it is called viable in at most 2.5 % of samples, where the interval for one look is in 14 % and more."""
    tables = draw(np.random.default_rng(5), shares, 1000, LOOKS)
    viable, short = ever(tables)
    once, _ = one_look_ever(tables)
    assert viable <= 0.025
    assert short <= 0.025
    assert once >= 0.1


def test_the_score_that_it_is_compared_with() -> None:
    """The score statistic of many tables is that of the score interval: it is 1.96 at the interval's lower end."""
    for cells in ([45, 1, 4, 3], [134, 46, 59, 61], [200, 3, 9, 8]):
        _, interval = paired_ratio(*cells[:3])
        assert interval is not None
        assert score(np.asarray([cells], float), interval.low)[0] == pytest.approx(1.96, abs=1e-3)


def test_the_labels_that_are_asked_for_decide_it() -> None:
    """Averaged over what the accuracies may really be, four of five cases are decided by the higher number, half by the lower one."""
    found = asked_on_average(np.random.default_rng(7), 60, 120)
    assert found.open > 60
    assert found.decided == pytest.approx(0.8, abs=0.1)
    assert found.decided_by_half == pytest.approx(0.5, abs=0.15)


def test_the_prediction_is_the_same_every_time() -> None:
    """Nothing in it is left to chance between two calls."""
    rows = [(1.0, 1.0)] * 45 + [(0.0, 1.0)] * 4 + [(1.0, 0.0)]
    cells = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]
    records = PairedRecords.count(rows, cells, prior=0.5, most=(1.0,))
    assert predict_labels(records, 0.9) == predict_labels(records, 0.9)
