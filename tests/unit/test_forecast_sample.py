"""A sample of a stream: uniform, seeded, of the size that was asked for, measured in portions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest

from models.economics.demand import Lengths
from models.economics.throughput import OutputLength
from tasks.forecast import reservoir
from tasks.forecast.document import half_width
from tasks.forecast.reservoir import Reservoir


@dataclass(frozen=True, slots=True)
class Item:
    """An item of so many characters."""

    number: int
    chars: int = 10


def numbers(items: Sequence[Item]) -> list[int]:
    """Measure items by their number."""
    return [item.number for item in items]


def drawn(size: int | None, count: int, seed: int = 0) -> list[int]:
    """Draw from the numbers 0 to `count` - 1."""
    found: Reservoir[Item, int] = Reservoir(size, seed, numbers)
    for number in range(count):
        found.add(Item(number))
    assert found.seen == count
    return found.result()


def test_all_of_a_short_stream_and_of_any_without_a_size() -> None:
    """As many as there are, in order."""
    assert drawn(10, 4) == drawn(None, 4) == [0, 1, 2, 3]
    assert drawn(None, 1000) == list(range(1000))
    assert drawn(5, 0) == []


def test_so_many_and_none_twice() -> None:
    """The size that was asked for, the same for the same seed, another for another."""
    found = drawn(50, 1000)
    assert len(set(found)) == len(found) == 50
    assert found == drawn(50, 1000) != drawn(50, 1000, seed=1)


def test_every_item_has_the_same_chance() -> None:
    """Over many seeds each of 20 items is drawn a quarter of the time, within four standard errors."""
    seeds = 2000
    times = Counter(number for seed in range(seeds) for number in drawn(5, 20, seed))
    expected, error = seeds / 4, (seeds * 0.25 * 0.75) ** 0.5
    assert all(abs(times[number] - expected) < 4 * error for number in range(20))


@pytest.mark.parametrize("size", [None, 7])
def test_items_are_measured_before_they_are_too_many(
    monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """No more characters wait than are allowed and one item; the sample is the same as if all had waited."""
    expected = drawn(size, 300)
    monkeypatch.setattr(reservoir, "HELD_CHARS", 35)
    most: list[int] = []

    def measure(items: Sequence[Item]) -> list[int]:
        most.append(sum(item.chars for item in items))
        return numbers(items)

    found: Reservoir[Item, int] = Reservoir(size, 0, measure)
    for number in range(300):
        found.add(Item(number))
    assert found.result() == expected
    assert max(most) <= 35 + 10


def test_the_interval_holds_what_it_promises() -> None:
    """Of 400 samples of 100 of 2,000 very different lengths, 95 % hold the true mean in their interval: 92 to 98 %."""
    lengths = [20 + (place * 7919) % 300 for place in range(2000)]
    mean = Fraction(sum(lengths), len(lengths))
    held = 0
    for seed in range(400):
        sampled: Reservoir[Item, int] = Reservoir(100, seed, numbers)
        for length in lengths:
            sampled.add(Item(length))
        found = Lengths.of(sampled.result(), OutputLength(0, 1, "given"))
        assert found.spread is not None
        held += abs(found.input - mean) <= half_width(found.spread.input)
    assert 0.92 <= held / 400 <= 0.98
