"""A hash over a partition's input: equal for the same rows in the same order, as far as they decide the output."""

from collections.abc import Iterable
from hashlib import blake2b

from models.records import Quarantined, Record

DIGEST_BYTES = 16

Row = tuple[str, str | None, int | None, str | None, str | None]
"""Record key, id and text hash of a record; of a row that reading set aside no hash, but reason and detail."""


class InputDigest:
    """Takes rows in input order, from the input or from what was made of it: both give the same digest."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=DIGEST_BYTES)
        self._known = True

    def add(self, items: Iterable[Record | Quarantined]) -> None:
        """Add rows as they are read."""
        self.add_rows(
            (item.key, item.id, item.text_hash, None, None)
            if isinstance(item, Record)
            else (item.key, item.id, item.text_hash, item.reason, item.detail)
            for item in items
        )

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Add rows by their columns. One of which nothing but its key is known makes the digest unknown."""
        entries = [
            self._entry(key, id_, reason, detail) if text_hash is None else f"{key}\0{id_}\0{text_hash}\0"
            for key, id_, text_hash, reason, detail in rows
        ]
        self._hash.update("".join(entries).encode("utf-8", "surrogatepass"))

    def digest(self) -> bytes | None:
        """Return the digest of all rows so far, None where it is not known."""
        return self._hash.digest() if self._known else None

    def _entry(self, key: str, id_: str | None, reason: str | None, detail: str | None) -> str:
        """Spell out a row without a hash; no field holds a NUL (`tasks.reading.rows`), and no hash is mistaken for a reason."""
        if reason is None:
            self._known = False
        return f"{key}\0{'' if id_ is None else id_}\0!{reason}\0{detail}\0"
