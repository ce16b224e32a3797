"""Rows of a partition as they are read: columns, of which records are made when they are wanted."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from models.records import Fault, Quarantined, Record, hash_text
from tasks.storage.input_digest import Row


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Some rows in input order, numbered from the ordinal `first`; each is a record, or has one of the `faults` (by place).

    `ids` are None where a row has no usable one, `texts` mean nothing where a row has a fault. `complex`: places for which
    the policy's condition holds.
    """

    first: int
    keys: Sequence[str]
    ids: Sequence[str | None]
    texts: Sequence[str]
    faults: Mapping[int, Fault]
    complex: Collection[int]

    def __len__(self) -> int:
        return len(self.keys)

    def head(self, count: int) -> "ParsedRows":
        """Return the first rows alone."""
        faults = {place: fault for place, fault in self.faults.items() if place < count}
        keys, ids, texts = self.keys[:count], self.ids[:count], self.texts[:count]
        return replace(self, keys=keys, ids=ids, texts=texts, faults=faults)

    def items(self, places: Iterable[int] | None = None) -> list[Record | Quarantined]:
        """Make the rows at these places, all by default."""
        return list(map(self._item, range(len(self)) if places is None else places))

    def text_hashes(self) -> list[int | None]:
        """Return each record's hash of its text; None for a row with a fault."""
        hashes: list[int | None] = list(map(hash_text, self.texts))
        for place in self.faults:
            hashes[place] = None
        return hashes

    def for_digest(self, hashes: Sequence[int | None]) -> Iterator[Row]:
        """Yield what the digest of an input takes of each row, with `text_hashes`."""
        reasons: list[str | None] = [None] * len(self)
        details: list[str | None] = [None] * len(self)
        for place, fault in self.faults.items():
            reasons[place], details[place] = fault.reason, fault.detail
        return zip(self.keys, self.ids, hashes, reasons, details, strict=True)

    def _item(self, place: int) -> Record | Quarantined:
        key, id_, ordinal = self.keys[place], self.ids[place], self.first + place
        if id_ is not None and place not in self.faults:
            return Record(key, id_, ordinal, self.texts[place], place in self.complex)
        reason, detail, column, rule = self.faults[place]
        return Quarantined(key, id_, ordinal, reason, detail, field=column, rule=rule)
