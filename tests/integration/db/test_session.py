"""The database is found where its URL says, and retried when it should be."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from db import leases, parts
from db.ledger import insert_lines
from db.session import (
    is_disconnect,
    make_engine,
    migrate,
    readers,
    require_migrated,
    sessions,
)
from db.tables import LeaseRow
from models.errors import DatabaseUnavailable, UsageError
from models.ids import new_id
from tests.integration.db.ledger_lines import DAY, Keys, line
from tests.ledger_lines import sum_lines


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not one; use for example"),
        ("", "not one; use for example"),
        ("postgresql://user:secret@host:port/db", "not one; use for example"),
        ("mysql://user:secret@host/db", "cannot be kept in 'mysql'"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///file:x?uri=true", "needs a file"),
    ],
)
def test_bad_urls_are_usage_errors(url: str, message: str) -> None:
    """A bad URL is one line that helps and holds no password."""
    with pytest.raises(UsageError, match=message) as caught:
        make_engine(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_paths_that_cannot_be_used_are_usage_errors(tmp_path: Path) -> None:
    """A file in the folder's place, a folder in the file's place, and a file of another kind."""
    (tmp_path / "file").write_text("this is no database, but a text of some length " * 40)
    (tmp_path / "folder").mkdir()
    for place in ("file/ledger.db", "folder", "file"):
        engine = make_engine(f"sqlite:///{tmp_path / place}")
        with pytest.raises(UsageError) as caught:
            migrate(engine)
        assert "\n" not in str(caught.value)
        engine.dispose()


def test_the_folder_of_the_ledger_is_created(tmp_path: Path) -> None:
    """`sqlite:///some/new/folder/ledger.db` works."""
    engine = make_engine(f"sqlite:///{tmp_path / 'some' / 'new' / 'ledger.db'}")
    migrate(engine)
    require_migrated(engine)
    engine.dispose()


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    """A refused connection is our error, in one line, without the password."""
    engine = make_engine("postgresql://user:secret@127.0.0.1:1/db")
    for attempt in (migrate, require_migrated):
        with pytest.raises(DatabaseUnavailable) as caught:
            attempt(engine)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)


def test_sqlite_is_durable_and_checks_keys(tmp_path: Path) -> None:
    """WAL, full synchronisation, foreign keys and a patience for locks are on in every connection."""
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(engine)
    with sessions(engine)() as session:
        found = [
            session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 2, 1, 10_000]
    engine.dispose()


def test_readers_and_a_writer_do_not_wait_for_each_other(
    engine: Engine, make_session: sessionmaker[Session]
) -> None:
    """While one session writes another reads what was committed, and while one reads another writes."""
    with make_session.begin() as session:
        leases.acquire(session, "sentiment", DAY, "a", 60, lambda _: False)
        with readers(engine)() as reader:
            assert reader.scalars(select(LeaseRow.epoch)).all() == []
    with readers(engine)() as reader:
        assert reader.scalars(select(LeaseRow.epoch)).all() == [1]
        with make_session.begin() as session:
            leases.acquire(session, "enrichment", DAY, "a", 60, lambda _: False)


def test_writers_wait_their_turn(make_session: sessionmaker[Session], keys: Keys) -> None:
    """Four threads that read and then write, many times over, all succeed and lose nothing."""
    failed: list[BaseException] = []

    def write(name: int) -> None:
        try:
            for n in range(15):
                with make_session.begin() as session:
                    sum_lines(session, keys.run)
                    parts.register(
                        session, parts.Part(new_id(), keys.version, keys.run, f"{name}-{n}", 1, n, n)
                    )
                    insert_lines(session, [line(keys, f"{name}-{n}")])
        except DBAPIError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    with make_session.begin() as session:
        assert (
            sum_lines(session, keys.run).attempts == len(parts.list_registered(session, keys.version)) == 60
        )


def test_a_locked_sqlite_file_is_worth_another_try(tmp_path: Path) -> None:
    """SQLite's "database is locked" is transient."""
    path = tmp_path / "ledger.db"
    engine = make_engine(f"sqlite:///{path}?timeout=0.1")
    migrate(engine)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with sessions(engine)() as session, pytest.raises(OperationalError) as caught:
        session.execute(select(LeaseRow.epoch))
    assert is_disconnect(caught.value)
    holder.close()
    engine.dispose()


@pytest.mark.parametrize("during_copy", [False, True])
def test_a_lost_postgresql_connection_is_worth_another_try(
    make_postgres_url: Callable[[], str], keys_of: Callable[[Engine], Keys], *, during_copy: bool
) -> None:
    """The server ends the connection (as a restart does): the error is transient, a new session works."""
    engine = make_engine(make_postgres_url())
    migrate(engine)
    keys = keys_of(engine)
    make_session = sessions(engine)
    with make_session() as session:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(
            engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        ) as killer:
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(DBAPIError) as caught:
            insert_lines(session, [line(keys)]) if during_copy else session.execute(select(LeaseRow.epoch))
    assert is_disconnect(caught.value)
    with make_session.begin() as session:
        insert_lines(session, [line(keys)])
    with make_session.begin() as session:
        assert sum_lines(session, keys.run).attempts == 1
    engine.dispose()


def test_mistakes_are_not_worth_another_try(make_session: sessionmaker[Session], keys: Keys) -> None:
    """A broken rule, a broken statement and a foreign exception stay what they are."""
    with pytest.raises(IntegrityError) as caught, make_session.begin() as session:
        insert_lines(session, [line(keys, "a"), line(keys, "a")])
    assert not is_disconnect(caught.value)
    with pytest.raises(DBAPIError) as broken, make_session.begin() as session:
        session.execute(text("SELECT * FROM nowhere"))
    assert not is_disconnect(broken.value)
    assert not is_disconnect(ValueError("locked"))
    assert is_disconnect(PoolTimeout())


def test_errors_show_no_values(make_session: sessionmaker[Session], keys: Keys) -> None:
    """What a failed statement tried to store does not reach logs."""
    with pytest.raises(IntegrityError) as caught, make_session.begin() as session:
        session.execute(
            text("INSERT INTO parts (id, file_name) VALUES (NULL, :name)"), {"name": f"private {keys.run}"}
        )
    assert "private" not in str(caught.value).split("DETAIL")[0]


def test_times_are_aware(make_session: sessionmaker[Session]) -> None:
    """Both databases return UTC with its zone."""
    with make_session.begin() as session:
        leases.acquire(session, "sentiment", DAY, "a", 0, lambda _: False)
        (found,) = session.execute(select(LeaseRow.expires_at)).one()
    assert found.tzinfo is UTC
    assert abs((datetime.now(UTC) - found).total_seconds()) < 60
