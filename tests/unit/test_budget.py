"""Caps: none is ever exceeded, and what stands against a request is named."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.budget import ApiSpend, Budget, Cap, admit
from models.economics.pricing import NANO, nano_to_usd
from models.errors import UsageError
from models.settings import Caps

AMOUNTS = st.lists(st.integers(0, 1000), max_size=30)
CAPS = st.lists(
    st.builds(
        Cap,
        scope=st.sampled_from(["run", "day", "month"]),
        workload=st.none() | st.just("sentiment"),
        limit_nano=st.integers(0, 3000),
        spent_nano=st.integers(0, 3000),
    ),
    max_size=6,
)


@given(AMOUNTS, CAPS)
def test_no_cap_is_ever_exceeded(amounts: list[int], caps: list[Cap]) -> None:
    """What is admitted, with what was spent before, stays under every cap that was not exceeded already."""
    verdicts = admit(amounts, caps)
    admitted = [amount for amount, against in zip(amounts, verdicts, strict=True) if against is None]
    for cap in caps:
        assert not admitted or cap.spent_nano + sum(admitted) <= cap.limit_nano


@given(AMOUNTS, CAPS)
def test_nothing_is_refused_without_a_cap_that_it_breaks(amounts: list[int], caps: list[Cap]) -> None:
    """Each refused amount would exceed the cap that is named, as things stand when its turn comes."""
    taken = 0
    for amount, against in zip(amounts, admit(amounts, caps), strict=True):
        breaks = [cap.name for cap in caps if not cap.admits(taken + amount)]
        assert against == (breaks[0] if breaks else None)
        taken += amount if against is None else 0


@given(AMOUNTS)
def test_without_a_cap_everything_goes(amounts: list[int]) -> None:
    """No cap stands against nothing."""
    assert admit(amounts, []) == [None] * len(amounts)


@given(AMOUNTS, CAPS)
def test_a_cap_of_zero_admits_nothing(amounts: list[int], caps: list[Cap]) -> None:
    """Not even what is free: who sets 0 wants nothing sent."""
    assert None not in admit(amounts, [*caps, Cap("day", "sentiment", 0)])


@given(AMOUNTS, CAPS, st.integers(0, 500))
def test_more_room_never_admits_less_in_sum(amounts: list[int], caps: list[Cap], more: int) -> None:
    """Of equal amounts, a higher limit admits at least as many."""
    same = [amounts[0]] * len(amounts) if amounts else []
    wider = [Cap(cap.scope, cap.workload, cap.limit_nano + more, cap.spent_nano) for cap in caps]
    assert admit(same, caps).count(None) <= admit(same, wider).count(None)


def test_a_smaller_amount_after_one_that_does_not_fit() -> None:
    """Each amount is judged by itself: a large one that is refused takes nothing from those after it."""
    cap = Cap("run", "sentiment", 100, spent_nano=50)
    assert admit([60, 50, 1, 0], [cap]) == [cap.name, None, cap.name, None]


def test_a_negative_amount_is_no_upper_bound() -> None:
    """It would make room under a cap; it is refused, whatever the caps."""
    with pytest.raises(ValueError, match="negative: -1"):
        admit([5, -1], [])


@pytest.mark.parametrize(
    ("cap", "name"),
    [
        (Cap("day", "sentiment", 5 * NANO), "day cap of $5.00 for sentiment"),
        (Cap("run", "sentiment", NANO // 2), "run cap of $0.50 for sentiment"),
        (Cap("month", None, 1500 * NANO), "month cap of $1500.00 for all workloads"),
        (Cap("day", None, 1), "day cap of $0.000000001 for all workloads"),
        (Cap("day", None, 0), "day cap of $0.00 for all workloads"),
    ],
)
def test_a_cap_is_named_as_it_was_set(cap: Cap, name: str) -> None:
    """The amount is exact, with cents at least."""
    assert cap.name == name


@given(st.integers(0, 10**40))
def test_the_named_amount_is_the_limit(nano: int) -> None:
    """No limit is rounded in its name, however large or small."""
    amount = Cap("day", None, nano).name.split("$")[1].split()[0]
    assert Decimal(amount) == nano_to_usd(nano)


def test_a_budget_meets_each_cap_with_its_own_sum() -> None:
    """Run, day and month of the workload and of all: each limit is compared with what was spent there."""
    own = Caps(run_usd=Decimal(1), day_usd=Decimal(2), month_usd=Decimal(3))
    total = Caps(run_usd=Decimal(4), day_usd=Decimal(5), month_usd=Decimal(6))
    caps = Budget("sentiment", own, total).caps(ApiSpend(20, 30, 50, 60), run_nano=10)
    assert caps == [
        Cap("run", "sentiment", 1 * NANO, 10),
        Cap("day", "sentiment", 2 * NANO, 20),
        Cap("month", "sentiment", 3 * NANO, 30),
        Cap("run", None, 4 * NANO, 10),
        Cap("day", None, 5 * NANO, 50),
        Cap("month", None, 6 * NANO, 60),
    ]


def test_a_budget_has_only_the_caps_that_are_set() -> None:
    """Without any there is nothing to look up; 0 is a cap."""
    none = Budget("sentiment", Caps(), Caps())
    assert not none.capped
    assert none.caps(ApiSpend(), 0) == []
    some = Budget("sentiment", Caps(day_usd=Decimal(0)), Caps(month_usd=Decimal("0.10")))
    assert some.capped
    verdicts = some.admit([1], some.caps(ApiSpend(), 0))
    assert verdicts == ["day cap of $0.00 for sentiment"]


def test_a_cap_finer_than_a_nano_dollar_is_bad_usage() -> None:
    """An amount that cannot be kept exactly is refused when the budget is made."""
    with pytest.raises(UsageError, match="finer than a nano-dollar"):
        Budget("sentiment", Caps(run_usd=Decimal("0.0000000001")), Caps())
