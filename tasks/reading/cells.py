"""Cells of raw rows: what is text, and what is said of a cell that is none."""

from collections.abc import Sequence
from decimal import Decimal
from math import isnan
from typing import cast
from unicodedata import category
from uuid import UUID

from models.records import Fault
from tasks.reading.longest import too_long

MAX_ID = 500
"""Longest id, in characters: record keys are part of a database index."""

A_TEXT, AN_ID, UTF_8 = (
    "must be text",
    f"must be text or an integer, at most {MAX_ID} characters",
    "must be valid UTF-8",
)
NOT_EMPTY = "must not be empty"
_EXACT = 2**53
"""Below it a float shows each whole number."""

_UNSEEN_KINDS = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Control characters, format characters (zero-width blanks and joiners, soft hyphens, BOM, marks of direction), blanks."""
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Others that are drawn as nothing: fillers, the blank of braille, selectors of variants, the place of an object."""


def as_text(value: object, column: str, place: int, faults: dict[int, Fault], limit: int) -> str:
    """Return a value that is text of at most `limit` characters, or "" and a fault."""
    if isinstance(value, bytes):
        value = decode(value)
    if not isinstance(value, str):
        faults.setdefault(
            place, Fault("wrong_type", f"{column} is a {kind_of(value)}, not text", column, A_TEXT)
        )
        return ""
    if len(value) > limit:
        faults.setdefault(place, too_long(column, limit))
        return ""
    if value.isascii() or is_text(value):
        return value
    faults.setdefault(place, Fault("undecodable", f"{column} is not valid UTF-8", column, UTF_8))
    return ""


def plain_texts(values: Sequence[object], limit: int) -> Sequence[str] | None:
    """Return values that are all texts as `as_text` takes them, and show something; None where any is not."""
    if any(type(value) is not str for value in values):
        return None
    texts = cast("Sequence[str]", values)
    if max(map(len, texts), default=0) > limit or any(map(shows_nothing, texts)):
        return None
    return texts if all(text.isascii() or is_text(text) for text in texts) else None


def plain_ids(values: Sequence[object]) -> Sequence[str] | None:
    """Return ids that are all usable as they are, or all integers; None where any is not, or they are mixed."""
    kinds = set(map(type, values))
    if kinds == {int}:
        numbers = cast("Sequence[int]", values)
        short = min(numbers) > -(10**MAX_ID) and max(numbers) < 10**MAX_ID
        return list(map(str, numbers)) if short else None
    if kinds != {str}:
        return None
    ids = cast("Sequence[str]", values)
    whole = "".join(ids) if max(map(len, ids)) <= MAX_ID and all(map(str.strip, ids)) else "\0"
    return ids if "\0" not in whole and is_text(whole) else None


def shows_nothing(text: str) -> bool:
    """Whether a text has no visible character: only blanks, control characters, and what is drawn as nothing."""
    if "!" <= text[:1] <= "~":  # as most begin
        return False
    return all(one.isspace() or one in _UNSEEN or category(one) in _UNSEEN_KINDS for one in text)


def is_text(value: str) -> bool:
    """Whether a string holds no undecoded bytes (lone surrogates)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode(value: bytes) -> str:
    """Return bytes as text, with a lone surrogate for each that is no UTF-8."""
    return value.decode("utf-8", "surrogateescape")


def plain_id(value: object) -> object:
    """Return what people know an id by: the text of a UUID in bytes, a whole number of whatever type; anything else as it is."""
    if isinstance(value, bytes):
        return uuid_text(value) or decode(value)
    return whole_number(value) if isinstance(value, float | Decimal) else value


def uuid_text(value: bytes) -> str | None:
    """Return the usual text of a UUID in 16 bytes; None for other bytes, and for 16 that are printable text."""
    if len(value) != 16:  # noqa: PLR2004 - a UUID's bytes
        return None
    text = decode(value)
    return None if is_text(text) and text.isprintable() else str(UUID(bytes=value))


def whole_number(value: float | Decimal) -> float | Decimal | int | None:
    """Return a whole number as an integer, NaN as None, anything else as it is.

    So is a float from 2**53 on, of which the last digits are lost.
    """
    if isnan(value):  # as pandas writes a missing number
        return None
    exact = value.is_finite() if isinstance(value, Decimal) else abs(value) < _EXACT
    return int(value) if exact and value == int(value) else value


def kind_of(value: object) -> str:
    """Name the kind of a value as JSON does."""
    return {"dict": "object", "int": "number", "float": "number", "Decimal": "number", "bool": "boolean"}.get(
        type(value).__name__, type(value).__name__
    )
