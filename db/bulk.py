"""Writing many ledger lines at once: by COPY on PostgreSQL, by statements of many rows on SQLite."""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import cache
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
_ROWS = 999 // len(COLUMNS)  # 999 bound values are what any SQLite takes
_KEYS = tuple(place for place, type_ in enumerate(_TYPES) if isinstance(type_, Key))
_AT = COLUMNS.index("at")
_values: Callable[[LedgerLine], tuple[Any, ...]] = attrgetter(*COLUMNS)


def insert(session: Session, lines: Sequence[LedgerLine]) -> None:
    """Insert lines in the session's transaction. Nothing else is written; see `db.ledger.insert_lines`."""
    session.flush()
    if is_postgresql(session):
        _copy(session, lines)
        return
    connection = session.connection()
    for first in range(0, len(lines), _ROWS):
        rows = [_for_sqlite(line) for line in lines[first : first + _ROWS]]
        connection.exec_driver_sql(_insert(len(rows)), tuple(chain.from_iterable(rows)))


@cache
def _insert(rows: int) -> str:
    values = ", ".join([f"({', '.join('?' * len(COLUMNS))})"] * rows)
    return f"INSERT INTO ledger_lines ({', '.join(COLUMNS)}) VALUES {values}"  # noqa: S608 - our own names


def _for_sqlite(line: LedgerLine) -> tuple[Any, ...]:
    """Return a line's values as the column types store them; done value by value they cost thrice the insert."""
    values = list(_values(line))
    values[_AT] = line.at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    for place in _KEYS:
        if (key := values[place]) is not None:
            values[place] = key.bytes
    return tuple(values)


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
