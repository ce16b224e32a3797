"""Partitions in CSV and JSON lines files."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain, islice
from pathlib import Path

import polars as pl

from models.errors import InputError
from models.records import Fault
from tasks.reading.columns import Columns
from tasks.reading.conditions import Condition, RawCondition, infer_types, scalar
from tasks.reading.files.locate import EmptyPartition, Files
from tasks.reading.rows import Chunk
from tasks.reading.text.lines import Broken, RawRow
from tasks.reading.text.text_file import SAMPLE, TextFile
from tasks.reading.timestamps import bounds, date_of, dates_of, seconds_of, unreadable

_CHUNK = 2000
_COUNTED = 32 * 2**20  # bytes; larger inputs would be read twice only to know a total


class TextPartition:
    """The rows of one partition in CSV or JSON lines files, filtered row by row."""

    def __init__(self, files: Files, columns: Columns, partition: date) -> None:
        self._files = files
        self.columns = columns
        start, end = bounds(partition)
        self._range = range(int(start.timestamp()), int(end.timestamp()))
        self._wanted = columns.wanted()
        self._places = {name: place for place, name in enumerate(self._wanted)}
        self._where = self._raw(columns.where)
        self._complex = self._raw(columns.complex)

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

    def dates_between(self, first: date, last: date) -> list[date]:
        """Return the dates in the range to which a row surely belongs: one pass over the files."""
        found: set[date] = set()
        names = [self.columns.timestamp or "", *(self._where.names if self._where is not None else ())]
        for path in self._files.paths:
            rows = iter(self._rows(path, names))
            while some := list(islice(rows, 10 * _CHUNK)):
                good = [row for row in some if not isinstance(row, Broken)]
                seconds = seconds_of([row[0] for row in good])
                if self._where is not None:
                    values = {name: [row[place] for row in good] for place, name in enumerate(names)}
                    holds = self._where.judge(values, len(good))
                    seconds = seconds.filter(pl.Series([one is True for one in holds], dtype=pl.Boolean))
                found.update(dates_of(seconds))
        return sorted(day for day in found if first <= day <= last)

    def _rows(self, path: str, wanted: Sequence[str] | None = None) -> Iterator[RawRow]:
        return TextFile(path, self._files.format, self._files.delimiter).rows(
            self._wanted if wanted is None else wanted
        )

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
            if match is False or (second is not None and second not in self._range):
                continue
            kept.add(place)
            if self.columns.timestamp is not None and second is None:
                faults[place] = unreadable(self.columns.timestamp)
            elif match is None:
                faults[place] = self._not_to_be_judged()
        order = sorted(kept)
        return self._chunk([rows[place] for place in order], [faults.get(place) for place in order])

    def _not_to_be_judged(self) -> Fault:
        """Return the fault of a row to whose values `where` cannot be applied."""
        text, names = ("", ()) if self._where is None else (self._where.text, self._where.names)
        rule = f"where ({text}) must be applicable to it"
        return Fault("wrong_type", f"where ({text}) cannot be applied to its values", ", ".join(names), rule)

    def _chunk(self, rows: Sequence[RawRow], faults: Sequence[Fault | None]) -> Chunk:
        blank = (None,) * len(self._wanted)
        table = [blank if isinstance(row, Broken) else row for row in rows]
        by_name = self._by_name(table, self._wanted)
        complex_ = frozenset() if self._complex is None else self._complex.places(by_name, len(table))
        return Chunk(
            by_name[self.columns.id],
            [by_name[name] for name in self.columns.texts],
            {place: fault for place, fault in enumerate(faults) if fault is not None},
            complex_,
            self.columns.id,
        )

    def _seconds(self, rows: Sequence[tuple[object, ...]]) -> pl.Series:
        place = self._wanted.index(self.columns.timestamp or "")
        return seconds_of([row[place] for row in rows])

    def _matches(self, rows: Sequence[tuple[object, ...]]) -> list[bool | None]:
        """Whether each row satisfies `where`; None where that cannot be told."""
        if self._where is None:
            return [True] * len(rows)
        return self._where.judge(self._by_name(rows, self._where.names), len(rows))

    def _by_name(self, rows: Sequence[tuple[object, ...]], names: Sequence[str]) -> dict[str, list[object]]:
        places = [(name, self._places[name]) for name in names]
        return {name: [row[place] for row in rows] for name, place in places}

    def _raw(self, condition: Condition | None) -> RawCondition | None:
        if condition is None:
            return None
        sample, names = csv_sample if self._files.format == "csv" else json_sample, condition.names()
        return RawCondition(condition, sample(self._files, names) if names else pl.DataFrame())


def csv_sample(files: Files, names: Sequence[str]) -> pl.DataFrame:
    """Return columns of the first rows of CSV files with inferred types."""
    rows = _first_rows(files, names)
    text = pl.DataFrame(
        [pl.Series(name, [scalar(row[n]) or None for row in rows], pl.String) for n, name in enumerate(names)]
    )
    return text.select(_narrowest(column) for column in text)


def _narrowest(column: pl.Series) -> pl.Series:
    if column.null_count() == len(column):  # nothing tells what it holds
        return column.cast(pl.Null)
    for kind in (pl.Int64(), pl.Float64()):
        cast = column.cast(kind, strict=False)
        if cast.null_count() == column.null_count():
            return cast
    return column


def json_sample(files: Files, names: Sequence[str]) -> pl.DataFrame:
    """Return keys of the first objects of JSON files with inferred types."""
    rows = _first_rows(files, names)
    return infer_types({name: [row[place] for row in rows] for place, name in enumerate(names)})


def _first_rows(files: Files, names: Sequence[str]) -> list[tuple[object, ...]]:
    rows = chain.from_iterable(
        TextFile(path, files.format, files.delimiter).rows(names) for path in files.paths
    )
    return [row for row in islice(rows, SAMPLE) if not isinstance(row, Broken)]


def text_columns(files: Files) -> list[str]:
    """Return the names of the columns; JSON keys as far as the first objects show them.

    Of several CSV files, those that all of them have; a file without a header or an object is passed over.
    Raises `InputError` where no file has any: `EmptyPartition` where that can be meant.
    """
    texts = [TextFile(path, files.format, files.delimiter) for path in files.paths]
    found = [text.columns for text in texts if text.columns]
    if not found:
        what = "neither a header nor a row" if files.format == "csv" else "no JSON object"
        more = "" if len(texts) == 1 else f", like all {len(texts)} files,"
        if any(True for text in texts for _ in islice(text.rows(()), 1)):
            msg = f"{files.paths[0]}{more} holds {what}"
            raise InputError(msg)
        msg = f"{files.paths[0]}{more} is empty: it holds {what}"
        raise (EmptyPartition if files.dated or files.format == "jsonl" else InputError)(msg)
    if files.format == "csv":
        return [name for name in found[0] if all(name in others for others in found)]
    return found[0]
