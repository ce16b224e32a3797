"""What the page knows while people label: which records wait, what was given, and what an undo takes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from models.private_files import GroupAccess
from models.requests import JsonValue
from tasks.label_page.choose import RecordToLabel
from tasks.labelling.people_file import PersonsLabel, add_label


@dataclass(slots=True)
class Desk:
    """The records that one person labels, whichever windows are open on them.

    A label is in the file before the next record is shown. Records that were skipped come again at the end.
    """

    records: Sequence[RecordToLabel]
    path: Path
    by: str
    group: GroupAccess = "none"
    given: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    def next(self) -> int | None:
        """Return the place of the record that is shown next; None: all are labelled."""
        taken = {*self.given, *self.skipped}
        for place in range(len(self.records)):
            if place not in taken:
                return place
        return self.skipped[0] if self.skipped else None

    def give(self, place: int, label: JsonValue, *, right: bool | None = None) -> None:
        """Keep a label; a second one of a record takes the place of the first. Raises `OutputError`: then nothing was kept.

        `right`: what was said of the published answer, where it was shown; the label is then what is right, None where nobody wrote it.
        """
        self._add(place, label, right=right)
        self._forget(place)
        self.given.append(place)

    def skip(self, place: int) -> None:
        """Put a record off to the end; one that was labelled in another window stays labelled.

        Of an audit's records it is written down, so that what is hard is not left out of its count unseen. Raises `OutputError`.
        """
        if place in self.given:
            return
        if self.records[place].drawn is not None and place not in self.skipped:
            self._add(place, None, skipped=True)
        self._forget(place)
        self.skipped.append(place)

    def undo(self) -> int | None:
        """Take the last label back, and return the place of its record; None where there is none. Raises `OutputError`."""
        if not self.given:
            return None
        place = self.given[-1]
        self._add(place, None)
        self.given.pop()
        return place

    def _forget(self, place: int) -> None:
        for places in (self.given, self.skipped):
            if place in places:
                places.remove(place)

    def _add(self, place: int, label: JsonValue, *, skipped: bool = False, right: bool | None = None) -> None:
        one = self.records[place]
        now = datetime.now(UTC)
        line = PersonsLabel(
            one.text,
            label,
            self.by,
            now,
            one.record_key,
            one.partition,
            one.drawn,
            skipped,
            right,
            None if right is None else one.answer,
        )
        add_label(self.path, line, self.group)
