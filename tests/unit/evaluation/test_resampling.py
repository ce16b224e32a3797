"""Bootstrap intervals of means and of their ratios: scipy's, the same every time, and with a width on few records."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.evaluation.resampling import estimate_mean, ratio_of_means
from models.evaluation.scores import Interval
from models.evaluation.verdict import compare_means

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def interval_of(first: list[float], second: list[float]) -> Interval:
    """Return the ratio's interval where there is one."""
    _, interval = ratio_of_means(first, second)
    assert interval is not None
    return interval


@given(SCORES)
def test_the_interval_holds_the_mean(scores: list[float]) -> None:
    """It lies between 0 and 1, has a width, and is the same on every call."""
    found = estimate_mean(scores)
    assert found.value == pytest.approx(np.mean(scores))
    assert found.value is not None
    assert found.interval is not None
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1
    assert found.interval.low < found.interval.high
    assert estimate_mean(scores) == found


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=30))
def test_the_interval_holds_the_ratio(pairs: list[tuple[float, float]]) -> None:
    """Low <= ratio <= high; where both score the same on all records it has a width all the same."""
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    ratio, interval = ratio_of_means(first, second)
    assert ratio is not None
    if interval is not None:
        assert 0 <= interval.low <= ratio <= interval.high
        assert interval.low < interval.high


def test_many_records_agree_with_the_library() -> None:
    """On 2,000 records the limits are those of scipy's paired percentile bootstrap to half a percent, of a mean too."""
    random = np.random.default_rng(3)
    second = random.beta(4, 3, 2000)
    first = np.clip(second * random.normal(0.95, 0.2, 2000), 0, 1)
    options = {"n_resamples": 1000, "vectorized": True, "batch": 200, "method": "percentile"}
    expected = stats.bootstrap(
        (first, second),
        lambda one, other, axis: one.mean(axis=axis) / other.mean(axis=axis),
        paired=True,
        rng=np.random.default_rng(5),
        **options,
    ).confidence_interval
    found = interval_of(first.tolist(), second.tolist())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)
    mean = stats.bootstrap((first,), np.mean, rng=np.random.default_rng(5), **options).confidence_interval
    one = estimate_mean(first.tolist()).interval
    assert one is not None
    assert (one.low, one.high) == pytest.approx((mean.low, mean.high), abs=0.005)


@pytest.mark.parametrize("count", [5, 20, 35, 100])
def test_few_records_that_are_all_alike_prove_little(count: int) -> None:
    """Where both score the same on all records, the lower limit is near that of the score interval of shares, 0.9 at about 35."""
    low = interval_of([0.6] * count, [0.6] * count).low
    assert low == pytest.approx(max(0.0, 1 - 3 / count), abs=0.6 / sqrt(count) ** 1.5)
    assert (low >= 0.9) is (count >= 35)


def test_how_often_it_holds_the_truth() -> None:
    """Over 200 samples of 40 records at a true ratio of 0.9, the limits miss it about as often as they should."""
    random = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        second = random.beta(5, 3, 40)
        first = 0.9 * np.clip(second + random.normal(0, 0.05, 40), 0, 1)
        true = 0.9
        found = interval_of(first.tolist(), second.tolist())
        held += found.low <= true <= found.high
    assert held >= 185


def scores_of(kind: str, records: int, random: np.random.Generator) -> tuple[list[float], list[float]]:
    """Draw scores of two models whose means have the true ratio 0.9.

    `noise`: the first is a little below the second on each record; `fails`: it scores nothing on a tenth and is the same
    elsewhere; `binary`: so, where each score is 0 or 1; `skewed`: most scores are low and the first varies much.
    """
    second = random.beta(5, 3, records) if kind != "skewed" else random.beta(1, 4, records)
    if kind == "binary":
        second = (random.random(records) < 0.7).astype(float)
    if kind == "noise":
        return np.clip(0.9 * second + random.normal(0, 0.05, records), 0, 1).tolist(), second.tolist()
    if kind == "skewed":
        varied = 1 + random.uniform(-1, 1, records) * np.minimum(
            1, 1 / (0.9 * second) - 1
        )  # never above 1 in all
        return (0.9 * second * varied).tolist(), second.tolist()
    return np.where(random.random(records) < 0.1, 0.0, second).tolist(), second.tolist()


@pytest.mark.long
@pytest.mark.parametrize("records", [20, 50, 100])
@pytest.mark.parametrize("kind", ["noise", "fails", "binary", "skewed"])
def test_how_often_the_rule_errs_on_means(kind: str, records: int) -> None:
    """Over 400 samples at a true ratio of 0.9: called viable, and called not viable, in at most 2.5 of 100."""
    random = np.random.default_rng(1)
    samples = [scores_of(kind, records, random) for _ in range(400)]
    found = [compare_means("small", "api", *one, predict=False).viability for one in samples]
    assert found.count("viable") <= 10
    assert found.count("not_viable") <= 10


def test_nothing_to_measure_against() -> None:
    """Where the second scores nothing there is no ratio; without records neither; unequal numbers are an error."""
    assert ratio_of_means([0.5, 0.2], [0.0, 0.0]) == (None, None)
    assert ratio_of_means([], []) == (None, None)
    assert estimate_mean([]).value is None
    with pytest.raises(ValueError, match="2 scores cannot be paired with 1"):
        ratio_of_means([0.5, 0.2], [0.1])


def test_the_rule_on_means() -> None:
    """Surely at 90 % or above, surely below, or undecided with about how many more records would decide."""
    random = np.random.default_rng(7)
    second = random.beta(5, 3, 200)
    noise = random.normal(0, 0.1, 200)

    def against(factor: float) -> tuple[str, int | None]:
        first = np.clip(factor * second + noise, 0, 1)
        found = compare_means("small", "api", first.tolist(), second.tolist())
        return found.viability, found.more

    assert against(0.97) == ("viable", None)
    assert against(0.8) == ("not_viable", None)
    viability, more = against(0.91)
    assert viability == "undecided"
    assert more is not None
    assert 50 < more < 100_000


def test_the_more_records_that_are_told_decide() -> None:
    """So many records of the same kind narrow the interval to one side of the rule."""
    random = np.random.default_rng(7)
    second = random.beta(5, 3, 100)
    first = np.clip(0.93 * second + random.normal(0, 0.15, 100), 0, 1)
    found = compare_means("small", "api", first.tolist(), second.tolist())
    assert (found.viability, found.records) == ("undecided", 100)
    assert found.more is not None
    times = -(-(found.records + found.more) // found.records) + 1
    again = compare_means("small", "api", first.tolist() * times, second.tolist() * times)
    assert again.viability != "undecided"


def test_without_any_score_there_is_nothing_to_say() -> None:
    """Where the second scores nothing, no number of references is asked for."""
    none = compare_means("small", "api", [0.5], [0.0])
    assert (none.ratio, none.viability, none.more) == (None, "undecided", None)
