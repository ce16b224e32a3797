"""Which records are drawn, to be labelled or to be evaluated: by their own seeded hashes. Pure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Generic, TypeVar

Item = TypeVar("Item")
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Stratum:
    """One stratum of a sample: how many distinct texts it has, and how many of them were drawn."""

    name: str
    texts: int
    drawn: int


def draw_number(seed: int, key: str) -> int:
    """Return a key's place in the order in which keys are drawn, 64 bits: those with the smallest come first.

    It depends on seed and key alone. So a sample is the same in whatever order records come, and that of a
    smaller size is part of that of a larger one.
    """
    salt = (seed % 2**64).to_bytes(8)
    return int.from_bytes(blake2b(key.encode(), digest_size=8, salt=salt).digest())


class Draw(Generic[Item]):
    """Draws `size` of the items that it is shown, all of them if None or if there are fewer; repeated keys count once.

    Of a key that is shown twice the first item is kept. At most twice `size` items are held.
    """

    def __init__(self, size: int | None, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._held: dict[str, tuple[int, Item]] = {}
        self._below: tuple[int, str] | None = None

    def add(self, key: str, item: Item) -> None:
        """Show it one more item."""
        if key in self._held:
            return
        number = draw_number(self._seed, key)
        if self._below is not None and (number, key) > self._below:
            return
        self._held[key] = number, item
        if self._size is not None and len(self._held) >= 2 * self._size:
            self._cut()

    def result(self) -> dict[str, Item]:
        """Return what was drawn, by key, in the order of drawing."""
        self._cut()
        return {key: self._held[key][1] for key in self._order()}

    def _cut(self) -> None:
        if self._size is None or len(self._held) <= self._size:
            return
        kept = self._order()[: self._size]
        self._held = {key: self._held[key] for key in kept}
        if kept:
            self._below = self._held[kept[-1]][0], kept[-1]

    def _order(self) -> list[str]:
        return sorted(self._held, key=lambda key: (self._held[key][0], key))


def allocate(sizes: Mapping[Name, int], size: int) -> dict[Name, int]:
    """Share a sample of `size` out among strata of these sizes, in proportion (largest remainders; ties to the first).

    Exactly in proportion, rounding apart, and no stratum is promised a record of its own: so the sample weighs
    itself, and a share among its records estimates the share among all without weights. The parts add up to `size`,
    or to everything where there is less. Raises `ValueError` for a negative size.
    """
    if size < 0:
        msg = f"a sample of {size} cannot be shared out"
        raise ValueError(msg)
    total = sum(sizes.values())
    size = min(size, total)
    shares = {name: divmod(size * count, total) if total else (0, 0) for name, count in sizes.items()}
    parts = {name: whole for name, (whole, _) in shares.items()}
    left = size - sum(parts.values())
    for name in sorted(shares, key=lambda name: -shares[name][1])[:left]:
        parts[name] += 1
    return parts
