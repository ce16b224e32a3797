"""The verdict: viable, not viable, or how many more labels would decide it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.evaluation.figures import Comparison
from models.evaluation.intervals import paired_ratio
from models.evaluation.verdict import compare

CELLS = st.tuples(*[st.integers(0, 60)] * 4)


def compared(both: int, only_first: int, only_second: int, neither: int, keep: float = 0.9) -> Comparison:
    """Compare two arms that were right as often as the four counts say."""
    cells = (
        (both, True, True),
        (only_first, True, False),
        (only_second, False, True),
        (neither, False, False),
    )
    first = [one for count, one, _ in cells for _ in range(count)]
    second = [other for count, _, other in cells for _ in range(count)]
    return compare("small", "api", first, second, keep)


@pytest.mark.parametrize(
    ("cells", "viability", "more"),
    [
        ((50, 0, 0, 0), "viable", None),  # the interval is 0.929 to 1.077
        ((270, 10, 10, 10), "viable", None),
        ((20, 0, 30, 0), "not_viable", None),  # 0.4 at most 0.54
        ((45, 1, 4, 0), "undecided", 258),  # 46 of 50 against 49: 0.939, from 0.825 to 1.042
        ((9, 0, 1, 0), "undecided", None),  # exactly the 90 %: no number of such labels would decide it
        ((0, 0, 0, 0), "undecided", None),
        ((0, 0, 0, 1), "undecided", None),
        ((0, 1, 0, 0), "undecided", None),  # the API got nothing right: no ratio
        ((1, 0, 0, 0), "undecided", 34),
        ((0, 0, 1, 0), "undecided", 4),  # the small model never right: 4 more such records
    ],
)
def test_verdicts(cells: tuple[int, int, int, int], viability: str, more: int | None) -> None:
    """Known tables, down to one record and none."""
    found = compared(*cells)
    assert (found.both, found.only_first, found.only_second, found.neither) == cells
    assert (found.viability, found.more) == (viability, more)
    assert (found.first, found.second) == ("small", "api")


def test_45_of_50_beside_a_perfect_api_is_no_verdict() -> None:
    """The ratio is the rule's own 90 %, and its interval reaches from 79 to 98 %."""
    found = compared(45, 0, 5, 0)
    assert found.ratio == pytest.approx(0.9)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.7864, 0.9768), abs=1e-4)
    assert (found.viability, found.more) == ("undecided", None)


@given(CELLS, st.sampled_from([0.8, 0.9, 1.0]))
def test_as_many_more_decide_it_and_one_less_does_not(cells: tuple[int, int, int, int], keep: float) -> None:
    """With the named number of further records at the same shares the interval is on one side of the rule."""
    found = compared(*cells, keep)
    assume(found.more is not None)
    assert found.more is not None
    records = sum(cells)

    def open_after(more: int) -> bool:
        times = (records + more) / records
        _, interval = paired_ratio(*(times * count for count in cells[:3]))
        return interval is not None and interval.low < keep <= interval.high

    assert found.viability == "undecided"
    assert 1 <= found.more <= 100_000
    assert not open_after(found.more)
    assert open_after(found.more - 1)


@given(CELLS)
def test_the_verdict_follows_the_interval(cells: tuple[int, int, int, int]) -> None:
    """Decided only where the whole interval is on one side, and then nothing more is asked for."""
    found = compared(*cells)
    if found.interval is None:
        assert (found.viability, found.ratio, found.more) == ("undecided", None, None)
        return
    assert (found.viability == "viable") is (found.interval.low >= 0.9)
    assert (found.viability == "not_viable") is (found.interval.high < 0.9)
    assert found.viability == "undecided" or found.more is None


def test_arms_of_unequal_length_are_refused() -> None:
    """Records that only one arm has cannot be paired."""
    with pytest.raises(ValueError, match="shorter"):
        compare("small", "api", [True, True], [True])
