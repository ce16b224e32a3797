"""Partitions in Parquet files, filtered and streamed by polars."""

from collections.abc import Iterator
from datetime import date
from typing import Literal, cast

import polars as pl

from models.errors import InputError
from tasks.reading.columns import choose_columns
from tasks.reading.lines import input_errors
from tasks.reading.locate import Files
from tasks.reading.rows import Chunk
from tasks.reading.source import Source
from tasks.reading.timestamps import date_of, is_readable, on_date, utc_seconds

_CHUNK = 2000
_MINE = "breakeven."  # prefix that keeps our columns apart from the input's
_TEXT_LIKE = (pl.String, pl.Binary, pl.Categorical, pl.Enum, pl.Null)


class ParquetPartition:
    """The rows of one partition in Parquet files, local or in an object store."""

    def __init__(self, source: Source, files: Files, partition: date, limit: int | None) -> None:
        self._name = source.name
        self._limit = limit
        with input_errors(self._name):
            self._frame = pl.scan_parquet(list(files.paths), hive_partitioning=False)
            self._schema = self._frame.collect_schema()
        self.columns = choose_columns(source, self._schema.names(), dated=files.dated)
        self._check_kinds()
        if self.columns.where is not None:
            self._frame = self._frame.filter(self.columns.where)
        self._rows, self._certain = self._select(partition)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the partition's rows in input order."""
        frame = self._rows if self._limit is None else self._rows.head(self._limit)
        names = [f"{_MINE}text{place}" for place in range(len(self.columns.texts))]
        fault = ("bad_timestamp", f"{self.columns.timestamp} cannot be read as a timestamp")
        with input_errors(self._name):
            for batch in frame.collect_batches(chunk_size=_CHUNK, maintain_order=True, lazy=True):
                bad = batch.get_column(f"{_MINE}bad").arg_true() if batch.height else ()
                yield Chunk(
                    batch.get_column(f"{_MINE}id").to_list(),
                    [batch.get_column(name).to_list() for name in names],
                    dict.fromkeys(bad, cast("tuple[Literal['bad_timestamp'], str]", fault)),
                )

    def count(self) -> int:
        """Return the number of rows, those with a bad timestamp included."""
        return self._sum(pl.len())

    def is_empty(self) -> bool:
        """Whether no row is sure to belong to the partition."""
        return self._sum(pl.len(), self._certain.head(1)) == 0

    def dates(self) -> tuple[date, date] | None:
        """Return the first and last date of the whole input, None where no timestamp can be read."""
        name = self.columns.timestamp
        if name is None:
            return None
        seconds = utc_seconds(name, self._schema[name])
        with input_errors(self._name):
            found = self._frame.select(first=seconds.min(), last=seconds.max()).collect(engine="streaming")
        first, last = found.row(0)
        return None if first is None else (date_of(first), date_of(last))

    def _sum(self, what: pl.Expr, frame: pl.LazyFrame | None = None) -> int:
        with input_errors(self._name):
            found = (self._rows if frame is None else frame).select(what).collect(engine="streaming")
        return int(found.item())

    def _check_kinds(self) -> None:
        kind = self._schema[self.columns.id]
        if kind not in _TEXT_LIKE and not kind.is_integer():
            msg = f"column {self.columns.id} of {self._name} is {kind}; an id must be text or an integer"
            raise InputError(msg)
        name = self.columns.timestamp
        if name is not None and not is_readable(self._schema[name]):
            msg = f"column {name} of {self._name} is {self._schema[name]}, which holds no timestamps"
            raise InputError(msg)

    def _select(self, partition: date) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """Return the partition's rows, and those of them that are sure to belong to it."""
        values = [
            self._plain(self.columns.id).alias(f"{_MINE}id"),
            *(
                self._plain(name).alias(f"{_MINE}text{place}")
                for place, name in enumerate(self.columns.texts)
            ),
        ]
        name = self.columns.timestamp
        if name is None:
            rows = self._frame.select(*values, pl.lit(value=False).alias(f"{_MINE}bad"))
            return rows, rows
        match = on_date(name, self._schema[name], partition)
        unreadable = utc_seconds(name, self._schema[name]).is_null()
        rows = self._frame.filter(match | unreadable).select(*values, unreadable.alias(f"{_MINE}bad"))
        return rows, self._frame.filter(match).select(*values)

    def _plain(self, name: str) -> pl.Expr:
        kind = self._schema[name]
        return pl.col(name).cast(pl.String) if kind in (pl.Categorical, pl.Enum) else pl.col(name)
