"""CSV and JSON lines, row by row: a broken row is told apart and never takes another with it."""

import bz2
import csv
import gzip
import json
import lzma
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import IO, NamedTuple, cast

import orjson
import polars as pl

from models.errors import InputError
from models.records import WHOLE_LINE, Fault
from tasks.reading.files.store import open_bytes

_MAX_ROW = 16 * 2**20
"""Longest CSV row, in characters: an opening quote that is never closed must not swallow the file."""


class Broken(NamedTuple):
    """A row that could not be taken apart."""

    fault: Fault


RawRow = tuple[object, ...] | Broken
"""The values of the wanted columns, in their order."""


def lines(path: str) -> Iterator[bytes]:
    """Yield a file's lines with their ends, unpacked. What ends in .zst goes through polars."""
    with input_errors(path):
        if path.startswith("hf://") or path.endswith(".zst"):
            yield from _lines_by_polars(path)
            return
        with open_bytes(path) as raw, _unpack(raw, path) as file:
            yield from file


@contextmanager
def input_errors(name: str) -> Iterator[None]:
    """Turn a failure to read into one clear `InputError` that names the file."""
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        msg = f"cannot read {name}: {reason}"
        raise InputError(msg) from error


def csv_header(path: str) -> list[str]:
    """Return the column names of a CSV file. Raises `InputError` for an empty file."""
    first = next(lines(path), None)
    if first is None:
        msg = f"{path} is empty: a CSV file starts with a line of column names"
        raise InputError(msg)
    return next(csv.reader([_text(first).removeprefix("\ufeff")]), [])


def csv_rows(path: str, wanted: Sequence[str]) -> Iterator[RawRow]:
    """Yield the wanted columns of each row of a CSV file, as text; a row of the wrong width is broken.

    After a row that cannot be parsed, reading goes on at the next line.
    """
    header = csv_header(path)
    width = len(header)
    values = itemgetter(*(header.index(name) for name in wanted))
    single = len(wanted) == 1
    for row in _CsvRows(lines(path)).rows(width):
        if isinstance(row, Broken):
            yield row
        else:
            yield (values(row),) if single else cast("tuple[object, ...]", values(row))


def json_rows(path: str, wanted: Sequence[str]) -> Iterator[RawRow]:
    """Yield the wanted keys of each line's object, None where a key is missing."""
    for found in json_objects(path):
        yield found if isinstance(found, Broken) else tuple(found.get(name) for name in wanted)


def json_objects(path: str) -> Iterator[Mapping[str, object] | Broken]:
    """Yield the object of each line that is not blank."""
    for number, line in enumerate(lines(path), start=1):
        if line.isspace():
            continue
        try:
            found: object = orjson.loads(line)
        except orjson.JSONDecodeError:
            found = _lenient(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        if isinstance(found, dict):
            yield found
        elif isinstance(found, Broken):
            yield Broken(found.fault._replace(detail=f"line {number} {found.fault.detail}"))
        else:
            detail = f"line {number} is not a JSON object"
            yield Broken(Fault("wrong_type", detail, WHOLE_LINE, "must be a JSON object"))


def _lenient(line: bytes) -> object:
    """Parse what orjson refuses but whose other fields can be told: bytes that are not UTF-8, NaN."""
    try:
        return json.loads(_text(line).rstrip("\r\n"))
    except (ValueError, RecursionError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f": {error.msg.partition(':')[0].lower()} at column {error.colno}"
        return Broken(
            Fault("undecodable", "is not valid JSON", WHOLE_LINE, f"must be one JSON object{where}")
        )


class _CsvRows:
    """A csv reader that can go back to the line after a row that went wrong."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._again: deque[str] = deque()  # lines to be read once more
        self._taken: list[str] = []  # lines of the row that is being read
        self._number = 0
        csv.field_size_limit(_MAX_ROW)

    def rows(self, width: int) -> Iterator[list[str] | Broken]:
        next(iter(self._feed()), None)  # the header
        self._start()
        reader = csv.reader(self._feed(), strict=True)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                if not self._again:
                    return
                row = None
            except csv.Error:
                row = None
            if row is None or (len(row) != width and len(self._taken) > 1):
                yield self._go_back()
                reader = csv.reader(self._feed(), strict=True)
            elif len(row) == width:
                yield row
            elif row:
                rule = f"must have as many fields as the header ({width})"
                yield self._broken(f"has {len(row)} fields, the header has {width}", rule)
            self._start()

    def _feed(self) -> Iterator[str]:
        size = 0
        while size < _MAX_ROW:
            if self._again:
                line = self._again.popleft()
            elif (raw := next(self._source, None)) is not None:
                line = _text(raw)
            else:
                return
            if not self._taken:
                size = 0
            size += len(line)
            self._taken.append(line)
            yield line

    def _start(self) -> None:
        self._number += len(self._taken)
        self._taken.clear()

    def _go_back(self) -> Broken:
        """Give up the first line of the row only; the others are read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        return self._broken("has an unbalanced quote", "each quote that opens a field must be closed")

    def _broken(self, what: str, rule: str) -> Broken:
        return Broken(Fault("undecodable", f"line {self._number + 1} {what}", WHOLE_LINE, rule))


def _unpack(file: IO[bytes], path: str) -> IO[bytes]:
    if path.endswith(".gz"):
        return cast("IO[bytes]", gzip.open(file))
    if path.endswith(".bz2"):
        return cast("IO[bytes]", bz2.open(file))
    if path.endswith(".xz"):
        return cast("IO[bytes]", lzma.open(file))
    return file


def _lines_by_polars(path: str) -> Iterator[bytes]:
    """Yield lines in which polars' sign for bytes that are not UTF-8 stands as such a byte again.

    A U+FFFD that the input really holds cannot be told from it.
    """
    frame = pl.scan_csv(
        path,
        has_header=False,
        separator="\x01",
        quote_char=None,
        new_columns=["line"],
        schema={"line": pl.String},
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
    for batch in frame.collect_batches(chunk_size=2000, lazy=True):
        for line in batch.get_column("line"):
            yield (line or "").encode().replace(b"\xef\xbf\xbd", b"\xff") + b"\n"


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("utf-8", "surrogateescape")
