"""The file of the labels that people give one after the other: lines are added, none is ever changed."""

import fcntl
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from models.errors import InputError
from models.private_files import GroupAccess, make_folder, open_to_add
from models.requests import JsonValue
from tasks.labelling.cells import RowPlace, check_cell
from tasks.runtime.atomic_files import output_errors

PEOPLE = "people"
"""What `--labels` and `labelled_file` say where the labels of this file are meant."""
NAME = "labels.jsonl"
_TAIL = 1


@dataclass(frozen=True, slots=True)
class PersonsLabel:
    """What one person said of one text: the right answer, or None where an earlier one is taken back, or nothing is said of it.

    `by`: who. `record_key` and `partition` (None: of a file) are where the text was met. `drawn`: the share (0..1) of an audit
    of which it was drawn at random; None where it was chosen otherwise. `skipped`: it was put off. `right`: whether the answer `shown`, which was
    published, is right; None where none was shown. What is right in the place of a wrong one is the label, if anybody said it.
    """

    text: str = field(repr=False)
    label: JsonValue = field(repr=False)
    by: str
    at: datetime
    record_key: str
    partition: str | None = None
    drawn: float | None = None
    skipped: bool = False
    right: bool | None = None
    shown: JsonValue = field(default=None, repr=False)

    @property
    def says_nothing(self) -> bool:
        """Whether nothing of it counts any more: it was taken back."""
        return self.label is None and self.right is None and not self.skipped

    def line(self) -> bytes:
        """Return the line of the file, plain ASCII."""
        values: dict[str, JsonValue] = {
            "text": self.text,
            "label": self.label,
            "by": self.by,
            "at": self.at.astimezone(UTC).isoformat(),
            "record_key": self.record_key,
            "partition": self.partition,
            "drawn": self.drawn,
        }
        if self.skipped:
            values["skipped"] = True
        if self.right is not None:
            values |= {"right": self.right, "shown": self.shown}
        return json.dumps(values).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class ReadLabels:
    """The labels of a file in the order in which they were given. `unreadable`: lines that are none, such as a last one that was cut."""

    labels: tuple[PersonsLabel, ...] = ()
    unreadable: int = 0


def people_file(output_dir: Path, workload: str) -> Path:
    """Return where people's labels of a workload lie."""
    return output_dir / "labels" / workload / NAME


def add_label(path: Path, label: PersonsLabel, group: GroupAccess = "none") -> None:
    """Add a line, which is on the disk when this returns; several processes may do so at a time. Raises `OutputError`.

    What a killed process left of a line stays a line of its own. A line that could not be written whole is taken away again.
    """
    with output_errors(path):
        make_folder(path.parent, group)
        descriptor = open_to_add(path, group)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, _TAIL, size - _TAIL) != b"\n"
            try:
                _write(descriptor, (b"\n" if torn else b"") + label.line())
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)


def read_labels(path: Path) -> ReadLabels:
    """Return all labels of a file, none where it is not there. Raises `InputError` for one that cannot be read."""
    labels, unreadable = [], 0
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ReadLabels()
    except OSError as error:
        msg = f"people's labels in {path} cannot be read: {error.strerror}"
        raise InputError(msg) from error
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        found = _parse(line)
        if found is None:
            unreadable += 1
        else:
            labels.append(found)
    return ReadLabels(tuple(labels), unreadable)


def newest_of_each(labels: Iterable[PersonsLabel]) -> list[PersonsLabel]:
    """Return each person's newest label of each text, in the order in which the texts were met; without what was taken back, or only skipped."""
    return [one for one in newest_said(labels) if one.label is not None]


def newest_said(labels: Iterable[PersonsLabel]) -> list[PersonsLabel]:
    """Return what each person said last of each text, as `newest_lines`; to skip it says nothing, and takes nothing back."""
    return newest_lines(one for one in labels if not one.skipped)


def newest_lines(labels: Iterable[PersonsLabel]) -> list[PersonsLabel]:
    """Return each person's newest line of each text, also where it was skipped, in the order in which the texts were met; without what was taken back."""
    newest: dict[tuple[str, str], PersonsLabel] = {}
    for one in labels:
        newest[one.by, same_text(one.text)] = one
    return [one for one in newest.values() if not one.says_nothing]


def same_text(text: str) -> str:
    """Return what is equal for texts that differ in blanks alone, which are one text."""
    return " ".join(text.split())


def _write(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]


def _parse(line: bytes) -> PersonsLabel | None:
    try:
        found = json.loads(line)
        text, label, by = found["text"], found["label"], found["by"]
        at = datetime.fromisoformat(found["at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    fits = label is None or isinstance(label, str) or _is_list_of_texts(label) or _is_object(label)
    if not (isinstance(text, str) and isinstance(by, str) and fits and at.tzinfo is not None):
        return None
    partition, drawn, right = found.get("partition"), found.get("drawn"), found.get("right")
    return PersonsLabel(
        text,
        label,
        by,
        at,
        str(found.get("record_key", "")),
        None if partition is None else str(partition),
        drawn if isinstance(drawn, float) and 0 < drawn <= 1 else None,
        found.get("skipped") is True,
        right if isinstance(right, bool) else None,
        found.get("shown"),
    )


def _is_list_of_texts(label: object) -> bool:
    return isinstance(label, list) and all(isinstance(one, str) for one in label)


def _is_object(label: object) -> bool:
    try:
        check_cell(label, RowPlace(0), sys.maxsize)
    except InputError:  # nested deeper than can be followed
        return False
    return isinstance(label, dict) and bool(label)
