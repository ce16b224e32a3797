"""Intervals: published cases, scipy's results, exact coverage, and what holds for all counts."""

from functools import cache
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from models.evaluation.intervals import _score, paired_ratio, share, wilson
from models.evaluation.scores import Interval

Tables = npt.NDArray[Any]

COUNTS = st.tuples(*[st.integers(0, 300)] * 3)


def interval_of(*counts: float) -> Interval:
    """Return the ratio's interval where there is one."""
    _, interval = paired_ratio(*counts)
    assert interval is not None
    return interval


def test_45_of_50_is_79_to_96_percent() -> None:
    """The case every user meets first."""
    interval = wilson(45, 50)
    assert interval is not None
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.786, 0.957)
    assert share(45, 50).value == 0.9
    assert share(45, 50).interval == interval


def test_of_nothing_there_is_no_share() -> None:
    """No value and no interval, instead of 0."""
    assert wilson(0, 0) is None
    assert (share(0, 0).value, share(0, 0).interval) == (None, None)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
@example((0, 1))
@example((500, 500))
def test_wilson_is_the_librarys(counts: tuple[int, int]) -> None:
    """Scipy's, for every count; it holds the share and is nowhere without width."""
    count, of = counts
    interval = wilson(count, of)
    assert interval is not None
    expected = stats.binomtest(count, of).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= interval.low <= count / of <= interval.high <= 1
    assert interval.low < interval.high


@pytest.mark.parametrize(
    ("counts", "ratio", "low", "high"),
    [
        # Airways before and after a transplantation (Fagerland et al., 2014); digits of DelRocco et al. (2022)
        ((1, 1, 7), 0.25, 0.0653, 0.9069),
        # Complete response before and after consolidation (Cavo et al., 2012), R package contingencytables
        ((59, 6, 16), 0.8667, 0.7476, 0.9876),
    ],
)
def test_published_ratios(counts: tuple[int, int, int], ratio: float, low: float, high: float) -> None:
    """Two tables whose interval other implementations print."""
    value, interval = paired_ratio(*counts)
    assert value is not None
    assert interval is not None
    found = tuple(round(one, 4) for one in (value, interval.low, interval.high))
    assert found == (ratio, low, high)


def test_large_samples_agree_with_the_bootstrap() -> None:
    """On 4,000 records the paired bootstrap of scipy gives the same limits to half a percent."""
    both, only_first, only_second, neither = 2600, 400, 700, 300
    first = np.repeat([1, 1, 0, 0], (both, only_first, only_second, neither))
    second = np.repeat([1, 0, 1, 0], (both, only_first, only_second, neither))
    found = stats.bootstrap(
        (first, second),
        lambda one, other, axis: one.mean(axis=axis) / other.mean(axis=axis),
        paired=True,
        n_resamples=2000,
        vectorized=True,
        batch=200,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    interval = interval_of(both, only_first, only_second)
    assert (interval.low, interval.high) == pytest.approx((found.low, found.high), abs=0.005)


def test_an_interval_has_width_where_a_bootstrap_has_none() -> None:
    """Both right on all of 50: every resample has the ratio 1, yet 50 records do not prove that."""
    assert interval_of(50, 0, 0).low == pytest.approx(50 / (50 + 1.959964**2))
    assert interval_of(50, 0, 0).high == pytest.approx((50 + 1.959964**2) / 50)
    assert interval_of(34, 0, 0).low < 0.9 < interval_of(35, 0, 0).low  # 0.9 to the power of 35 is 2.5 %


@given(COUNTS)
@example((0, 0, 1))
@example((1, 0, 0))
@example((0, 1, 1))
def test_swapping_gives_the_reciprocal(counts: tuple[int, int, int]) -> None:
    """Which model is called the first does not matter; where neither limit is 0, both turn over."""
    both, only_first, only_second = counts
    ratio, interval = paired_ratio(both, only_first, only_second)
    turned, turned_interval = paired_ratio(both, only_second, only_first)
    if ratio is None or turned is None or interval is None or turned_interval is None:
        assert both == 0
        return
    assert ratio * turned == pytest.approx(1)
    assert interval.low * turned_interval.high == pytest.approx(1)
    assert interval.high * turned_interval.low == pytest.approx(1)


@given(COUNTS)
def test_the_interval_holds_the_ratio(counts: tuple[int, int, int]) -> None:
    """Low < high, the ratio between them; without a right answer of the second there is neither."""
    both, only_first, only_second = counts
    ratio, interval = paired_ratio(*counts)
    if both + only_second == 0:
        assert (ratio, interval) == (None, None)
        return
    assert ratio == (both + only_first) / (both + only_second)
    assert interval is not None
    assert 0 <= interval.low <= ratio <= interval.high < inf
    assert interval.low < interval.high


@given(COUNTS.filter(lambda counts: counts[0] > 0), st.floats(1.01, 100))
def test_more_records_of_the_same_shares_narrow_it(counts: tuple[int, int, int], times: float) -> None:
    """Real counts are taken, and with them both limits come nearer to the ratio."""
    interval, narrower = interval_of(*counts), interval_of(*(times * count for count in counts))
    assert narrower.low > interval.low
    assert narrower.high < interval.high


def textbook(ratio: float, both: int, only_first: int, only_second: int, records: int = 1000) -> float:
    """Return the score statistic as Fagerland, Lydersen and Laake write it, of so many records in all."""
    first, second, either = both + only_first, both + only_second, both + only_first + only_second
    a, b = records * (1 + ratio), second * ratio**2 - (first + 2 * only_second)
    likeliest = (-b + np.sqrt(b * b - 4 * a * only_second * (1 - ratio) * either / records)) / (2 * a)
    return float((first - ratio * second) / np.sqrt(a * likeliest + either * (ratio - 1)))


@given(st.tuples(*[st.integers(1, 300)] * 3))
def test_the_limits_are_the_roots_of_the_textbooks_statistic(counts: tuple[int, int, int]) -> None:
    """Scipy finds the same limits of the formula as it is printed, which counts the records that neither got right."""
    ratio, interval = paired_ratio(*counts)
    assert ratio is not None
    assert interval is not None
    z = stats.norm.ppf(0.975)
    low = brentq(lambda one: textbook(one, *counts) - z, ratio / 100, ratio, xtol=1e-14)
    high = brentq(lambda one: textbook(one, *counts) + z, ratio, 100 * ratio, xtol=1e-14)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-7)


