"""A seeded uniform sample of a long stream, or all of it, of which only measures are kept."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Generic, Protocol, TypeVar

HELD_CHARS = 16_000_000
"""Characters of items that wait before they are measured and let go."""


class Sized(Protocol):
    """An item that knows how many characters it holds."""

    @property
    def chars(self) -> int:
        """Its characters."""


_Item = TypeVar("_Item", bound=Sized)
_Measured = TypeVar("_Measured")


class Reservoir(Generic[_Item, _Measured]):
    """Draws `size` items so that each has the same chance (reservoir sampling), or takes all (`size` None).

    The same stream and seed give the same sample. `measure` is called with many items at a time; some megabytes
    of text are held at most.
    """

    def __init__(
        self, size: int | None, seed: int, measure: Callable[[Sequence[_Item]], Sequence[_Measured]]
    ) -> None:
        self._size = size
        self._random = Random(seed)  # noqa: S311  no secret is made of it
        self._measure = measure
        self._kept: list[_Measured | None] = []
        self._waiting: dict[int, _Item] = {}  # by place
        self._chars = 0
        self.seen = 0

    def add(self, item: _Item) -> None:
        """Show it one more item."""
        self.seen += 1
        if self._size is None or len(self._kept) < self._size:
            place = len(self._kept)
            self._kept.append(None)
        else:
            place = self._random.randrange(self.seen)
            if place >= self._size:
                return
        before = self._waiting.get(place)
        self._chars += item.chars - (0 if before is None else before.chars)
        self._waiting[place] = item
        if self._chars > HELD_CHARS:
            self._settle()

    def result(self) -> list[_Measured]:
        """Return what was measured of each item of the sample."""
        self._settle()
        return [one for one in self._kept if one is not None]

    def _settle(self) -> None:
        waiting, self._waiting, self._chars = self._waiting, {}, 0
        if waiting:
            for place, found in zip(waiting, self._measure(list(waiting.values())), strict=True):
                self._kept[place] = found
