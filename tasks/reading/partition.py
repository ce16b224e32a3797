"""Opening one partition of a source and reading it as records."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Protocol

from models.errors import InputError
from models.records import Fault, Quarantined, Record
from tasks.reading.columns import Columns
from tasks.reading.files.locate import EmptyPartition, Files, dated_folders, locate, take_day
from tasks.reading.parquet import ParquetPartition
from tasks.reading.parsed_rows import ParsedRows
from tasks.reading.query import QueryPartition
from tasks.reading.rows import Chunk, parse_rows, rebatch
from tasks.reading.source import Source
from tasks.reading.text.text_columns import name_columns
from tasks.reading.text.text_partition import TextPartition
from tasks.reading.watched import WatchedPartition
from tasks.storage.scratch_db import Scratch


class RawPartition(Protocol):
    """Raw rows of one partition, whatever they are stored in."""

    @property
    def columns(self) -> Columns:
        """The columns that are read."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the partition's rows in input order, each time from the start."""

    def count(self) -> int | None:
        """Return the number of rows, None where it is not cheap to know."""

    def is_empty(self) -> bool:
        """Whether no row is sure to belong to the partition."""

    def dates(self) -> tuple[date, date] | None:
        """Return the first and last date of the whole input, None where it is not known."""

    def dates_between(self, first: date, last: date) -> list[date]:
        """Return the dates in the range to which a row surely belongs, ascending; none without timestamps."""


@dataclass(frozen=True)
class PartitionReader:
    """One partition, open for reading: each row becomes exactly one `Record` or `Quarantined`.

    A row whose timestamp cannot be read, or that cannot be taken apart, may belong to any date: it is
    quarantined in every partition that is read from its input, so that it is never lost.
    """

    source: Source
    partition: date
    limit: int | None
    _raw: RawPartition

    @property
    def timestamp_column(self) -> str | None:
        """The column that decides which rows belong to the partition, None where all do."""
        return self._raw.columns.timestamp

    @property
    def dated(self) -> bool:
        """Whether folders or a query say of which date the rows are."""
        return self._raw.columns.dated

    def count(self) -> int | None:
        """Return the number of rows that `batches` will give, None where it is not cheap to know."""
        return self._count

    @cached_property
    def _count(self) -> int | None:
        found = self._raw.count()
        return found if found is None or self.limit is None else min(found, self.limit)

    def batches(self, size: int = 1000) -> Iterator[list[Record | Quarantined]]:
        """Yield all rows in input order, `size` at a time; the same every time it is called.

        Raises `InputError` where the input turns out to be damaged on the way.
        """
        return rebatch((rows.items() for rows in self.rows()), size)

    def rows(self) -> Iterator[ParsedRows]:
        """Yield all rows in input order, as they are read: for whoever wants few of them as records. Raises as `batches`."""
        ordinal = 0
        with Scratch() as keys:
            for chunk in self._raw.chunks():
                source = self.source
                parsed = parse_rows(chunk, ordinal, source.text_columns, keys.assign_keys, source.template)
                if self.limit is not None and ordinal + len(parsed) >= self.limit:
                    yield parsed.head(self.limit - ordinal)
                    return
                ordinal += len(parsed)
                yield parsed


def open_partition(source: Source, partition: date, limit: int | None = None) -> PartitionReader:
    """Open one partition, of which at most the first `limit` rows are read.

    Everything that can be checked is checked here. Raises `InputError`: the input is missing, of an
    unknown kind, or lacks a column; and its subclass `EmptyPartition` where it holds no row of the date.
    """
    raw = open_raw(source, partition, limit)
    if raw.is_empty():
        raise _nothing(source, partition, raw)
    return PartitionReader(source, partition, limit, raw)


def open_raw(source: Source, partition: date, limit: int | None = None) -> RawPartition:
    """Open one partition's raw rows, of which there may be none. Raises `InputError`."""
    if source.query:
        return QueryPartition(source, partition)
    files = _locate(source, partition)
    raw = _open_files(source, files, partition, limit)
    if _says_days(source, files, raw):
        raw = _open_files(source, take_day(files, partition, source.name), partition, limit)
    return raw


def days_in_names(source: Source, day: date) -> list[date] | None:
    """Return the dates that folders say of the files of an input, ascending; None where they say none, or timestamps do.

    `day` is any date that is asked for. Raises `InputError`.
    """
    if source.query:
        return None
    if (folders := dated_folders(source.location or "")) is not None:
        return folders
    files = _locate(source, day)
    if not files.days or not _says_days(source, files, _open_files(source, files, day, None)):
        return None
    return sorted(set(files.days))


def _locate(source: Source, day: date) -> Files:
    found = locate(source.location or "", day)
    return replace(
        found, delimiter=source.delimiter, encoding=source.encoding, max_chars=source.max_text_chars
    )


def _says_days(source: Source, files: Files, raw: RawPartition) -> bool:
    """Whether the folders of a pattern's files say their dates: no column does, and none is said to be missing on purpose."""
    return bool(files.days) and source.timestamp_column is None and raw.columns.timestamp is None


def _open_files(source: Source, files: Files, partition: date, limit: int | None) -> RawPartition:
    if files.format == "parquet":
        return WatchedPartition(ParquetPartition(source, files, partition, limit), files)
    columns, named = name_columns(source, files)
    raw = TextPartition(named, columns, partition, source.cache, limited=limit is not None)
    return WatchedPartition(raw, files)


def _nothing(source: Source, partition: date, raw: RawPartition) -> InputError:
    """Say why there is no row: the date, the condition, an input without rows, or one without a readable timestamp."""
    if source.where is not None:
        try:
            open_partition(replace(source, where=None), partition)
        except InputError as error:
            return error
        return EmptyPartition(f"where ({source.where}) holds for no record of {partition} in {source.name}")
    column = raw.columns.timestamp
    if column is None:
        return EmptyPartition(f"{source.name} holds no record for {partition}")
    dates = raw.dates()
    if dates is not None:
        return EmptyPartition(
            f"{source.name} holds no record of {partition}; its column {column} goes from {dates[0]} to {dates[1]}"
        )
    return no_timestamp(source, column, partition)


def no_timestamp(source: Source, column: str, partition: date) -> InputError:
    """Say why a column that should hold timestamps holds none: there is no row, or none can be taken apart, or the column holds others."""
    first: Fault | None = None
    for chunk in open_raw(replace(source, timestamp_column=""), partition).chunks():
        first = first or next(iter(chunk.faults.values()), None)
        if len(chunk.faults) < len(chunk.ids):
            break
    else:
        if first is None:
            return EmptyPartition(f"{source.name} holds no row")
        return InputError(f"no row of {source.name} can be taken apart; {first.detail}")
    return InputError(
        f"no value of column {column} of {source.name} can be read as a timestamp: set timestamp_column "
        "(empty: the whole input is one partition)"
    )
