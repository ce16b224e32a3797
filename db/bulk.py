"""Writing many ledger lines at once: by COPY on PostgreSQL, by statements of many rows on SQLite."""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.columns import Key
from db.dialects import is_postgresql
from db.tables import LedgerLineRow as Line
from models.ledger.line import LedgerLine

COLUMNS = tuple(column.key for column in Line.__table__.columns)

_TYPES = tuple(column.type for column in Line.__table__.columns)
_COPY = f"COPY ledger_lines ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
# For each statement SQLite builds the checks' lists of words anew: row by row that takes twice the time.
_BOUND = 999  # values in a statement, which any SQLite takes
_KEYS = {column.key for column in Line.__table__.columns if isinstance(column.type, Key)}
_values: Callable[[LedgerLine], tuple[Any, ...]] = attrgetter(*COLUMNS)


def insert(session: Session, lines: Sequence[LedgerLine]) -> None:
    """Insert lines in the session's transaction. Nothing else is written; see `db.ledger.insert_lines`."""
    session.flush()
    if is_postgresql(session):
        _copy(session, lines)
        return
    connection = session.connection()
    columns = _for_sqlite(lines)
    names, rows = tuple(columns), [*zip(*columns.values(), strict=True)]
    at_once = _BOUND // len(names)
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        connection.exec_driver_sql(_insert(names, len(some)), tuple(chain.from_iterable(some)))


@lru_cache(maxsize=64)
def _insert(names: Sequence[str], rows: int) -> str:
    values = ", ".join([f"({', '.join('?' * len(names))})"] * rows)
    return f"INSERT INTO ledger_lines ({', '.join(names)}) VALUES {values}"  # noqa: S608 - our own names


def _for_sqlite(lines: Sequence[LedgerLine]) -> dict[str, Sequence[Any]]:
    """Return lines as columns of what is stored, without those that none fills: each value that is bound takes time.

    Done value by value by the column types that costs thrice the insert.
    """
    columns: dict[str, Sequence[Any]] = {
        name: column
        for name, column in zip(LedgerLine._fields, zip(*lines, strict=True), strict=True)
        if column.count(None) < len(column)
    }
    for name in _KEYS & columns.keys():
        columns[name] = [None if key is None else key.bytes for key in columns[name]]
    columns["at"] = [
        at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") for at in columns["at"]
    ]
    return columns


def _copy(session: Session, lines: Sequence[LedgerLine]) -> None:
    """COPY in the session's own transaction; errors become what SQLAlchemy would have made of them."""
    connection = session.connection()
    driver, dialect = connection.connection.driver_connection, connection.dialect
    if not isinstance(driver, psycopg.Connection):
        msg = f"expected psycopg's connection, got {type(driver).__name__}"
        raise TypeError(msg)
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types([type_.compile(dialect).lower() for type_ in _TYPES])
            for line in lines:
                copy.write_row(_values(line))
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            _COPY, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=driver.closed
        ) from error
