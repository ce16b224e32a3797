"""Cells of raw rows: what is text, and what is said of a cell that is none."""

from models.records import Fault

MAX_ID = 500
"""Longest id, in characters: record keys are part of a database index."""

A_TEXT, AN_ID, UTF_8 = (
    "must be text",
    f"must be text or an integer, at most {MAX_ID} characters",
    "must be valid UTF-8",
)
NOT_EMPTY = "must not be empty"


def as_text(value: object, column: str, place: int, faults: dict[int, Fault]) -> str:
    """Return a value that is text, or "" and a fault."""
    if isinstance(value, bytes):
        value = decode(value)
    if not isinstance(value, str):
        faults.setdefault(
            place, Fault("wrong_type", f"{column} is a {kind_of(value)}, not text", column, A_TEXT)
        )
        return ""
    if value.isascii() or is_text(value):
        return value
    faults.setdefault(place, Fault("undecodable", f"{column} is not valid UTF-8", column, UTF_8))
    return ""


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


def kind_of(value: object) -> str:
    """Name the kind of a value as JSON does."""
    return {"dict": "object", "int": "number", "float": "number", "Decimal": "number", "bool": "boolean"}.get(
        type(value).__name__, type(value).__name__
    )
