"""When volume will be enough: a straight line through the months, and what is said where there is none."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.cost_over_volume import CostOverVolume
from models.economics.trend import find_trend, fit_slope
from tests.month_inputs import OCTOBER, usd

NEEDS_HALF_MORE = CostOverVolume(usd(300), 0, usd(250), usd(200))
NEVER = CostOverVolume(usd(300), usd(300), usd(250), usd(200))
ALREADY = CostOverVolume(usd(500), 0, usd(250), usd(200))


@given(st.integers(-100, 100), st.integers(0, 1000), st.integers(2, 30))
def test_the_slope_of_a_line_is_its_slope(rise: int, start: int, count: int) -> None:
    """Whatever its length."""
    assert fit_slope([start + rise * place for place in range(count)]) == rise


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=12), st.fractions(-5, 5))
def test_no_other_line_is_nearer(values: list[int], other: Fraction) -> None:
    """Least squares: turning the line about its middle only adds to the squared distances."""
    mean, middle = Fraction(sum(values), len(values)), Fraction(len(values) - 1, 2)

    def squares(rise: Fraction) -> Fraction:
        away = (value - mean - rise * (place - middle) for place, value in enumerate(values))
        return sum((distance * distance for distance in away), Fraction(0))

    assert squares(fit_slope(values)) <= squares(fit_slope(values) + other)


@pytest.mark.parametrize("values", [[], [7]])
def test_a_line_needs_two_points(values: list[int]) -> None:
    """One month has no slope."""
    with pytest.raises(ValueError, match="no slope"):
        fit_slope(values)


@pytest.mark.parametrize(
    ("records", "cost", "state", "crossing"),
    [
        ([100, 200, 300], NEEDS_HALF_MORE, "crosses", date(2026, 12, 1)),
        ([150, 225, 300], NEEDS_HALF_MORE, "crosses", date(2027, 1, 1)),  # 450 are even: a month more
        ([298, 299, 300], NEEDS_HALF_MORE, "beyond_horizon", None),
        ([300, 300, 300], NEEDS_HALF_MORE, "not_growing", None),
        ([500, 400, 300], NEEDS_HALF_MORE, "not_growing", None),
        ([200, 300], NEEDS_HALF_MORE, "too_few_months", None),
        ([300], NEEDS_HALF_MORE, "too_few_months", None),
        ([100, 200, 300], NEVER, "never_pays", None),
        ([100, 200, 300], ALREADY, "already_pays", None),
        ([100, 200, 300], None, "no_gpu", None),
        ([0, 100, 0], NEEDS_HALF_MORE, "not_growing", None),
    ],
)
def test_what_is_said_of_growth(
    records: list[int], cost: CostOverVolume | None, state: str, crossing: date | None
) -> None:
    """Of October, which needs half as much volume again."""
    found = find_trend(OCTOBER, records, cost)
    assert (found.state, found.crossing, found.months) == (state, crossing, len(records))
    assert (found.records_per_month is None) is (len(records) < 3)


def test_a_month_that_falls_between_two_crossings_counts_only_if_it_pays() -> None:
    """It pays from 3.2 to 4 times the volume and again from 6 on; the steps of 2.5 miss the first."""
    cost = CostOverVolume(usd(250), 0, usd(700), usd(100), load=Fraction(1, 4))
    assert find_trend(OCTOBER, [0, 0, 100], cost).records_per_month == 50
    quick = find_trend(OCTOBER, [0, 50, 100], cost)  # half a volume more each month: 3.5 in five months
    assert quick.crossing == date(2027, 3, 1)
    slow = CostOverVolume(
        usd(250), 0, usd(990), usd(5), load=Fraction(1, 4)
    )  # pays only from 3.98 to 4, 7.94 to 8
    assert find_trend(OCTOBER, [0, 50, 100], slow).crossing == date(2027, 4, 1)
