"""Strata of a sample: what they get adds up and is in proportion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.sample import allocate

SIZES = st.dictionaries(st.text(max_size=3), st.integers(0, 1000), max_size=12)


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
