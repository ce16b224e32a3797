"""The right answers in a file of labelled records: which columns hold them for each kind of workload, and how they are read.

A right answer is kept as text that is equal for equal ones: the label itself, else JSON.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from models.errors import InputError
from models.nearest import nearest
from models.requests import JsonValue
from models.workloads.label_spelling import LabelSpellings
from tasks.labelling.cells import RowPlace, field_cell, label_set, label_text, object_cell, texts_cell

_SHOWN = 60
"""Characters of a name that a message shows."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a row has as its right answer; None: nothing. `unknown`: labels in it that the workload does not know."""

    text: str | None
    unknown: tuple[str, ...] = ()


class References(ABC):
    """Reads right answers. `columns` hold them; `noun` and `nouns` are what they are called in messages."""

    columns: tuple[str, ...]
    noun: str = "label"
    nouns: str = "labels"
    labels: tuple[str, ...] = ()

    @abstractmethod
    def read(self, values: Sequence[object], row: RowPlace) -> Reference:
        """Read a row's right answer from the values of `columns`. Raises `InputError` for what cannot be one."""

    @property
    def where(self) -> str:
        """Name the columns, for messages: `column label`."""
        return f"column{'s' if len(self.columns) > 1 else ''} {', '.join(self.columns)}"


class OneLabel(References):
    """One of the workload's labels in one column."""

    def __init__(self, column: str, labels: Sequence[str]) -> None:
        self.columns = (column,)
        self.labels = tuple(labels)
        self._spellings = LabelSpellings(self.labels)

    def read(self, values: Sequence[object], row: RowPlace) -> Reference:
        """Take the label as the workload spells it, whatever spaces, invisible marks and Unicode form it has in the file."""
        label = label_text(values[0], row)
        known = None if label is None else self._spellings.find(label)
        return Reference(label, (label,)) if label is not None and known is None else Reference(known)


class LabelSets(References):
    """Any number of the workload's labels in one column."""

    noun = "set of labels"
    nouns = "sets of labels"

    def __init__(self, column: str, labels: Sequence[str]) -> None:
        self.columns = (column,)
        self.labels = tuple(labels)
        self._known = frozenset(labels)
        self._spellings = LabelSpellings(self.labels)

    def read(self, values: Sequence[object], row: RowPlace) -> Reference:
        """Take a list, JSON text of one, or labels with `|` or `;` between them; `[]` says that none is right."""
        found = label_set(values[0], row, self._spellings)
        if found is None:
            return Reference(None)
        return Reference(canonical(list(found)), tuple(label for label in found if label not in self._known))


class WholeObjects(References):
    """An object in one column: a JSON object, as a value or as text."""

    noun = "right object"
    nouns = "right objects"

    def __init__(self, column: str, properties: Collection[str]) -> None:
        self.columns = (column,)
        self._properties = properties

    def read(self, values: Sequence[object], row: RowPlace) -> Reference:
        """Take the object. Raises `InputError` for a member that the schema does not have."""
        found = object_cell(values[0], row)
        if found is None:
            return Reference(None)
        for name in found:
            if self._properties and name not in self._properties:
                meant = nearest(name, self._properties)
                guess = "" if meant is None else f"; did you mean {meant}?"
                msg = f"the object of {row} has the member {name[:_SHOWN]!r}, which the schema does not have{guess}"
                raise InputError(msg)
        return Reference(canonical(found))


class FieldColumns(References):
    """An object whose fields are columns of their own. A row of which all are empty has none."""

    noun = "right field"
    nouns = "right fields"

    def __init__(self, schemas: Mapping[str, Mapping[str, object]]) -> None:
        """`schemas`: the JSON schema of each field that has a column."""
        self.columns = tuple(schemas)
        self._schemas = schemas

    def read(self, values: Sequence[object], row: RowPlace) -> Reference:
        """Take each field as its schema says; an empty cell says that the field should be empty."""
        found = {
            name: field_cell(value, row, self._schemas[name])
            for name, value in zip(self.columns, values, strict=True)
        }
        return Reference(None if all(one is None for one in found.values()) else canonical(found))


class ReferenceTexts(References):
    """One right text, or several of which any is right, in one column."""

    noun = "reference"
    nouns = "references"

    def __init__(self, column: str) -> None:
        self.columns = (column,)

    def read(self, values: Sequence[object], row: RowPlace) -> Reference:
        """Take a text, or a list of them."""
        found = texts_cell(values[0], row)
        return Reference(None if found is None else canonical(list(found)))


def canonical(value: JsonValue) -> str:
    """Return JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
