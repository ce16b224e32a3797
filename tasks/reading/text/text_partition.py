"""Partitions in CSV and JSON lines files."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import chain, islice

import polars as pl

from models.errors import one_line
from models.records import Fault
from models.settings.workload import MAX_TEXT_CHARS
from tasks.reading.columns import Columns
from tasks.reading.conditions import Condition, RawCondition, infer_types, narrow_type, scalar
from tasks.reading.files.address import is_remote
from tasks.reading.files.formats import is_packed
from tasks.reading.input_cache import InputCache
from tasks.reading.longest import chunks_of
from tasks.reading.rows import Chunk
from tasks.reading.text.file_rows import FileRows, Shelf
from tasks.reading.text.kept_rows import CHUNK, DatedRows
from tasks.reading.text.lines import Broken, RawRow
from tasks.reading.text.text_columns import NamedFile
from tasks.reading.text.text_file import SAMPLE
from tasks.reading.timestamps import unreadable

_COUNTED = 32 * 2**20  # bytes; larger inputs would be read twice only to know a total
_SMALL = 2**20
"""So many bytes are read as fast as they are kept and found again."""
_PACKED = 8
"""So much larger than its file is what was compressed, as a rule."""
_EPOCH = date(1970, 1, 1)


class TextPartition:
    """The rows of one partition in CSV or JSON lines files, filtered row by row.

    With a `cache`, files with timestamps that are not small are read once, and their rows are kept by day. A
    partition of which only the first rows are wanted (`limited`) takes what is kept, and keeps nothing itself.
    """

    def __init__(
        self,
        files: Sequence[NamedFile],
        columns: Columns,
        partition: date,
        cache: InputCache | None = None,
        *,
        limited: bool = False,
    ) -> None:
        self._files = files
        self.columns = columns
        self._day = (partition - _EPOCH).days
        self._wanted = columns.wanted()
        self._places = {name: place for place, name in enumerate(self._wanted)}
        self._where = self._raw(columns.where)
        self._complex = self._raw(columns.complex)
        self._cache, self._keep = cache, not limited
        self._max_chars = max((one.file.max_chars for one in files), default=MAX_TEXT_CHARS)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the partition's rows in input order."""
        for rows in self._rows():
            chunk = self._select(rows)
            if chunk.ids:
                yield chunk

    def count(self) -> int | None:
        """Return the number of rows, None where that would take a second reading of much data."""
        if self.columns.timestamp is None:
            sizes = [None if is_remote(one.file.path) else one.state.size for one in self._files]
        else:
            counts = [one.count(self._day) for one in self._dated]
            if self._where is None and None not in counts:
                return sum(count or 0 for count in counts)
            sizes = [one.size(self._day) for one in self._dated]
        if None in sizes or sum(size or 0 for size in sizes) > _COUNTED:
            return None
        return sum(len(chunk.ids) for chunk in self.chunks())

    def is_empty(self) -> bool:
        """Whether no row is sure to belong to the partition."""
        undated = self.columns.timestamp is None
        return not any(undated or len(chunk.faults) < len(chunk.ids) for chunk in self.chunks())

    def dates(self) -> tuple[date, date] | None:
        """Return the first and last date of the whole input, None where no timestamp can be read."""
        if self.columns.timestamp is None:
            return None
        days = [day for one in self._dated for day in one.ends() or ()]
        return (_date(min(days)), _date(max(days))) if days else None

    def dates_between(self, first: date, last: date) -> list[date]:
        """Return the dates in the range to which a row surely belongs: one pass over the files."""
        if self.columns.timestamp is None:
            return []
        ends = (first - _EPOCH).days, (last - _EPOCH).days
        holds = None if self._where is None else self._holds
        return sorted(_date(day) for day in set().union(*(one.days(*ends, holds) for one in self._dated)))

    @cached_property
    def _dated(self) -> list[FileRows]:
        """The files by their days."""
        lasting = all(one.state.version for one in self._files)
        size = sum(one.state.size * (_PACKED if is_packed(one.file.path) else 1) for one in self._files)
        shelf = Shelf(self._cache) if lasting and size > _SMALL and self._cache is not None else None
        place = self._places[self.columns.timestamp or ""]
        return [FileRows(one.file, one.wanted, place, one.state, shelf) for one in self._files]

    def _rows(self) -> Iterator[DatedRows]:
        """Yield the rows of the day, and those of which that cannot be told."""
        if self.columns.timestamp is not None:
            for one in self._dated:
                yield from one.of_day(self._day, keep=self._keep)
            return
        for file in self._files:
            for rows in chunks_of(file.file.rows(file.wanted), CHUNK):
                broken = (place for place, row in enumerate(rows) if isinstance(row, Broken))
                yield DatedRows(rows, frozenset(broken))

    def _select(self, found: DatedRows) -> Chunk:
        """Keep the rows for which `where` holds; those of which it or their day cannot be told become faults."""
        rows, unsure = found
        faults = {place: self._fault(rows[place]) for place in unsure}
        if self._where is None:
            return self._chunk(rows, faults)
        judged = [place for place, row in enumerate(rows) if not isinstance(row, Broken)]
        values = self._by_name([row for row in rows if not isinstance(row, Broken)], self._where.names)
        left_out = set()
        for place, match in zip(judged, self._where.judge(values, len(judged)), strict=True):
            if match is False:
                left_out.add(place)
            elif match is None:
                faults.setdefault(place, self._not_to_be_judged())
        order = [place for place in range(len(rows)) if place not in left_out]
        kept = {number: faults[place] for number, place in enumerate(order) if place in faults}
        return self._chunk([rows[place] for place in order], kept)

    def _fault(self, row: RawRow) -> Fault:
        """Return the fault of a row whose day cannot be told."""
        return row.fault if isinstance(row, Broken) else unreadable(self.columns.timestamp or "")

    def _not_to_be_judged(self) -> Fault:
        """Return the fault of a row to whose values `where` cannot be applied."""
        text, names = ("", ()) if self._where is None else (one_line(self._where.text), self._where.names)
        rule = f"where ({text}) must be applicable to it"
        return Fault("wrong_type", f"where ({text}) cannot be applied to its values", ", ".join(names), rule)

    def _chunk(self, rows: Sequence[RawRow], faults: Mapping[int, Fault]) -> Chunk:
        blank = (None,) * len(self._wanted)
        table = [blank if isinstance(row, Broken) else row for row in rows] if faults else rows
        by_name = self._by_name(table, self._wanted)
        complex_ = frozenset() if self._complex is None else self._complex.places(by_name, len(table))
        return Chunk(
            by_name[self.columns.id],
            [by_name[name] for name in self.columns.texts],
            faults,
            complex_,
            self.columns.id,
            self._max_chars,
        )

    def _holds(self, rows: Sequence[RawRow]) -> bool:
        """Whether `where` surely holds for one of these rows."""
        if self._where is None:
            return bool(rows)
        judged = self._where.judge(self._by_name(rows, self._where.names), len(rows))
        return any(one is True for one in judged)

    def _by_name(self, rows: Sequence[RawRow], names: Sequence[str]) -> dict[str, list[object]]:
        places = [(name, self._places[name]) for name in names]
        return {name: [row[place] for row in rows] for name, place in places}

    def _raw(self, condition: Condition | None) -> RawCondition | None:
        """Take the types that the condition meets from the first rows."""
        if condition is None:
            return None
        names = condition.names()
        if not names:
            return RawCondition(condition, pl.DataFrame())
        some = islice(chain.from_iterable(one.file.rows(one.wanted) for one in self._files), SAMPLE)
        values = self._by_name([row for row in some if not isinstance(row, Broken)], names)
        if self._files[0].file.format != "csv":
            return RawCondition(condition, infer_types(values))
        comma = all(one.file.has_decimal_commas for one in self._files)
        return RawCondition(condition, _csv_types(values, comma=comma), comma=comma)


def _csv_types(values: Mapping[str, Sequence[object]], *, comma: bool) -> pl.DataFrame:
    """Return texts of a CSV file as columns of inferred types."""
    text = pl.DataFrame(
        [
            pl.Series(name, [scalar(value) or None for value in some], pl.String)
            for name, some in values.items()
        ]
    )
    return text.select(narrow_type(column, comma=comma) for column in text)


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)
