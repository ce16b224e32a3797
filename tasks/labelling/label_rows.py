"""Rows of a file of labelled records, taken in one after the other: what is kept, what is left out, what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite, isnan

from models.errors import InputError
from models.records import Record
from tasks.reading.sampling import BottomSample, draw_number

_SHOWN_ID = 40
"""Characters of an id that a message shows."""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row is, for messages: its number from 1 (a CSV header does not count), and its id if there is one."""

    number: int
    id: object = None

    def __str__(self) -> str:
        if self.id is None:
            return f"row {self.number}"
        shown = str(self.id).encode("utf-8", "backslashreplace").decode()
        return f"row {self.number} (id {shown[:_SHOWN_ID]})"


@dataclass(slots=True)
class Unknown:
    """A label that the workload does not know: its first row, and how many rows have it."""

    first: RowPlace
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Conflict:
    """A text that has two labels, and the first row of each."""

    first: RowPlace
    label: str | None
    second: RowPlace
    other: str | None


@dataclass(slots=True)
class LabelRows:
    """All rows so far. `known` None: the workload has no label set, and labels are not looked at.

    Texts are held for those that are drawn only, for all others key and label.
    """

    known: frozenset[str] | None
    sample: BottomSample[tuple[str, str]]
    seed: int
    rows: int = 0
    quarantined: int = 0
    unlabelled: int = 0
    duplicates: int = 0
    unknown: dict[str, Unknown] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    seen: dict[str, tuple[str | None, RowPlace]] = field(default_factory=dict)

    def take(self, row: RowPlace, record: Record | None, value: object) -> None:
        """Take one more row: its record (None: it has no text) and what its label column holds."""
        self.rows += 1
        if record is None:
            self.quarantined += 1
            return
        label = None
        if self.known is not None:
            label = label_text(value, row)
            if label is None:
                self.unlabelled += 1
                return
            if label not in self.known:
                self._note_unknown(label, row)
                return
        self._keep(row, record, label)

    def texts(self) -> dict[str, str]:
        """Return the text of each key that was drawn, in the order of drawing."""
        return dict(self.sample.result())

    def labels(self) -> Mapping[str, str | None]:
        """Return the label of each key that was drawn."""
        return {key: self.seen[key][0] for key in self.texts()}

    def _note_unknown(self, label: str, row: RowPlace) -> None:
        if label in self.unknown:
            self.unknown[label].rows += 1
        else:
            self.unknown[label] = Unknown(row)

    def _keep(self, row: RowPlace, record: Record, label: str | None) -> None:
        key = text_key(record)
        if key not in self.seen:
            self.seen[key] = label, row
            self.sample.add(draw_number(self.seed, key.encode()), (key, record.text))
        elif self.seen[key][0] == label:
            self.duplicates += 1
        else:
            before, first = self.seen[key]
            self.conflicts.append(Conflict(first, before, row, label))


def text_key(record: Record) -> str:
    """Return the key of a record's text: its published hash, as 16 hex digits."""
    return f"{record.text_hash:016x}"


def label_text(value: object, row: RowPlace) -> str | None:
    """Return a label as text without white space around it, None where there is none.

    Booleans become `true` and `false`; numbers are written as whole ones where they are (a column with empty cells
    often makes 1.0 of 1). Raises `InputError` for a value that is no label, such as a list.
    """
    if value is None or (isinstance(value, float | Decimal) and isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, float | Decimal) and isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, dict | list | tuple):
        msg = f"the label of {row} is a {type(value).__name__}; a record has one label: text, a number or a boolean"
        raise InputError(msg)
    return str(value).strip() or None
