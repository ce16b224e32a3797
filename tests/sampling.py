"""What `make test` samples, and `make test-long` tries whole (docs/testing.md)."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
EVERY = range(1, 100)
"""More commits than a run has: it is killed at each of them, then once at none."""


def kills_at(*sample: int) -> pytest.MarkDecorator:
    """Give a test the numbers of the `commits` to be killed at: in the short suite a sample, in the long one each."""
    every = pytest.param(EVERY, id="every", marks=pytest.mark.long)
    return pytest.mark.parametrize("commits", [pytest.param(sample, id="some"), every])


def sampled(values: Iterable[T], short: Collection[str], name: Callable[[T], str] = str) -> list[Any]:
    """Give the values as parameters, by their names; those that `short` does not name are for the long suite."""
    named = {name(value): value for value in values}
    assert named.keys() >= set(short)
    return [
        pytest.param(value, id=one, marks=[] if one in short else [pytest.mark.long])
        for one, value in named.items()
    ]
