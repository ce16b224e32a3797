"""Reads text and TOML files that a person wrote; whatever is wrong with one is one line that says where."""

import codecs
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import UsageError

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TABLE = re.compile(r"^\s*\[\[?([^\]]+)\]")
_KEY = re.compile(r"^\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file in UTF-8, with or without a byte order mark. Raises `UsageError` with line and column."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_broken(path, text, str(error))) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets without end
        msg = f"{path} is not valid TOML: {error}"
        raise UsageError(msg) from error


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark. Raises `UsageError`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise UsageError(msg) from error
    if raw.startswith(_UTF_16):
        msg = f"{path} is not UTF-8 but UTF-16: save it as UTF-8"
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
