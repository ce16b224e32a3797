"""Engines, sessions and migrations of the ledger, and which failures are worth a second try."""

import sqlite3
from functools import cache
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from db import sqlite
from models.errors import BreakevenError, DatabaseUnavailable, UsageError

EXAMPLES = "sqlite:///breakeven.db or postgresql://user@host/database"
# What PostgreSQL says while it restarts, is out of connections, or chose us as a deadlock's victim.
PASSING_SQLSTATES = ("08", "40", "53", "57P", "55P03")
PASSING_SQLITE_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
SQLITE_OPTIONS: dict[str, Any] = {"timeout": sqlite.BUSY_SECONDS}
POSTGRES_OPTIONS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "tcp_user_timeout": 60_000,  # a commit on a dead line fails after a minute instead of hanging
    "application_name": "breakeven",
}
NO_RIGHT = ("42501", "3F000")  # no privilege; no schema in which this role may create
READ_ONLY_SQLSTATE = "25006"
GRANTS = "the statements that grant it: docs/ledger.md, Roles"
MIGRATION_LOCK = 0x6272656B  # any number that no other program of the same database uses
BEFORE_RELEASES = tuple(f"{number:04}" for number in range(1, 9))  # revisions of the time before 0.1.0


def make_engine(url: str) -> Engine:
    """Make the engine for a SQLAlchemy URL; nothing is opened or created yet.

    Raises `UsageError` for a URL that is no SQLite file and no PostgreSQL database. Where SQLite's file is deleted, replaced
    or emptied while it is in use, each of its transactions that write raises `LedgerLost`.
    """
    return _make(url, writes=True)


def _make(url: str, *, writes: bool) -> Engine:
    parsed = _parse(url)
    if parsed.drivername == "sqlite":
        engine = create_engine(parsed, hide_parameters=True, connect_args=_options(parsed, SQLITE_OPTIONS))
        sqlite.listen(engine, writes=writes)
        return engine
    options = _options(parsed, POSTGRES_OPTIONS)
    return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=options)


def make_reading_engine(url: str) -> Engine:
    """Make an engine as `make_engine` does, on whose connections the database itself refuses every write.

    A transaction sees the ledger as it is at its first statement, whatever others commit meanwhile.
    """
    engine = _make(url, writes=False)
    event.listen(engine, "connect", _refuse_writes)
    return engine


def sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions that write. On SQLite each takes the write lock with its first statement.

    Keep their transactions short; a writer that has to wait more than 10 s for another one fails with
    an error for which `is_disconnect` is true.
    """
    return sessionmaker(engine, expire_on_commit=False)


def readers(engine: Engine) -> sessionmaker[Session]:
    """Sessions that only read. They never wait for a writer and never hold one up."""
    return sessionmaker(engine.execution_options(**{sqlite.READER: True}), expire_on_commit=False)


def is_disconnect(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is tried again, in a new session.

    True for a lost or refused connection, a restarting server, a deadlock's victim, a pool without a
    free connection, and SQLite's "database is locked". Catch `DBAPIError` (its subclasses are what
    statements and commits raise) and ask this. After a lost connection nobody knows whether the
    commit took place: `parts.register` tells, it returns False for a part that was there already.
    """
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in PASSING_SQLITE_CODES  # the low byte is the kind of the extended code
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(PASSING_SQLSTATES)
    return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"


def explain_refusal(error: DBAPIError) -> str | None:
    """Say why the database refuses this role, or every writer, and what to do; None for any other error."""
    said = " ".join(str(error.orig).split()).partition(" LINE 1: ")[0]
    state = getattr(error.orig, "sqlstate", None)
    if state in NO_RIGHT:
        return f"{said}: this role has no right to do that; {GRANTS}"
    code = getattr(error.orig, "sqlite_errorcode", None)
    if state == READ_ONLY_SQLSTATE:
        return f"{said}: it can be read, but not written from here"
    if code is not None and code & 0xFF in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
        return f"{said}: also to read a ledger, SQLite needs the right to write to its file and its folder"
    return None


