"""Reads text, TOML and JSON that a person wrote; whatever is wrong with it is one line that says where."""

import codecs
import json
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import UsageError

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TABLE = re.compile(r"^\s*\[\[?([^\]]+)\]")
_KEY = re.compile(r"^\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_OTHERS = {  # the longer marks first: that of UTF-32 begins as that of UTF-16
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
MOST_NESTED = 100
"""Tables and lists inside each other, and names of a dotted key: far more than anything needs that people write."""
TOO_DEEP = f"nested deeper than {MOST_NESTED}"
_STRING = re.compile(
    r"\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|\"(?:\\.|[^\"\\\n])*+\"?|'[^'\n]*+'?|#[^\n]*", re.DOTALL
)
"""A string, also one that does not end, so that no character is looked at twice; or a comment."""
_BRACKET = re.compile(r"[\[{]|[\]}]")
_DOTTED = re.compile(r"[\w. \t-]+")
_DIGITS = re.compile(r"(?<![\d_])\d[\d_]{4299,}")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file in UTF-8, with or without a byte order mark. Raises `UsageError` with line and column."""
    text = read_text(path)
    if (deep := _too_deep(text)) is not None:
        raise UsageError(_at(path, text, deep, TOO_DEEP))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_broken(path, text, str(error))) from error
    except (ValueError, RecursionError) as error:
        long = _DIGITS.search(text)
        what = "a number of thousands of digits" if long else f"not valid TOML ({type(error).__name__})"
        raise UsageError(_at(path, text, long.start() if long else 0, what)) from error


def parse_json(text: str) -> Any:  # noqa: ANN401  any JSON
    """Read JSON. Raises `ValueError` for what is none, also where it is nested deeper than Python follows."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error


def is_there(path: Path | str) -> bool:
    """Whether there is a file or a folder of this name; a name that no file can have is not there."""
    return os.path.exists(path)  # noqa: PTH110  that of pathlib raises where a name is too long


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark. Raises `UsageError`."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        msg = f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from error
    if other := next((name for mark, name in _OTHERS.items() if raw.startswith(mark)), None):
        msg = f"{path} is not UTF-8 but {other}: save it as UTF-8"
        raise UsageError(msg)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        line, column = _place_of(before, len(before))
        msg = f"{path}, line {line}, column {column}: not UTF-8 (byte 0x{raw[error.start]:02x}); save it as UTF-8"
        raise UsageError(msg) from error


def line_of(path: Path, keys: Sequence[str]) -> int | None:
    """Return the number of the line that sets a key, given by its tables and its name; None where it is not seen.

    Of a table without a line of its own, the first line that sets something in it.
    """
    table: tuple[str, ...] = ()
    inside = None
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if header := _TABLE.match(line):
            there = table = _names(header[1])
        elif found := _KEY.match(line):
            there = (*table, *_names(found[1]))
        else:
            continue
        if there == tuple(keys):
            return number
        if inside is None and there[: len(keys)] == tuple(keys):
            inside = number
    return inside


def _too_deep(text: str) -> int | None:
    """Return where brackets or names of a TOML file nest too deeply; None where they do not."""
    plain = _STRING.sub(lambda found: " " * len(found[0]), text)
    depth = 0
    for found in _BRACKET.finditer(plain):
        depth = depth + 1 if found[0] in "[{" else max(depth - 1, 0)
        if depth > MOST_NESTED:
            return found.start()
    names = (found for found in _DOTTED.finditer(plain) if found[0].count(".") > MOST_NESTED)
    return next((found.start() for found in names), None)


def _at(path: Path, text: str, offset: int, what: str) -> str:
    line, column = _place_of(text, offset)
    return f"{path}, line {line}, column {column}: {what}"


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _broken(path: Path, text: str, said: str) -> str:
    found = _PLACE.search(said)
    line, column = (int(found[1]), int(found[2])) if found and found[1] else _place_of(text, len(text))
    what = _PLACE.sub("", said)
    written = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    key = _KEY.match(written)
    if what == "Cannot overwrite a value":
        what = f"{key[1] if key else 'this name'} is set twice"
    elif what == "Invalid value" and key:
        what = f"the value of {key[1]} is not valid (text stands in quotes)"
    elif twice := re.fullmatch(r"Cannot declare \((.*)\) twice", what):
        table = ".".join(re.findall(r"'([^']*)'", twice[1]))
        what = f"the table [{table}] is there twice: put its settings together under one header"
    return f"{path}, line {line}, column {column}: {what}"


def _place_of(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
