"""A ledger that cannot be used, for whatever cause: one line and a code, for commands that read and for those that write."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

import cli
from db import sqlite
from tests.ledgers import Postgres, new_sqlite

COMMANDS = (
    "doctor",
    "ledger runs",
    "ledger check",
    "ledger prices",
    "ledger archive --older-than 12 --yes",
    "infrastructure list",
    "infrastructure bill --month 2026-01 --usd 3",
    "infrastructure end --kind A10G --from 2026-01-01",
    "backfill sentiment --from 2026-11-01 --to 2026-11-02 --input in.csv --quote",
    "collect",
    "run sentiment --date 2026-11-01 --input in.csv",
)
URLS = {
    "another database": "mysql://ann:hush@host/ledger",
    "no URL": "postgres//ann:hush@host/ledger",
    "a port that is none": "postgresql://ann:hush@host:port/ledger",
    "nobody listens": "postgresql://ann:hush@127.0.0.1:1/ledger",
    "the password in the query": "postgresql://ann@127.0.0.1:1/ledger?password=hush",
    "no such host": "postgresql://ann:hush@no-such-host.invalid/ledger",
    "an option that there is not": "postgresql://ann:hush@127.0.0.1:1/ledger?colour=red",
    "in memory": "sqlite://",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with an input; nothing waits for long."""
    (tmp_path / "in.csv").write_text("id,text,date\n1,hello,2026-11-01\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_MEMO_STORE_PATH", str(tmp_path / "prefect" / "memo.toml"))
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(Path(cli.__file__).parent / ".cache"))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0)
    monkeypatch.setattr("db.session.SQLITE_OPTIONS", {"timeout": 0})
    return tmp_path


def said_of(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail; return the one line that it prints, without a password."""
    with pytest.raises(SystemExit) as end:
        cli.main(command.split())
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    assert "hush" not in said.err + said.out
    if command == "doctor":
        assert end.value.code == 1
        return said.out
    assert end.value.code in {1, 2}
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_url_that_leads_nowhere(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every command says so in one line, and none shows the password."""
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", url)
    for command in FAST:
        assert said_of(command, capfd)


FAST = tuple(command for command in COMMANDS if not command.startswith(("doctor", "collect", "run ")))
"""Commands that start no Prefect server."""


def no_database(path: Path) -> None:
    """Put a text where the ledger should be."""
    path.write_text("this is no database, but a text of some length " * 40, encoding="utf-8")


def cut_off(path: Path) -> None:
    """Leave the first half of a ledger's pages."""
    new_sqlite(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def newer(path: Path) -> None:
    """Make a ledger that a newer program has updated."""
    new_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


@pytest.mark.parametrize("make", [no_database, Path.mkdir, newer])
def test_a_file_that_is_no_ledger(
    make: Callable[[Path], None],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A text, a folder, a ledger of a newer program: one line each, and what is there stays as it is."""
    path = folder / "ledger.db"
    make(path)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{path}")
    for command in FAST:
        assert said_of(command, capfd)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a ledger's write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_a_ledger_that_another_process_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Reading goes on; writing says in one line that the database is locked."""
    path = folder / "ledger.db"
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", new_sqlite(path))
    with locked(path):
        with pytest.raises(SystemExit) as end:
            cli.main(["ledger", "runs"])
        assert not end.value.code
        capfd.readouterr()
        assert "database is locked" in said_of("infrastructure bill --month 2026-01 --usd 3", capfd)


def test_a_server_that_ends_the_connection(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A database that was dropped is one line; so is one that takes no connections."""
    url = postgres.migrated()
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", url)
    plain = make_url(url).set(drivername="postgresql")
    with psycopg.connect(
        plain.set(database="postgres").render_as_string(hide_password=False), autocommit=True
    ) as admin:
        admin.execute(f"ALTER DATABASE {plain.database} ALLOW_CONNECTIONS false".encode())
        for command in FAST:
            assert said_of(command, capfd)
        admin.execute(f"DROP DATABASE {plain.database} WITH (FORCE)".encode())
        for command in FAST:
            assert "does not exist" in said_of(command, capfd)