def migrate(engine: Engine) -> None:
    """Create or update the tables. Safe to repeat, and safe in several processes at once.

    Raises `UsageError` for a path that cannot be used or a ledger that this program does not know, and
    `DatabaseUnavailable` for a server that does not answer.
    """
    try:
        if engine.dialect.name == "sqlite":
            sqlite.prepare_file(engine)
        if is_current(engine):
            return
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            command.upgrade(alembic_config(connection), "head")
    except DBAPIError as error:
        raise _cannot_use(engine, error) from error


def require_migrated(engine: Engine) -> None:
    """Check that there is a ledger to read; creates nothing.

    Raises `UsageError` where there is none yet or it is of another version, `DatabaseUnavailable` for
    a server that does not answer.
    """
    missing = f"no ledger at {_display(engine)}: run a workload first (breakeven run …)"
    if engine.dialect.name == "sqlite" and not sqlite.has_file(engine):
        raise UsageError(missing)
    try:
        found = _revision(engine)
    except DBAPIError as error:
        raise _cannot_use(engine, error) from error
    if found is None:
        raise UsageError(missing)
    if found != _newest():
        msg = f"the ledger at {_display(engine)} is of an older version: the next breakeven run updates it"
        raise UsageError(msg)


def has_ledger(engine: Engine) -> bool:
    """Whether there is a ledger, of whatever version; creates nothing.

    Raises `DatabaseUnavailable` for a server that does not answer, `UsageError` for a ledger that this program
    does not know.
    """
    if engine.dialect.name == "sqlite" and not sqlite.has_file(engine):
        return False
    try:
        return _revision(engine) is not None
    except DBAPIError as error:
        raise _cannot_use(engine, error) from error


def is_current(engine: Engine) -> bool:
    """Whether the ledger is of this program's version. Raises `UsageError` for one that it does not know."""
    return _revision(engine) == _newest()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file: it works from an installed package, in any folder."""
    settings = Config()
    settings.set_main_option("script_location", "db:migrations")
    settings.attributes["connection"] = connection
    return settings


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        msg = f"the database URL is not one; use for example {EXAMPLES}"
        raise UsageError(msg) from None
    backend = parsed.drivername.partition("+")[0]
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        msg = f"the ledger cannot be kept in {backend!r}; use for example {EXAMPLES}"
        raise UsageError(msg)
    if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
        msg = "the ledger needs a file that stays; use for example sqlite:///breakeven.db"
        raise UsageError(msg)
    return parsed.set(drivername="sqlite")


def _options(url: URL, defaults: dict[str, Any]) -> dict[str, Any]:
    """Take our defaults where the URL's own query says nothing."""
    return {name: value for name, value in defaults.items() if name not in url.query}


def _refuse_writes(connection: sqlite3.Connection | psycopg.Connection, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA query_only=ON")
    else:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ


def _revision(engine: Engine) -> str | None:
    with readers(engine)() as session:
        found = MigrationContext.configure(session.connection()).get_current_heads()
    if unknown := sorted(set(found).difference(_revisions())):
        if unknown[0] in BEFORE_RELEASES:
            msg = (
                f"the ledger at {_display(engine)} was made before release 0.1.0 and cannot be updated; "
                "set BREAKEVEN_DATABASE_URL to another database, or move this one away"
            )
        else:
            msg = f"the ledger at {_display(engine)} was made by a newer version of breakeven; update the program"
        raise UsageError(msg)
    return found[0] if found else None


def _newest() -> str:
    return _revisions()[0]


@cache
def _revisions() -> tuple[str, ...]:
    """Return the revisions that this program knows, the newest first. They are files: read once."""
    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    return tuple(script.revision for script in scripts)


def _display(engine: Engine) -> str:
    return engine.url.difference_update_query(["password", "sslpassword"]).render_as_string(
        hide_password=True
    )


def _cannot_use(engine: Engine, error: DBAPIError) -> BreakevenError:
    why = explain_refusal(error) or " ".join(str(error.orig).split())
    kind = DatabaseUnavailable if is_disconnect(error) else UsageError
    return kind(f"cannot use the database {_display(engine)}: {why}")
