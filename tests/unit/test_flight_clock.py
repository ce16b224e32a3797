"""The machine time of a server: each moment with a request in flight counts once, and no other."""

from contextlib import AbstractContextManager

from hypothesis import given
from hypothesis import strategies as st

from models.engines.server.flight_clock import FlightClock
from models.gpu_time import GpuTime


class Hand:
    """A clock that is set by hand, nanoseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Return the time."""
        return self.now


def test_requests_side_by_side_count_once() -> None:
    """Two overlapping requests cost the time from the first's begin to the last's end; what is idle costs nothing."""
    hand = Hand()
    clock = FlightClock(hand)
    hand.now = 100
    with clock.in_flight():
        hand.now = 103
        with clock.in_flight():
            hand.now = 107
        hand.now = 110
    hand.now = 500
    assert clock.lap() == GpuTime(busy_ns=10)
    assert clock.lap() == GpuTime()


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "lap"]), st.integers(0, 1000)), max_size=40))
def test_laps_add_up_to_the_time_in_flight(steps: list[tuple[str, int]]) -> None:
    """Whenever laps are taken, also in mid-flight, their sum is that time, without gap or overlap."""
    hand = Hand()
    clock = FlightClock(hand)
    flying: list[AbstractContextManager[None]] = []
    expected = counted = 0
    for what, later in steps:
        hand.now += later
        expected += later if flying else 0
        if what == "begin":
            flying.append(clock.in_flight())
            flying[-1].__enter__()
        elif what == "end" and flying:
            flying.pop().__exit__(None, None, None)
        elif what == "lap":
            counted += clock.lap().busy_ns
    assert counted + clock.lap().busy_ns == expected
