"""The distinct texts of a long stream: how many there are, and a seeded uniform sample of them."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import polars as pl

from models.records import Record
from tasks.reading.sampling import BottomSample, draw_number

Measured = TypeVar("Measured")
_HELD_CHARS = 16_000_000
"""Characters of texts of the sample that are held before they are measured and let go."""
_BATCH = 500
"""Records that are measured in one call."""
_NEW = 1 << 20
"""Hashes that are gathered before those seen already are taken out."""


@dataclass(slots=True)
class _Entry(Generic[Measured]):
    """A distinct text: how many records have it, and the record itself until it is measured."""

    times: int
    record: Record | None
    measured: Measured | None = None


class TextSample(Generic[Measured]):
    """Counts distinct texts exactly, at some 16 bytes a text, and samples `size` of them, all if there are fewer.

    A text is drawn by its own seeded hash: those with the smallest hashes make the sample. So it is uniform
    over the distinct texts, however often each occurs and in whatever order, and the same every time. Two
    records have the same text if the engine is asked the same for both. `measure` is called with records
    of the sample, a batch at a time; at most twice `size` texts are held, and no more than some megabytes.
    """

    def __init__(
        self, size: int, seed: int, measure: Callable[[Sequence[Record]], Sequence[Measured]]
    ) -> None:
        self._seed = seed
        self._measure = measure
        self._seen = pl.Series(dtype=pl.UInt64)
        self._new = array("Q")
        self._sample = BottomSample[_Entry[Measured]](size)
        self._held_chars = 0

    def add(self, record: Record) -> None:
        """Show the sample one more record."""
        marked = f"{record.complex:d}{record.text}".encode("utf-8", "surrogatepass")
        number = draw_number(self._seed, marked)
        self._new.append(number)
        if len(self._new) >= max(_NEW, len(self._seen)):
            self._compact()
        entry = self._sample.add(number, _Entry(0, record))
        if entry is None:
            return
        entry.times += 1
        if entry.times == 1:
            self._held_chars += len(record.text)
            if self._held_chars > _HELD_CHARS:
                self._measure_held()

    @property
    def distinct(self) -> int:
        """Number of distinct texts so far."""
        self._compact()
        return len(self._seen)

    def result(self) -> list[tuple[int, Measured]]:
        """Return for each text of the sample how many records have it, and what was measured of it."""
        self._measure_held()
        return [
            (entry.times, entry.measured) for entry in self._sample.result() if entry.measured is not None
        ]

    def _compact(self) -> None:
        if self._new:
            self._seen = pl.concat([self._seen, pl.Series(self._new, dtype=pl.UInt64)]).unique()
            self._new = array("Q")

    def _measure_held(self) -> None:
        waiting = [entry for entry in self._sample.result() if entry.record is not None]
        for first in range(0, len(waiting), _BATCH):
            batch = waiting[first : first + _BATCH]
            records = [entry.record for entry in batch if entry.record is not None]
            for entry, found in zip(batch, self._measure(records), strict=True):
                entry.measured, entry.record = found, None
        self._held_chars = 0
