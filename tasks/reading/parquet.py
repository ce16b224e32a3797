"""Partitions in Parquet files, filtered and streamed by polars."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import inf

import polars as pl

from models.errors import InputError
from tasks.reading.columns import choose_columns, settle_timestamp
from tasks.reading.failures import input_errors
from tasks.reading.files.locate import EmptyPartition, Files
from tasks.reading.parquet_files import TEXT_LIKE, ParquetFiles
from tasks.reading.parquet_text import parts_of, values_of
from tasks.reading.rows import Chunk
from tasks.reading.source import Source
from tasks.reading.timestamps import (
    date_of,
    is_readable,
    is_unreadable,
    lies_between,
    on_date,
    unreadable,
    utc_date,
    utc_seconds,
)

_CHUNK = 2000
_SECONDS = "breakeven.seconds"


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where a partition's rows lie among all rows, and how many they are.

    `certain` leaves out the rows whose timestamp cannot be read.
    """

    rows: int
    certain: int
    first: int
    last: int


class ParquetPartition:
    """The rows of one partition in Parquet files, local or in an object store.

    The filter is applied to batches of the stream, not inside it: polars 2.1 reads without bounds
    ahead of a slow consumer where a filter is pushed into the scan. That the scan starts at the
    partition's first row and ends at its last, found beforehand in the timestamps alone, makes up for it.
    """

    def __init__(self, source: Source, files: Files, partition: date, limit: int | None) -> None:
        self._name = source.name
        parquet = ParquetFiles(files)
        if not parquet.kinds:
            msg = f"{self._name} holds no row: its files are empty"
            raise EmptyPartition(msg)
        if not files.dated:
            source = settle_timestamp(source, parquet.names, list(parquet.kinds))
        self.columns = choose_columns(source, list(parquet.kinds), dated=files.dated)
        with input_errors(self._name):
            self._frame = parquet.scan(self.columns)
            self._schema = self._frame.collect_schema()
            self.columns = self.columns.fit(self._schema)
        self._check_kinds()
        for condition in (self.columns.where, self.columns.complex):
            if condition is not None:
                condition.check(self._schema)
        self._match, self._unreadable = self._conditions(partition)
        self._limit = limit
        self._max_chars = source.max_text_chars

    def chunks(self) -> Iterator[Chunk]:
        """Yield the partition's rows in input order."""
        fault = unreadable(self.columns.timestamp or "")
        frame = self._frame.slice(self._extent.first, self._length())
        wanted = [pl.col(name) for name in self.columns.wanted()]
        keep, marks = self._match | self._unreadable, self.columns.complex
        values = [self._plain(name) for name in (self.columns.id, *self.columns.texts)]
        with input_errors(self._name):
            for batch in frame.select(wanted).collect_batches(
                chunk_size=_CHUNK, maintain_order=True, lazy=True
            ):
                every = batch.with_columns(self._seconds()).filter(keep)
                for rows in parts_of(every, (self.columns.id, *self.columns.texts), self._max_chars):
                    bad = rows.select(self._unreadable.alias("bad")).to_series().arg_true()
                    columns = [values_of(rows.select(value).to_series(), self._max_chars) for value in values]
                    complex_ = frozenset() if marks is None else marks.places(rows)
                    faults = dict.fromkeys(bad, fault)
                    yield Chunk(columns[0], columns[1:], faults, complex_, self.columns.id, self._max_chars)

    def count(self) -> int:
        """Return the number of rows, those with a bad timestamp included."""
        return self._extent.rows

    def is_empty(self) -> bool:
        """Whether no row is sure to belong to the partition."""
        return self._extent.certain == 0

    def dates(self) -> tuple[date, date] | None:
        """Return the first and last date of the whole input, None where no timestamp can be read."""
        name = self.columns.timestamp
        if name is None:
            return None
        seconds = utc_seconds(name, self._schema[name])
        frame = self._frame if self.columns.where is None else self._frame.filter(self.columns.where.expr)
        with input_errors(self._name):
            found = frame.select(first=seconds.min(), last=seconds.max()).collect(engine="streaming")
        first, last = found.row(0)
        return None if first is None else (date_of(first), date_of(last))

    def dates_between(self, first: date, last: date) -> list[date]:
        """Return the dates in the range to which a row surely belongs: one pass over the timestamps alone."""
        name = self.columns.timestamp
        if name is None:
            return []
        seconds = self._seconds()
        column, kind = (_SECONDS, pl.Int64()) if seconds else (name, self._schema[name])
        where = pl.lit(value=True) if self.columns.where is None else self.columns.where.expr
        found = (
            self._frame.with_columns(seconds)
            .filter(where & lies_between(column, kind, first, last))
            .select(utc_date(column, kind).unique())
        )
        with input_errors(self._name):
            return sorted(found.collect(engine="streaming").to_series())

    def _length(self) -> int:
        """Return how many rows to take from the first one on."""
        length = self._extent.last + 1 - self._extent.first
        everything = self._limit is not None and self._extent.rows == length
        return min(length, self._limit or 0) if everything else length

    @cached_property
    def _extent(self) -> _Extent:
        index = "breakeven.row"
        everything = self.columns.timestamp is None and self.columns.where is None
        with input_errors(self._name):
            if everything:
                rows = int(self._frame.select(pl.len()).collect(engine="streaming").item())
                return _Extent(rows, rows, 0, rows - 1)
            found = (
                self._frame.with_row_index(index)
                .with_columns(self._seconds())
                .filter(self._match | self._unreadable)
                .select(
                    rows=pl.len(),
                    certain=self._match.fill_null(value=False).sum(),
                    first=pl.col(index).min(),
                    last=pl.col(index).max(),
                )
                .collect(engine="streaming")
            )
        rows, certain, first, last = found.row(0)
        return _Extent(rows, certain, first or 0, -1 if last is None else last)

    def _check_kinds(self) -> None:
        kind = self._schema[self.columns.id]
        if not isinstance(kind, TEXT_LIKE) and not kind.is_numeric():
            msg = f"column {self.columns.id} of {self._name} is {kind}; an id must be text or an integer"
            raise InputError(msg)
        name = self.columns.timestamp
        if name is not None and not is_readable(self._schema[name]):
            msg = f"column {name} of {self._name} is {self._schema[name]}, which holds no timestamps"
            raise InputError(msg)

    def _conditions(self, partition: date) -> tuple[pl.Expr, pl.Expr]:
        """Return which rows are sure to belong to the partition, and which cannot be told."""
        where = pl.lit(value=True) if self.columns.where is None else self.columns.where.expr
        name = self.columns.timestamp
        if name is None:
            return where, pl.lit(value=False)
        kind = self._schema[name]
        if kind in (pl.Date, pl.Datetime):  # compared as it is, so that polars can skip by statistics
            return where & on_date(name, kind, partition), where & is_unreadable(name, kind)
        return where & on_date(_SECONDS, pl.Int64(), partition), where & pl.col(_SECONDS).is_null()

    def _seconds(self) -> list[pl.Expr]:
        """Return the column that text and number timestamps are read into, once a row."""
        name = self.columns.timestamp
        if name is None or self._schema[name] in (pl.Date, pl.Datetime):
            return []
        return [utc_seconds(name, self._schema[name]).alias(_SECONDS)]

    def _plain(self, name: str) -> pl.Expr:
        kind, value = self._schema[name], pl.col(name)
        if (
            kind == pl.Float32 and name == self.columns.id
        ):  # from 2**24 on the last digits are lost: no id then
            return pl.when(value.abs() < 2**24).then(value).otherwise(value * inf).cast(pl.Float64)
        return value
