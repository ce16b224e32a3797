"""Whether it is time to train, and whether what came of it is better by more than chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.economics.training_proposal import (
    CHANCE,
    MonthsMoney,
    Wanting,
    chance_of,
    judge,
    judge_first,
    why_not_due,
)

COUNT = st.integers(0, 200)


@given(COUNT, COUNT)
def test_chance_is_the_exact_one_sided_binomial(more: int, fewer: int) -> None:
    """As a library of statistics has it; 1 where no text tells the two apart."""
    if more + fewer == 0:
        assert chance_of(more, fewer) == 1
    else:
        expected = binomtest(more, more + fewer, 0.5, alternative="greater").pvalue
        assert float(chance_of(more, fewer)) == pytest.approx(expected, rel=1e-9)


@given(COUNT, COUNT, COUNT, COUNT)
def test_only_what_is_better_by_more_than_chance_and_serves_as_many_is_taken(
    only_new: int, only_old: int, new_served: int, old_served: int
) -> None:
    """And of the two at most one can be better than the other."""
    outcome = judge(only_new, only_old, new_served, old_served)
    assert (outcome == "better") is (chance_of(only_new, only_old) <= CHANCE and new_served >= old_served)
    if outcome == "better":
        assert only_new > only_old
        assert judge(only_old, only_new, old_served, new_served) == "not_better"


@pytest.mark.parametrize(
    ("monthly", "new", "money", "says"),
    [
        ("off", 1000, MonthsMoney(), "off"),
        ("ask", 0, MonthsMoney(), "nothing_new"),
        ("ask", -5, MonthsMoney(), "nothing_new"),
        ("ask", 199, MonthsMoney(), "too_few"),
        ("train", 200, MonthsMoney(9), None),
        ("train", 200, MonthsMoney(5, 0, 5), "month_is_spent"),
        ("train", 200, MonthsMoney(0, 0, 0), "month_is_spent"),
        ("ask", 200, MonthsMoney(4, 0, 5), None),
        ("ask", 200, MonthsMoney(3, 2, 5), None),
        ("ask", 200, MonthsMoney(3, 2, 4), "month_would_be_passed"),
    ],
)
def test_it_is_time_with_enough_new_and_money_left(
    monthly: str, new: int, money: MonthsMoney, says: Wanting | None
) -> None:
    """Money without a cap is never spent; a budget of 2 that would pass the cap is not begun."""
    assert why_not_due(monthly, new, 200, money) == says


def test_where_nothing_is_in_force_it_has_to_be_sure_of_something() -> None:
    """One that leaves every record to the next stage changes nothing."""
    assert (judge_first(0.01), judge_first(0.0)) == ("first", "never_sure")
