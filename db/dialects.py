"""The few statements that SQLAlchemy spells differently for SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from db.base import Base
from db.sqlite import file_of, file_system_time


def is_postgresql(session: Session) -> bool:
    """Whether the session talks to PostgreSQL (otherwise to SQLite)."""
    return session.get_bind().dialect.name == "postgresql"


def execute_change(session: Session, statement: Executable, values: Mapping[str, Any] | None = None) -> int:
    """Execute an UPDATE or DELETE, with these values bound, and return how many rows it changed."""
    result = session.execute(statement, values)
    return result.rowcount if isinstance(result, CursorResult) else 0


def insert_new(session: Session, row: type[Base], values: Mapping[str, Any], key: Sequence[str]) -> bool:
    """Insert a row unless the columns `key` are taken. True if it was inserted.

    On PostgreSQL this waits for a transaction that is inserting the same key.
    """
    statement = _insert_new(row, tuple(key), on_postgresql=is_postgresql(session))
    return session.execute(statement, values).first() is not None


@cache
def _insert_new(row: type[Base], key: tuple[str, ...], *, on_postgresql: bool) -> Executable:
    """Build it once: each commit registers its part."""
    table: Table = row.metadata.tables[row.__tablename__]
    build = postgresql.insert if on_postgresql else sqlite.insert
    # a returned row says it; the row count does not, once SQLAlchemy asks for the new key by itself
    return build(table).on_conflict_do_nothing(index_elements=key).returning(table.c[key[0]])


def insert_all_new(
    session: Session, row: type[Base], values: Sequence[Mapping[str, Any]], key: Sequence[str]
) -> None:
    """Insert rows, without those whose columns `key` are taken."""
    if values:
        table: Table = row.metadata.tables[row.__tablename__]
        build = postgresql.insert if is_postgresql(session) else sqlite.insert
        session.execute(build(table).on_conflict_do_nothing(index_elements=key), list(values))


def clock(session: Session) -> datetime:
    """Return the time that is the same for all who share the database.

    On PostgreSQL it is the server's; on SQLite that of the file system on which the ledger lies, which is a server's
    where several machines use it.
    """
    if not is_postgresql(session):
        return file_system_time(file_of(session.get_bind().engine))
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def day_text(session: Session, day: ColumnElement[date], *, days: bool) -> ColumnElement[str]:
    """Write a day as `2026-11-24`, or as its month `2026-11`."""
    if is_postgresql(session):
        return func.to_char(day, "YYYY-MM-DD" if days else "YYYY-MM")
    return func.strftime("%Y-%m-%d" if days else "%Y-%m", day)
