"""A seeded uniform sample of distinct keys: those with the smallest hashes."""

from hashlib import blake2b
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


def draw_number(seed: int, key: bytes) -> int:
    """Return a key's place in the order in which keys are drawn, 64 bits: those with the smallest come first.

    It depends on seed and key alone. So a sample is the same in whatever order records come, and that of a
    smaller size is part of that of a larger one.
    """
    salt = (seed % 2**64).to_bytes(8)
    return int.from_bytes(blake2b(key, digest_size=8, salt=salt).digest())


class BottomSample(Generic[_Item]):
    """Holds the items of the `size` smallest numbers that it is shown, all of them if None or if there are fewer.

    Of a number that is shown twice, the first item is held. At most twice `size` items are held.
    """

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._held: dict[int, _Item] = {}
        self._end = 2**64

    def add(self, number: int, item: _Item) -> _Item | None:
        """Show it one more item. Return the one that is held under its number; None: the sample can do without."""
        if number >= self._end:
            return None
        held = self._held.setdefault(number, item)
        if self._size is not None and len(self._held) >= 2 * self._size:
            self._cut()
        return held

    def result(self) -> list[_Item]:
        """Return what was drawn, in the order of drawing."""
        self._cut()
        return [self._held[number] for number in sorted(self._held)]

    def _cut(self) -> None:
        if self._size is None or len(self._held) <= self._size:
            return
        drawn = sorted(self._held)[: self._size]
        self._held = {number: self._held[number] for number in drawn}
        self._end = drawn[-1] + 1 if drawn else 0
