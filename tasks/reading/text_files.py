"""Partitions in CSV and JSON lines files."""

import io
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path

import polars as pl

from models.errors import InputError
from tasks.reading.columns import Columns
from tasks.reading.lines import (
    Broken,
    RawRow,
    csv_header,
    csv_rows,
    input_errors,
    json_objects,
    json_rows,
    lines,
)
from tasks.reading.locate import Files
from tasks.reading.rows import Chunk, Fault
from tasks.reading.timestamps import bounds, date_of, seconds_of

_CHUNK = 2000
_SAMPLE = 1000
_COUNTED = 32 * 2**20  # bytes; larger inputs would be read twice only to know a total


class TextPartition:
    """The rows of one partition in CSV or JSON lines files, filtered row by row."""

    def __init__(self, files: Files, columns: Columns, partition: date) -> None:
        self._files = files
        self.columns = columns
        start, end = bounds(partition)
        self._range = range(int(start.timestamp()), int(end.timestamp()))
        self._wanted = list(dict.fromkeys(columns.wanted()))
        self._kinds = self._where_kinds()

    def chunks(self) -> Iterator[Chunk]:
        """Yield the partition's rows in input order."""
        for path in self._files.paths:
            rows = iter(self._rows(path))
            while some := list(islice(rows, _CHUNK)):
                chunk = self._select(some)
                if chunk.ids:
                    yield chunk

    def count(self) -> int | None:
        """Return the number of rows, None where that would take a second reading of much data."""
        if any("://" in path for path in self._files.paths):
            return None
        if sum(Path(path).stat().st_size for path in self._files.paths) > _COUNTED:
            return None
        return sum(len(chunk.ids) for chunk in self.chunks())

    def is_empty(self) -> bool:
        """Whether no row is sure to belong to the partition."""
        dated = self.columns.timestamp is None
        return not any(dated or len(chunk.faults) < len(chunk.ids) for chunk in self.chunks())

    def dates(self) -> tuple[date, date] | None:
        """Return the first and last date of the whole input, None where no timestamp can be read."""
        found: list[int] = []
        for path in self._files.paths:
            rows = iter(self._rows(path))
            while some := list(islice(rows, _CHUNK)):
                seconds = self._seconds([row for row in some if not isinstance(row, Broken)]).drop_nulls()
                found = [min([*found, *seconds]), max([*found, *seconds])] if len(seconds) or found else []
        return (date_of(found[0]), date_of(found[-1])) if found else None

    def _rows(self, path: str) -> Iterator[RawRow]:
        read = csv_rows if self._files.format == "csv" else json_rows
        return read(path, self._wanted)

    def _select(self, rows: Sequence[RawRow]) -> Chunk:
        """Keep the rows of the partition, and those of which that cannot be told, as faults."""
        faults: dict[int, Fault] = {
            place: row.fault for place, row in enumerate(rows) if isinstance(row, Broken)
        }
        good = [place for place in range(len(rows)) if place not in faults]
        values = [row for row in rows if not isinstance(row, Broken)]
        kept = set(faults)
        matches = self._matches(values)
        seconds = [None] * len(values) if self.columns.timestamp is None else self._seconds(values).to_list()
        for place, match, second in zip(good, matches, seconds, strict=True):
            if not match:
                continue
            if self.columns.timestamp is not None:
                if second is None:
                    faults[place] = (
                        "bad_timestamp",
                        f"{self.columns.timestamp} cannot be read as a timestamp",
                    )
                elif second not in self._range:
                    continue
            kept.add(place)
        order = sorted(kept)
        return self._chunk([rows[place] for place in order], [faults.get(place) for place in order])

    def _chunk(self, rows: Sequence[RawRow], faults: Sequence[Fault | None]) -> Chunk:
        blank = (None,) * len(self._wanted)
        table = [blank if isinstance(row, Broken) else row for row in rows]
        places = {name: place for place, name in enumerate(self._wanted)}
        by_name = {name: [row[place] for row in table] for name, place in places.items()}
        return Chunk(
            by_name[self.columns.id],
            [by_name[name] for name in self.columns.texts],
            {place: fault for place, fault in enumerate(faults) if fault is not None},
        )

    def _seconds(self, rows: Sequence[tuple[object, ...]]) -> pl.Series:
        place = self._wanted.index(self.columns.timestamp or "")
        return seconds_of([row[place] for row in rows])

    def _matches(self, rows: Sequence[tuple[object, ...]]) -> list[bool]:
        """Whether each row satisfies `where`."""
        if self.columns.where is None:
            return [True] * len(rows)
        frame = pl.DataFrame(
            [
                _typed(name, [row[self._wanted.index(name)] for row in rows], kind)
                for name, kind in self._kinds.items()
            ]
        )
        return frame.select(self.columns.where.fill_null(value=False).alias("match")).to_series().to_list()

    def _where_kinds(self) -> dict[str, pl.DataType]:
        """Types of the columns that `where` uses, inferred once from the first rows."""
        if self.columns.where is None:
            return {}
        names = self.columns.where.meta.root_names()
        sample = csv_sample if self._files.format == "csv" else json_sample
        schema = sample(self._files.paths[0]).schema
        kinds = {name: schema.get(name, pl.String()) for name in names}
        with input_errors(f"the input with this where condition ({self.columns.where_text})"):
            pl.DataFrame(schema=kinds).select(self.columns.where)
        return kinds


def csv_sample(path: str) -> pl.DataFrame:
    """Return the first rows of a CSV file with inferred types."""
    head = b"".join(islice(lines(path), _SAMPLE))
    with input_errors(path):
        return pl.read_csv(
            io.BytesIO(head),
            infer_schema_length=None,
            ignore_errors=True,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )


def json_sample(path: str) -> pl.DataFrame:
    """Return the first objects of a JSON lines file with inferred types."""
    objects = [found for found in islice(json_objects(path), _SAMPLE) if not isinstance(found, Broken)]
    names = dict.fromkeys(name for found in objects for name in found)
    return pl.DataFrame(
        [pl.Series(name, [found.get(name) for found in objects], strict=False) for name in names]
    )


def text_columns(files: Files) -> list[str]:
    """Return the names of the columns; JSON keys as far as the first objects show them.

    Raises `InputError` where there are none to be seen, or CSV files differ in what they hold.
    """
    if files.format == "jsonl":
        found = json_sample(files.paths[0]).columns
        if not found:
            msg = f"{files.paths[0]} holds no JSON object"
            raise InputError(msg)
        return found
    headers = [csv_header(path) for path in files.paths]
    return [name for name in headers[0] if all(name in header for header in headers)]


def _typed(name: str, values: list[object], kind: pl.DataType) -> pl.Series:
    if all(value is None or isinstance(value, str) for value in values):
        text = [value or None for value in values]
        return pl.Series(name, text, pl.String).cast(kind, strict=False)
    return pl.Series(name, values, kind, strict=False)
