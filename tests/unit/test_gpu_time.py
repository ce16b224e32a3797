"""GPU time adds up and is split to the nano-dollar (I10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.vllm.gpu_clock import GpuClock
from models.gpu_time import GpuTime, gpu_cost_nano, split_exactly
from models.ledger.accounting import GpuMeter


@given(st.integers(0, 10**18), st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_split_is_exact_and_proportional(total: int, weights: list[int]) -> None:
    """The parts sum to the total, and none is more than one unit away from its exact share."""
    parts = split_exactly(total, weights)
    assert sum(parts) == total
    scale = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        if scale:
            assert abs(part * scale - total * weight) < scale
        else:
            assert abs(part * len(weights) - total) < len(weights)


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, []), (1, [2, -1])])
def test_impossible_splits_are_refused(total: int, weights: list[int]) -> None:
    """Nothing to split over, or a negative share, is an error and not a guess."""
    with pytest.raises(ValueError, match="cannot split"):
        split_exactly(total, weights)


@given(
    st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10**13)), max_size=30),
    st.integers(0, 10**11),
)
def test_laps_cost_what_the_whole_costs(laps: list[tuple[int, int, int]], rate: int) -> None:
    """The costs of the laps add up to the cost of their sum: rounding happens once, on the total."""
    meter = GpuMeter(rate)
    costs = [meter.add(GpuTime(*lap)) for lap in laps]
    assert sum(costs) == meter.cost_nano == gpu_cost_nano(sum(map(sum, laps)), rate)
    assert all(cost >= 0 for cost in costs)


def test_one_hour_costs_the_hourly_rate() -> None:
    """An hour at $1.006 is $1.006."""
    assert gpu_cost_nano(3_600_000_000_000, 1_006_000_000) == 1_006_000_000


@given(
    st.lists(st.tuples(st.sampled_from(["load", "busy", "wait", "lap"]), st.integers(0, 10**9)), max_size=40)
)
def test_laps_cover_all_time_without_overlap(events: list[tuple[str, int]]) -> None:
    """Load + busy + idle over all laps is the time since the clock's start, to the nanosecond."""
    now = 0
    clock = GpuClock(lambda: now)
    total = GpuTime()
    loaded = 0
    for kind, duration in events:
        match kind:
            case "load":
                with clock.loading():
                    now += duration
                loaded += duration
            case "busy":
                with clock.busy():
                    now += duration
            case "wait":
                now += duration
            case "lap":
                total += clock.lap()
    total += clock.lap()
    assert total.total_ns == now
    assert total.load_ns == loaded
    assert total.idle_ns >= 0
