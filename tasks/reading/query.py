"""Partitions that a SQL query selects, streamed by a server-side cursor."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from models.errors import InputError
from tasks.reading.columns import Columns, choose_columns
from tasks.reading.conditions import Condition, RawCondition, infer_types
from tasks.reading.database import open_database, reading
from tasks.reading.longest import CHUNK_CHARS, chars_of, cut
from tasks.reading.rows import Chunk
from tasks.reading.source import Source
from tasks.reading.statement import Statement
from tasks.reading.timestamps import bounds

_CHUNK = 1000
_AT_FIRST = 20
"""Rows that are fetched before it is known how long they are."""
_PARAMETERS = {"partition", "start", "end"}


class QueryPartition:
    """The rows that a query returns for one date."""

    def __init__(self, source: Source, partition: date) -> None:
        self._source = source
        statement = Statement.parse(source.query or "")
        self._text = statement.text
        self._query = sa.text(self._text)
        self._engine = open_database(source)
        names = set(statement.names)
        if not names & _PARAMETERS or names - _PARAMETERS:
            msg = (
                "the query must select its date by :partition, or by :start and :end, and bind nothing else; "
                f"it binds {_bound(statement.names)}"
            )
            raise InputError(msg)
        if not re.search(r"\border\s+by\b", statement.code, re.IGNORECASE):
            msg = "the query needs an ORDER BY, so that a run that continues sees the rows in the same order"
            raise InputError(msg)
        if source.where:
            msg = "a query has its own WHERE: put the condition there and remove `where`"
            raise InputError(msg)
        values = self._values(partition)
        self._bound = {name: values[name] for name in names}
        self.columns = self._choose()
        self._complex = self._raw(self.columns.complex)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows in the query's order."""
        with reading(self._engine, self._source.name) as connection, self._result(connection) as result:
            names = list(result.keys())
            places = [names.index(name) for name in (self.columns.id, *self.columns.texts)]
            for rows in _partitions(result):
                by_place = [[self._plain(row[place]) for row in rows] for place in places]
                complex_ = self._complex_places(names, rows)
                yield Chunk(
                    by_place[0],
                    by_place[1:],
                    complex=complex_,
                    id_column=self.columns.id,
                    max_chars=self._source.max_text_chars,
                )

    def count(self) -> int:
        """Return the number of rows, counted by the database."""
        counted = sa.text(f"SELECT count(*) FROM (\n{self._text}\n) AS counted")  # noqa: S608 - the user's own
        with reading(self._engine, self._source.name) as connection:
            return int(connection.execute(counted, self._bound).scalar_one())

    def is_empty(self) -> bool:
        """Whether the query returns nothing."""
        return next((chunk for chunk in self.chunks() if chunk.ids), None) is None

    def dates_between(self, first: date, last: date) -> list[date]:
        """Return the dates in the range for which the query returns a row.

        The query is asked once a date, on one connection, for its first row: meant for some hundred dates,
        and for a column with an index.
        """
        days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
        with reading(self._engine, self._source.name) as connection:
            return [day for day in days if self._has_row(connection, day)]

    def dates(self) -> None:
        """Return None: what else the database holds is not known."""

    def _has_row(self, connection: sa.Connection, day: date) -> bool:
        values = self._values(day)
        bound = {name: values[name] for name in self._bound}
        with connection.execution_options(yield_per=1).execute(self._query, bound) as result:
            return result.first() is not None

    def _choose(self) -> Columns:
        with reading(self._engine, self._source.name) as connection, self._result(connection) as result:
            names = list(dict.fromkeys(result.keys()))  # `SELECT *` of a join has its key twice
        return choose_columns(self._source, names, dated=True)

    def _complex_places(self, names: list[str], rows: Sequence[sa.Row[Any]]) -> Collection[int]:
        if self._complex is None:
            return frozenset()
        return self._complex.places(_columns(names, rows, self._complex.names), len(rows))

    def _raw(self, condition: Condition | None) -> RawCondition | None:
        """Take the types that the condition meets from the first rows."""
        if condition is None:
            return None
        with reading(self._engine, self._source.name) as connection, self._result(connection) as result:
            names, rows = list(result.keys()), result.fetchmany(_CHUNK)
        return RawCondition(condition, infer_types(_columns(names, rows, condition.names())))

    def _values(self, partition: date) -> dict[str, object]:
        start, end = (moment.replace(tzinfo=None) for moment in bounds(partition))
        if (
            self._engine.dialect.name == "sqlite"
        ):  # dates are text there: the shortest form sorts before any time of the day
            return {"partition": str(partition), "start": str(start.date()), "end": str(end.date())}
        return {"partition": partition, "start": start, "end": end}

    def _result(self, connection: sa.Connection) -> sa.CursorResult[Any]:
        """Run the query; nothing is fetched yet."""
        options = {"stream_results": True, "max_row_buffer": _AT_FIRST}
        return connection.execution_options(**options).execute(self._query, self._bound)

    def _plain(self, value: object) -> object:
        return cut(_plain(value), self._source.max_text_chars)


def _partitions(result: sa.CursorResult[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield the rows, some hundred at a time, fewer where they are long: a driver holds all that it fetches at once."""
    count = _AT_FIRST
    while rows := result.fetchmany(count):
        size = sum(map(chars_of, map(tuple, rows)))
        count = max(1, min(_CHUNK, 2 * count, count * CHUNK_CHARS // (size + 1)))
        yield rows


def _bound(names: Sequence[str]) -> str:
    if not names:
        return "nothing (what stands in quotes or comments is not bound)"
    return ", ".join(f":{name}" for name in names)


def _columns(
    names: Sequence[str], rows: Sequence[sa.Row[Any]], wanted: Sequence[str]
) -> dict[str, list[object]]:
    places = [(name, names.index(name)) for name in wanted]
    return {name: [_plain(row[place]) for row in rows] for name, place in places}


def _plain(value: object) -> object:
    """Return UUIDs as text and database buffers as bytes."""
    if isinstance(value, memoryview):
        return bytes(value)
    return str(value) if type(value).__name__ == "UUID" else value
