"""How many records of each stratum are drawn to be labelled."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Stratum:
    """One stratum of a sample: how many distinct texts it has, and how many of them were drawn."""

    name: str
    texts: int
    drawn: int


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
