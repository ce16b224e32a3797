"""Samples: what strata get adds up and is in proportion; what is drawn depends on seed and keys alone."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.sample import Draw, allocate, draw_number

SIZES = st.dictionaries(st.text(max_size=3), st.integers(0, 1000), max_size=12)
KEYS = st.lists(st.text("abcd", max_size=3), max_size=60)


def drawn(keys: list[str], size: int | None, seed: int = 0) -> dict[str, int]:
    """Show keys to a draw, each with its place; return what is drawn."""
    draw: Draw[int] = Draw(size, seed)
    for place, key in enumerate(keys):
        draw.add(key, place)
    return draw.result()


@given(SIZES, st.integers(0, 2000))
def test_the_parts_add_up(sizes: dict[str, int], size: int) -> None:
    """Every stratum gets its quota rounded down or up, and together they get what was asked for, or all there is."""
    parts = allocate(sizes, size)
    total = sum(sizes.values())
    assert parts.keys() == sizes.keys()
    assert sum(parts.values()) == min(size, total)
    for name, part in parts.items():
        assert 0 <= part <= sizes[name]
        assert abs(part * total - min(size, total) * sizes[name]) < max(total, 1)


def test_the_largest_remainders_get_what_is_left() -> None:
    """A worked case: quotas 4.7, 3.1 and 2.2 of 10; the first of equal remainders wins."""
    assert allocate({"a": 47, "b": 31, "c": 22}, 10) == {"a": 5, "b": 3, "c": 2}
    assert allocate({"x": 1, "y": 1, "z": 1}, 1) == {"x": 1, "y": 0, "z": 0}
    assert allocate({"x": 3, "none": 0}, 9) == {"x": 3, "none": 0}
    assert allocate({}, 5) == {}


def test_no_sample_is_negative() -> None:
    """A negative size is a mistake of the caller's."""
    with pytest.raises(ValueError, match="-1 cannot"):
        allocate({"a": 1}, -1)


@given(KEYS, st.integers(0, 20), st.integers(-3, 3), st.randoms(use_true_random=False))
def test_the_smallest_numbers_are_drawn(keys: list[str], size: int, seed: int, random: Random) -> None:
    """Whatever the order and the repeats: the distinct keys with the smallest numbers, in their order."""
    expected = sorted(set(keys), key=lambda key: (draw_number(seed, key), key))
    result = drawn(keys, size, seed)
    assert list(result) == expected[:size]
    assert all(keys.index(key) == place for key, place in result.items())
    assert list(drawn(random.sample(keys, len(keys)), size, seed)) == expected[:size]
    assert list(drawn(keys, None, seed)) == expected


@given(KEYS, st.integers(0, 20), st.integers(0, 20))
def test_a_smaller_sample_is_part_of_a_larger_one(keys: list[str], size: int, more: int) -> None:
    """So records that were labelled or paid for stay in when more are asked for."""
    assert drawn(keys, size).keys() <= drawn(keys, size + more).keys()


def test_every_key_has_the_same_chance() -> None:
    """Over 2,000 seeds each of 10 keys is among 3 about 600 times (five standard deviations: 102)."""
    counts = Counter(key for seed in range(2000) for key in drawn(list("abcdefghij"), 3, seed))
    assert all(abs(counts[key] - 600) < 102 for key in "abcdefghij")


def test_numbers_stay_as_they_are() -> None:
    """The order of drawing is fixed for ever: else a sample could not be drawn again by a later version."""
    assert draw_number(7, "00ff") == 9_936_014_092_419_583_679
