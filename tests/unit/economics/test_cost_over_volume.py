"""Where self-hosting starts and stops to pay as volume grows, with machines that come one at a time."""

from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.economics.cost_over_volume import CostOverVolume, find_break_even
from tests.month_inputs import usd

ONE = Fraction(1)
TINY = Fraction(1, 10**30)
AMOUNTS = st.integers(0, 400)
LOADS = st.fractions(0, 3, max_denominator=12)


@st.composite
def costs(draw: st.DrawFn) -> CostOverVolume:
    """Return small whole amounts, so that lines meet at, just before and just after steps."""
    load = draw(LOADS)
    gpus = max(draw(st.integers(1, 3)), -(-load.numerator // load.denominator))
    return CostOverVolume(draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS), gpus, load)


def pays(cost: CostOverVolume, factor: Fraction) -> bool:
    """Work out from the words alone whether self-hosting is cheaper at a volume."""
    machines = max(cost.gpus, -int(-cost.load * factor // 1))
    own = cost.fixed_nano + cost.slope_nano * factor + Fraction(cost.bill_nano, cost.gpus) * machines
    return own < cost.api_nano * factor


@given(costs(), st.fractions(0, 50, max_denominator=50))
def test_it_pays_exactly_between_its_crossings(cost: CostOverVolume, factor: Fraction) -> None:
    """Above a start and up to the stop that follows, and nowhere else; crossings are in order."""
    found = list(islice(cost.crossings(), 400))
    assert [one.pays_above for one in found] == [place % 2 == 0 for place in range(len(found))]
    assert all(one.factor <= other.factor for one, other in pairwise(found))
    if len(found) < 400 or factor <= found[-1].factor:
        passed = [one for one in found if one.factor < factor]
        assert pays(cost, factor) is (bool(passed) and passed[-1].pays_above)
    assert cost.pays_at(factor) is pays(cost, factor)


@given(costs())
def test_the_answer_turns_at_each_crossing(cost: CostOverVolume) -> None:
    """At a start it does not pay yet, at a stop it still does; a hair further it is the other way."""
    for one in islice(cost.crossings(), 20):
        assert pays(cost, one.factor) is not one.pays_above
        assert pays(cost, one.factor + TINY) is one.pays_above
        assert one.gpus == cost.gpus_at(one.factor + TINY)


@given(costs())
def test_first_and_for_good(cost: CostOverVolume) -> None:
    """The first start; and the last one, after which there is no stop."""
    found = list(islice(cost.crossings(), 2001))
    if not found:
        assert cost.first is None
        assert cost.for_good is None
        return
    assert cost.first == found[0].factor
    assert cost.for_good is not None
    if len(found) <= 2000:
        assert cost.for_good == found[-1].factor
        assert all(pays(cost, cost.for_good + ahead * ahead + TINY) for ahead in range(20))


@example(CostOverVolume(3, 0, 2, 0, 1, ONE))  # a machine that is just full
@given(costs())
def test_the_nearest_flip_turns_the_answer_and_nothing_nearer_does(cost: CostOverVolume) -> None:
    """Applied, the answer is another; anywhere nearer to today's volume it is the same."""
    now, flip = pays(cost, ONE), cost.nearest_flip()
    if flip is None:
        assert all(pays(cost, Fraction(place, 7)) is now for place in range(1, 60))
        return
    factor, at_once = flip
    outwards = factor if at_once else factor + (TINY if factor >= 1 else -TINY)
    assert pays(cost, outwards) is not now
    distance = abs(factor - 1)
    for part in range(20):
        nearer = distance * part / 20
        assert pays(cost, 1 + nearer) is now
        assert pays(cost, 1 - nearer) is now
    if not at_once:
        assert pays(cost, factor) is now


def test_a_second_machine_stops_it_and_more_volume_starts_it_again() -> None:
    """$700 for a machine that saves $1,000 when it is full, and $100 of maintenance: worked by hand.

    One machine ($800) is even at 3.2 times the volume and full at 4; two ($1,500) at 6 and full at 8; three
    ($2,200) at 8.8 and full at 12; four ($2,900) are even at 11.6, before the third is full.
    """
    cost = CostOverVolume(usd(250), 0, usd(700), usd(100), load=Fraction(1, 4))
    assert [(float(one.factor), one.pays_above, one.gpus) for one in cost.crossings()] == [
        (3.2, True, 1),
        (4.0, False, 2),
        (6.0, True, 2),
        (8.0, False, 3),
        (8.8, True, 3),
    ]
    assert cost.for_good == Fraction(88, 10)
    cheap = CostOverVolume(usd(250), 0, usd(300), usd(100), load=Fraction(1, 4))
    assert [float(one.factor) for one in cheap.crossings()] == [1.6]  # never stops again


@pytest.mark.parametrize(
    ("today", "flips_at", "at_once"),
    [
        ("1", "3.2", False),
        ("3.3", "3.2", True),
        ("3.9", "4", False),  # beyond it a second machine is needed
        ("4.1", "6", False),
        ("6.5", "6", True),
        ("7.5", "8", False),
        ("8.1", "8.8", False),
        ("9", "8.8", True),
        ("100", "70.4", True),  # twenty-five machines are paid for, whatever the volume
    ],
)
def test_the_nearest_flip_worked_by_hand(today: str, flips_at: str, at_once: bool) -> None:
    """The same machines with today's volume at many places: up or down, at the place or just beyond it."""
    now = Fraction(today)
    machines = int(-(-now // 4))
    cost = CostOverVolume(int(now * usd(250)), 0, machines * usd(700), usd(100), gpus=machines, load=now / 4)
    assert cost.nearest_flip() == (Fraction(flips_at) / now, at_once)


def test_more_work_than_the_machines_hold_is_refused() -> None:
    """What today's work needs is paid for today."""
    with pytest.raises(ValueError, match="2 machines cannot be filled by 7/3"):
        CostOverVolume(1, 0, 1, 1, gpus=2, load=Fraction(7, 3))


def test_a_machine_that_costs_more_than_it_can_save_never_pays() -> None:
    """Filled to the brim it saves $400 and costs $450."""
    cost = CostOverVolume(usd(100), 0, usd(450), 0, load=Fraction(1, 4))
    assert cost.first is None
    assert cost.nearest_flip() is None
    assert find_break_even("reserved", cost, 1000).factor is None
    assert find_break_even("reserved", cost, 1000).fixed_nano == usd(450)


@pytest.mark.parametrize("api", [0, 50])
def test_what_is_dearer_with_every_record_never_pays(api: int) -> None:
    """The API's own costs grow as fast as what they would replace."""
    assert CostOverVolume(usd(api), usd(api), 0, usd(1)).first is None


def test_break_even_of_the_worked_example() -> None:
    """$250 for the GPU and 2 h x $100: self-hosting wins above $450 a month, with usage or without."""
    used = find_break_even("reserved", CostOverVolume(usd("5.58"), 0, usd(250), usd(200)), 15_500)
    assert used.spend_nano == used.fixed_nano == usd(450)
    assert used.factor == Fraction(usd(450), usd("5.58"))
    assert used.records == 1_250_000
    unused = find_break_even("reserved", CostOverVolume(0, 0, usd(250), usd(200)), 0)
    assert unused.spend_nano == unused.fixed_nano == usd(450)
    assert unused.factor is None
    assert find_break_even("reserved", None, 0).spend_nano is None


def test_the_spend_counts_what_still_goes_to_the_api() -> None:
    """A tenth of the work stays on the API, so the bill that is beaten is larger: $450 / 0.9 = $500."""
    cost = CostOverVolume(usd(100), usd(10), usd(250), usd(200))
    assert find_break_even("hybrid", cost, 1000).spend_nano == usd(500)


def test_a_free_machine_pays_from_the_first_record() -> None:
    """Nothing fixed: every volume pays, none does not."""
    cost = CostOverVolume(usd(10), 0, 0, 0, load=Fraction(1, 2))
    assert cost.first == cost.for_good == 0
    assert cost.nearest_flip() == (Fraction(0), True)
