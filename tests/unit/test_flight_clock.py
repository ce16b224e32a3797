"""The machine time of a server: each moment with a request in flight counts once, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.server.flight_clock import FlightClock


class Hand:
    """A clock that is set by hand, nanoseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Return the time."""
        return self.now


def test_requests_side_by_side_share_the_time() -> None:
    """The moments in which two are in flight are split between them; idle time is nobody's."""
    hand = Hand()
    clock = FlightClock(hand)
    hand.now = 100
    first = clock.take_off()
    hand.now = 110
    second = clock.take_off()
    hand.now = 130
    assert clock.land(second) == 10
    hand.now = 150
    assert clock.land(first) == 10 + 10 + 20
    hand.now = 500
    third = clock.take_off()
    hand.now = 507
    assert clock.land(third) == 7


def test_a_lap_is_what_was_claimed() -> None:
    """A share counts in the lap in which its answer is taken, once."""
    clock = FlightClock(Hand())
    clock.claim(5)
    clock.claim(7)
    assert (clock.lap(), clock.lap()) == (12, 0)


@given(st.lists(st.tuples(st.sampled_from(["begin", "first", "last"]), st.integers(0, 10**12)), max_size=60))
def test_shares_add_up_to_the_time_in_flight(steps: list[tuple[str, int]]) -> None:
    """In whatever order requests begin and end, to the rounding of each share."""
    hand = Hand()
    clock = FlightClock(hand)
    flying: list[float] = []
    shares: list[int] = []
    expected = 0
    for what, later in [*steps, *[("first", 1)] * len(steps)]:
        hand.now += later
        expected += later if flying else 0
        if what == "begin":
            flying.append(clock.take_off())
        elif flying:
            shares.append(clock.land(flying.pop(0 if what == "first" else -1)))
    assert not flying
    assert min(shares, default=0) >= 0
    assert sum(shares) == pytest.approx(expected, abs=len(shares) + 1.0, rel=1e-12)
