"""The distinct texts of an input with what a draw needs of them, in some 20 bytes each."""

from array import array
from collections.abc import Sequence

import polars as pl

from models.records import Record
from tasks.labelling.label_rows import text_key
from tasks.reading.sampling import draw_number

HASH, DRAWN, CHARS = "text_hash", "drawn", "chars"
_SCHEMA = {HASH: pl.UInt64(), DRAWN: pl.UInt64(), CHARS: pl.UInt32()}
_NEW = 1 << 20
"""Texts that are gathered before those seen already are taken out."""


class DistinctTexts:
    """Gathers distinct texts; those whose key is among `before` are only counted."""

    def __init__(self, seed: int, before: frozenset[str] = frozenset()) -> None:
        self._seed = seed
        self._before = before
        self._left_out: set[str] = set()
        self._texts = pl.DataFrame(schema=_SCHEMA)
        self._clear()

    def add(self, records: Sequence[Record | None]) -> None:
        """Show it more records; rows without one do not count."""
        for record in records:
            if record is None:
                continue
            key = text_key(record)
            if key in self._before:
                self._left_out.add(key)
                continue
            self._hashes.append(int(key, 16))
            self._drawn.append(draw_number(self._seed, key.encode()))
            self._chars.append(len(record.text))
        if len(self._hashes) >= max(_NEW, self._texts.height):
            self._compact()

    @property
    def left_out(self) -> int:
        """Distinct texts that were among those of before."""
        return len(self._left_out)

    def texts(self) -> pl.DataFrame:
        """Return one row for each distinct text: its hash, its place in the order of drawing, its characters."""
        self._compact()
        return self._texts

    def _compact(self) -> None:
        new = pl.DataFrame([self._hashes, self._drawn, self._chars], schema=_SCHEMA)
        self._texts = pl.concat([self._texts, new]).unique(HASH)
        self._clear()

    def _clear(self) -> None:
        self._hashes, self._drawn, self._chars = array("Q"), array("Q"), array("I")
