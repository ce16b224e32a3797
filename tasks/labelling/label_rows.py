"""Rows of a file of labelled records, taken in one after the other: what is kept, what is left out, what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.records import Record
from models.training.examples import side_of
from tasks.labelling.cells import RowPlace
from tasks.labelling.references import References
from tasks.reading.sampling import BottomSample, draw_number


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
    """All rows so far. `references` None: no right answers are looked at. `second` reads those of a second labeller.

    `held_out_only`: texts that a training may use are left out (`models.training.examples.side_of`); `left_for_training` are their keys.

    Texts are held for those that are drawn only, for all others key and label.
    """

    references: References | None
    sample: BottomSample[tuple[str, str]]
    seed: int
    rows: int = 0
    quarantined: int = 0
    unlabelled: int = 0
    duplicates: int = 0
    unknown: dict[str, Unknown] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    seen: dict[str, tuple[str | None, RowPlace]] = field(default_factory=dict)
    second: References | None = None
    second_labels: dict[str, str] = field(default_factory=dict)
    held_out_only: bool = False
    left_for_training: set[str] = field(default_factory=set)

    def take(self, row: RowPlace, record: Record | None, values: Sequence[object]) -> None:
        """Take one more row: its record (None: it has no text) and what the columns of its right answer hold."""
        self.rows += 1
        if record is None:
            self.quarantined += 1
            return
        label = None
        if self.references is not None:
            found = self.references.read(values[: len(self.references.columns)], row)
            if found.text is None:
                self.unlabelled += 1
                return
            if found.unknown:
                self._note_unknown(found.unknown, row)
                return
            label = found.text
            self._take_second(record, values[len(self.references.columns) :], row)
        self._keep(row, record, label)

    def texts(self) -> dict[str, str]:
        """Return the text of each key that was drawn, in the order of drawing."""
        return dict(self.sample.result())

    def labels(self) -> Mapping[str, str | None]:
        """Return the label of each key that was drawn."""
        return {key: self.seen[key][0] for key in self.texts()}

    def _take_second(self, record: Record, values: Sequence[object], row: RowPlace) -> None:
        """Keep what a second labeller gave this text; of several rows of it the first."""
        if self.second is None:
            return
        found = self.second.read(values, row)
        if found.unknown:
            self._note_unknown(found.unknown, row)
        elif found.text is not None:
            self.second_labels.setdefault(text_key(record), found.text)

    def _note_unknown(self, labels: Sequence[str], row: RowPlace) -> None:
        for label in labels:
            if label in self.unknown:
                self.unknown[label].rows += 1
            else:
                self.unknown[label] = Unknown(row)

    def _keep(self, row: RowPlace, record: Record, label: str | None) -> None:
        key = text_key(record)
        if self.held_out_only and side_of(record.text) != "holdout":
            self.left_for_training.add(key)
            return
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
