"""What a row of a labelled file holds as its right answer, taken out of one cell: text, JSON, several with separators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite, isnan
from typing import TypeVar

from models.errors import InputError
from models.requests import JsonValue
from models.text_files import MOST_NESTED, TOO_DEEP, parse_json
from models.workloads.label_spelling import LabelSpellings, spelling_key, without_hidden

Kind = TypeVar("Kind")
SEPARATORS = ("|", ";")
"""What separates several labels, or members of a list, in one cell."""
_SHOWN_ID = 40
"""Characters of an id that a message shows."""
_SHOWN = 60
"""Characters of a cell that a message shows."""
_BYTES = 4
"""Bytes of a character of UTF-8 at most."""
_NESTED = (list, tuple, Mapping)


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


def check_cell(value: object, row: RowPlace, limit: int) -> None:
    """See that a value is whole and can be followed. Raises `InputError` for one that was cut, and for one that nests too deep.

    `limit`: characters of a text at most, by which inputs are cut.
    """
    if isinstance(value, str | bytes) and len(value) > (limit if isinstance(value, str) else _BYTES * limit):
        msg = f"the right answer of {row} has more than {limit:,} characters (max_text_chars): shorten it"
        raise InputError(msg)
    level: list[object] = [value]
    for _ in range(MOST_NESTED + 1):
        nested = [
            one.values() if isinstance(one, Mapping) else one for one in level if isinstance(one, _NESTED)
        ]
        if not nested:
            return
        level = [one for some in nested for one in some]
    msg = f"the right answer of {row} is {TOO_DEEP}"
    raise InputError(msg)


def label_text(value: object, row: RowPlace) -> str | None:
    """Return a label as text without white space around it, None where there is none.

    Booleans become `true` and `false`; numbers are written as whole ones where they are (a column with empty cells
    often makes 1.0 of 1). Raises `InputError` for a value that is no label, such as a list.
    """
    if is_missing(value):
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
    text = str(value).strip()
    return text if spelling_key(text) else None


def label_set(value: object, row: RowPlace, known: LabelSpellings) -> list[str] | None:
    """Return several labels as the workload spells them, sorted, each once; None where a row has none, an empty list where it is said that none is right.

    A list, JSON text of one, or text with `|` or `;` between the labels; a text that is a label itself is that one. Raises
    `InputError` for what can be read in two ways: both separators, or a text that is a label and several.
    """
    if isinstance(value, list | tuple):
        return _distinct(value, row, known)
    text = label_text(value, row)
    if text is None:
        return None
    if (bare := without_hidden(text).strip()).startswith("["):
        return _distinct(_json(bare, row, list, 'a JSON list such as ["a", "b"]'), row, known)
    whole = known.find(text)
    parts = split_cell(text, row, is_whole=whole is not None)
    if whole is not None and len(parts) > 1:
        if all(known.find(part) for part in parts):
            msg = f"{text[:_SHOWN]!r} of {row} is one label and {len(parts)} labels as well: write it as a JSON list"
            raise InputError(msg)
        return [whole]
    return sorted({known.find(part) or part for part in parts})


def split_cell(text: str, row: RowPlace, *, is_whole: bool = False) -> list[str]:
    """Return the parts between separators, without white space and empty ones. Raises `InputError` for both separators.

    `is_whole`: the text is a label itself, which may hold both.
    """
    used = [separator for separator in SEPARATORS if separator in text]
    if len(used) > 1 and not is_whole:
        msg = f"{text[:_SHOWN]!r} of {row} holds both | and ;: separate by one of them, or write a JSON list"
        raise InputError(msg)
    parts = text.split(used[0]) if used else [text]
    return [part.strip() for part in parts if spelling_key(part)]


def object_cell(value: object, row: RowPlace) -> dict[str, JsonValue] | None:
    """Return an object: as it is, or from JSON text; None where there is none. Raises `InputError`."""
    if isinstance(value, Mapping):
        found = plain(value)
        return found if isinstance(found, dict) else None
    text = label_text(value, row)
    if text is None:
        return None
    found = _json(text, row, dict, "a JSON object")
    return {str(name): plain(one) for name, one in found.items()}


def field_cell(value: object, row: RowPlace, schema: Mapping[str, object]) -> JsonValue:
    """Return the value of one field of an object by the type that its schema names; None where the cell is empty.

    A list is a list, JSON text of one, or text with `|` or `;` between its members. Raises `InputError` for text that is no
    JSON where an object is meant.
    """
    if isinstance(value, dict | list | tuple | bool):
        return plain(value)
    text = label_text(value, row)
    kinds = schema_types(schema)
    if text is None or not kinds:
        return text
    if "array" in kinds:
        is_json = text.startswith("[")
        return plain(_json(text, row, list, "a JSON list") if is_json else split_cell(text, row))
    return plain(_json(text, row, dict, "a JSON object")) if "object" in kinds else _scalar(text, kinds)


def texts_cell(value: object, row: RowPlace) -> list[str] | None:
    """Return the right texts of a record: one, or those of a list; None where there is none."""
    if isinstance(value, list | tuple):
        return [text for one in value if (text := label_text(one, row)) is not None] or None
    text = label_text(value, row)
    return None if text is None else [text]


def schema_types(schema: Mapping[str, object]) -> frozenset[str]:
    """Return the JSON types that a schema allows, as far as it names them; of choices those of each."""
    named = schema.get("type")
    found = {named} if isinstance(named, str) else set(named) if isinstance(named, list) else set()
    for key in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(key)
        for choice in choices if isinstance(choices, list) else ():
            found |= schema_types(choice) if isinstance(choice, Mapping) else set()
    return frozenset(found - {"null"})


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: null, or the not-a-number that stands for it."""
    return value is None or (isinstance(value, float | Decimal) and isnan(value))


def plain(value: object) -> JsonValue:
    """Return a value as JSON holds it; what JSON does not know as text."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool):
        return None if is_missing(value) else value
    return float(value) if isinstance(value, Decimal) else str(value)


def _scalar(text: str, kinds: frozenset[str]) -> JsonValue:
    """Return a number or boolean where the schema means one and the text is one, else the text."""
    if "string" in kinds:
        return text
    if "boolean" in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    if not isfinite(number):
        return text
    return int(number) if number.is_integer() else number


def _distinct(value: Sequence[object], row: RowPlace, known: LabelSpellings) -> list[str]:
    return sorted({known.find(text) or text for one in value if (text := label_text(one, row)) is not None})


def _json(text: str, row: RowPlace, kind: type[Kind], wanted: str) -> Kind:
    try:
        found = parse_json(text)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        msg = f"{text[:_SHOWN]!r} of {row} is not {wanted}"
        raise InputError(msg)
    check_cell(found, row, len(text))
    return found