@given(st.integers(0, 300), st.integers(0, 300))
def test_where_the_first_is_right_on_nothing_else_it_is_wilsons(both: int, only_second: int) -> None:
    """Then the ratio is a plain share of the second's right answers, and the lower limit is that share's."""
    expected = wilson(both, both + only_second)
    if expected is not None:
        assert interval_of(both, 0, only_second).low == pytest.approx(expected.low, abs=1e-12)


def tables(records: int) -> Tables:
    """Return all possible counts of so many records: both right, only the first, only the second."""
    counts = np.indices((records + 1,) * 3).reshape(3, -1)
    return counts[:, counts.sum(axis=0) <= records]


@cache
def judged(records: int) -> tuple[Tables, Tables, Tables]:
    """Return all tables, and which of them say surely above 0.9 and surely below."""
    found = tables(records)
    scores = [_score(0.9, *one) if one[0] + one[2] else 0.0 for one in found.T.tolist()]
    above = np.array(scores)
    return found, above >= stats.norm.ppf(0.975), above < -stats.norm.ppf(0.975)


def errors(records: int, accuracy: float, only_first: float) -> tuple[float, float]:
    """Exact probabilities, at a true ratio of 0.9, that the interval lies wholly above it, and wholly below.

    `accuracy` is the second's; `only_first` the share that only the first has right.
    """
    both = 0.9 * accuracy - only_first
    shares = np.array([both, only_first, accuracy - both, max(0.0, 1 - accuracy - only_first)])
    found, above, below = judged(records)
    counts = np.vstack([found, records - found.sum(axis=0)])
    chance = np.exp(stats.multinomial.logpmf(counts.T, records, shares / shares.sum()))
    return float(chance[above].sum()), float(chance[below].sum())


@pytest.mark.parametrize("records", [20, 30, 50, 100])
def test_how_often_it_errs(records: int) -> None:
    """Over all outcomes, at a true ratio of 0.9: falsely viable at most 2.7 %, not viable 4 %, covered from 93.6 %."""
    grid = [
        (accuracy, only_first)
        for accuracy in (0.4, 0.55, 0.7, 0.85, 0.9, 0.95, 1.0)
        for only_first in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2)
        if only_first <= min(0.9 * accuracy, 1 - accuracy) + 1e-9
    ]
    found = [errors(records, *shares) for shares in grid]
    assert max(above for above, _ in found) <= 0.0275
    assert max(below for _, below in found) <= 0.0405
    assert min(1 - above - below for above, below in found) >= 0.936


@pytest.mark.parametrize(
    ("records", "accuracy", "only_first", "above", "below"),
    [(30, 0.85, 0.15, 0.0270, 0.0261), (100, 1.0, 0.0, 0.0237, 0.0399), (20, 1.0, 0.0, 0.0, 0.0113)],
)
def test_where_it_errs_most(
    records: int, accuracy: float, only_first: float, above: float, below: float
) -> None:
    """The worst that the docstring names, and the corner where the first is never right alone."""
    assert errors(records, accuracy, only_first) == pytest.approx((above, below), abs=1e-4)


def test_the_enumeration_judges_as_the_interval_does() -> None:
    """On each table of 20 records a limit is beyond 0.9 where the score there says so."""
    found, above, below = judged(20)
    for counts, is_above, is_below in zip(found.T.tolist(), above, below, strict=True):
        interval = paired_ratio(*counts)[1]
        assert bool(is_above) is (interval is not None and interval.low >= 0.9)
        assert bool(is_below) is (interval is not None and interval.high < 0.9)
