"""Intervals: published cases, scipy's results, exact coverage, and what holds for all counts."""

from math import inf, lgamma

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from models.evaluation.figures import Interval
from models.evaluation.intervals import paired_ratio, share, wilson

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
    ("counts", "ratio", "low", "high", "digits"),
    [
        # Complete response before and after consolidation (Cavo et al., 2012), R package contingencytables
        ((59, 6, 16), 0.8667, 0.7579, 0.9910, 4),
        # The example of R package statpsych, ci.ratio.prop.ps(.05, 12, 4, 26, 6)
        ((6, 26, 4), 3.2, 1.766544, 5.796628, 6),
    ],
)
def test_published_ratios(
    counts: tuple[int, int, int], ratio: float, low: float, high: float, digits: int
) -> None:
    """Two tables whose interval other implementations print."""
    value, interval = paired_ratio(*counts)
    assert value is not None
    assert interval is not None
    found = tuple(round(one, digits) for one in (value, interval.low, interval.high))
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
    assert interval_of(50, 0, 0).low == pytest.approx(0.9623, abs=1e-4)
    assert interval_of(50, 0, 0).high == pytest.approx(1.0392, abs=1e-4)


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


def covered(records: int, both: float, only_first: float, only_second: float) -> float:
    """Exact probability that the interval holds the true ratio: the sum over all outcomes of so many records."""
    shares = (both, only_first, only_second, max(0.0, 1 - both - only_first - only_second))
    logs = [np.log(one) if one else -inf for one in shares]
    truth = (both + only_first) / (both + only_second)
    total = 0.0
    for one in range(records + 1):
        for two in range(records + 1 - one):
            for three in range(records + 1 - one - two):
                counts = (one, two, three, records - one - two - three)
                weight = lgamma(records + 1) - sum(lgamma(count + 1) for count in counts)
                weight += sum(count * log for count, log in zip(counts, logs, strict=True) if count)
                interval = paired_ratio(*counts[:3])[1]
                if interval is None or interval.low <= truth + 1e-12 <= interval.high + 2e-12:
                    total += float(np.exp(weight))
    return total


@pytest.mark.parametrize(
    "shares", [(0.8, 0.05, 0.05), (0.7, 0.05, 0.1), (0.6, 0.1, 0.1), (0.5, 0.1, 0.2), (0.72, 0.09, 0.18)]
)
def test_it_covers_what_it_says_on_30_records(shares: tuple[float, float, float]) -> None:
    """At least 94 of 100 samples of 30 records give an interval with the true ratio in it."""
    assert covered(30, *shares) >= 0.94


@pytest.mark.parametrize(
    ("records", "shares", "expected"),
    [(30, (0.63, 0, 0.07), 0.912), (30, (0.9, 0, 0.1), 0.956), (20, (0.9, 0, 0.1), 0.878)],
)
def test_where_it_covers_less(records: int, shares: tuple[float, float, float], expected: float) -> None:
    """The docstring's corner: the first is right on nothing that the second is wrong on."""
    assert covered(records, *shares) == pytest.approx(expected, abs=0.001)
