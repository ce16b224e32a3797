"""Writing many ledger lines at once: by COPY on PostgreSQL, by statements of many rows on SQLite."""

from collections.abc import Callable, Iterable, Sequence
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
_FIELDS = LedgerLine._fields
_KEYS = tuple(place for place, name in enumerate(_FIELDS) if isinstance(Line.__table__.c[name].type, Key))
_AT = _FIELDS.index("at")
_values: Callable[[LedgerLine], tuple[Any, ...]] = attrgetter(*COLUMNS)


def insert(session: Session, lines: Sequence[LedgerLine]) -> None:
    """Insert lines in the session's transaction. Nothing else is written; see `db.ledger.insert_lines`."""
    session.flush()
    if is_postgresql(session):
        _copy(session, lines)
        return
    connection = session.connection()
    stored = _for_sqlite(lines)
    for first in range(0, len(lines), _ROWS):
        rows = stored[first : first + _ROWS]
        connection.exec_driver_sql(_insert(len(rows)), tuple(chain.from_iterable(rows)))


@cache
def _insert(rows: int) -> str:
    values = ", ".join([f"({', '.join('?' * len(_FIELDS))})"] * rows)
    return f"INSERT INTO ledger_lines ({', '.join(_FIELDS)}) VALUES {values}"  # noqa: S608 - our own names


def _for_sqlite(lines: Sequence[LedgerLine]) -> list[tuple[Any, ...]]:
    """Return lines as rows of what the column types store; done value by value that costs thrice the insert."""
    columns: list[Iterable[Any]] = [*zip(*lines, strict=True)]
    for place in _KEYS:
        columns[place] = [None if key is None else key.bytes for key in columns[place]]
    columns[_AT] = [
        at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") for at in columns[_AT]
    ]
    return [*zip(*columns, strict=True)]


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
