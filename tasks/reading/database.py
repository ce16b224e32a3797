"""The database that a query reads: opened so that it can change nothing, as far as a connection can be held to that."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from models.errors import InputError
from tasks.reading.longest import cut
from tasks.reading.source import Source

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

_BEFORE = {
    "postgresql": ("SET TRANSACTION READ ONLY", "SET TIME ZONE 'UTC'"),  # naive bounds and columns mean UTC
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY",),
}
"""What is said to a database before it is asked."""
_OF_INDEXES = "data_version"
"""The pragma that a full-text index of SQLite reads."""


def open_database(source: Source) -> sa.Engine:
    """Return the database of a source, which is not connected yet. Raises `InputError`."""
    given = source.query_url.get_secret_value() if source.query_url is not None else ""
    try:
        url = sa.make_url(given)
        if url.drivername in {"postgresql", "postgres"}:  # by the driver that is installed, as the ledger
            url = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
    except ImportError as error:
        msg = f"the driver of query_url {source.name} is not installed: {error}"
        raise InputError(msg) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        msg = f"query_url of {source.name} is no database URL that SQLAlchemy can open"
        raise InputError(msg) from error
    if engine.dialect.name == "sqlite":
        limit = source.max_text_chars
        sa.event.listen(engine, "connect", lambda connection, entry: _only_read(connection, entry, limit))
    if engine.dialect.driver == "psycopg":
        sa.event.listen(engine, "connect", lambda connection, _: _forgive_dates(connection))
    return engine


@contextmanager
def reading(engine: sa.Engine, name: str) -> Iterator[sa.Connection]:
    """Connect for reading alone; `name` is the database's, for messages. Raises `InputError` for what it refuses."""
    try:
        with engine.connect() as connection:
            for statement in _BEFORE.get(engine.dialect.name, ()):
                connection.execute(sa.text(statement))
            yield connection
    except (SQLAlchemyError, ValueError, OverflowError) as error:
        reason = next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)
        msg = f"the query on {name} failed: {reason}"
        raise InputError(msg) from error


def _only_read(connection: "DBAPIConnection", _entry: "ConnectionPoolEntry", limit: int) -> None:
    """Have SQLite write nothing, open no other file, and hand out text that is not UTF-8, of a long text the beginning.

    So one bad row does not fail the query.
    """
    connection.text_factory = lambda raw: _text(raw, limit)
    connection.execute("PRAGMA query_only = ON")
    connection.set_authorizer(_permit)


def _text(raw: bytes, limit: int) -> object:
    some = cut(raw, limit)
    return some.decode("utf-8", "surrogateescape") if isinstance(some, bytes) else some


def _permit(action: int, name: str | None, function: str | None, *_: object) -> int:
    """Say whether SQLite may do something that a statement asks for."""
    refused = (
        action in {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
        or (action == sqlite3.SQLITE_PRAGMA and name != _OF_INDEXES)
        or (action == sqlite3.SQLITE_FUNCTION and function == "load_extension")
    )
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK


def _forgive_dates(connection: "DBAPIConnection") -> None:
    """Have psycopg hand out NULL for what Python has no date or time for: infinity, the year 10000, 24:00."""
    types = import_module("psycopg.types.datetime")  # only where there is a PostgreSQL to read
    for name in ("Date", "Time", "Timetz", "Timestamp", "Timestamptz"):
        loader = getattr(types, f"{name}Loader")
        forgiving = type(loader.__name__, (loader,), {"load": _or_none(loader.load, types.DataError)})
        connection.adapters.register_loader(name.lower(), forgiving)


def _or_none(load: Callable[[Any, Any], object], error: type[Exception]) -> Callable[[Any, Any], object]:
    def wrapped(loader: object, data: object) -> object:
        try:
            return load(loader, data)
        except error:
            return None

    return wrapped
