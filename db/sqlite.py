"""What SQLite needs to be told: durability, foreign keys, and when a transaction begins."""

import os
import sqlite3
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from db.ledger_file import LedgerFile
from models.errors import UsageError
from models.private_files import create_file, make_folder

BUSY_SECONDS = 10
READER = "breakeven_reader"
SAME_CLOCK = timedelta(seconds=2)


def file_system_time(path: Path) -> datetime:
    """Return the time of the file system on which a file lies, which a file server has of its own.

    Where a file system sets no time on demand, a new file's is taken; where none can be made, this machine's.
    """
    own = datetime.now(UTC)
    try:
        os.utime(path)
        found = _changed_at(path)
        if abs(found - own) > SAME_CLOCK:
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".breakeven-clock-") as fresh:
                found = _changed_at(Path(fresh.name))
    except OSError:
        return own
    return found


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime_ns // 1000 / 1_000_000, UTC)


def listen(engine: Engine, *, writes: bool) -> None:
    """Prepare every new connection and transaction of the engine; one that writes keeps an eye on its file."""
    event.listen(engine, "connect", _prepare)
    if not writes:
        event.listen(engine, "begin", lambda connection: _begin(connection, None))
        return
    file = LedgerFile(file_of(engine))
    event.listen(engine, "do_connect", lambda *_: file.check())  # SQLite would make a new file
    event.listen(engine, "connect", lambda *_: file.note())
    event.listen(engine, "begin", lambda connection: _begin(connection, file))


def file_of(engine: Engine) -> Path:
    """Return the path of the database file."""
    return Path(engine.url.database or "")


def has_file(engine: Engine) -> bool:
    """Whether the database file is there. Raises `UsageError` where a folder is in its place."""
    path = file_of(engine)
    if path.is_dir():
        msg = f"the ledger {path} is a folder: give the path of a file, such as sqlite:///breakeven.db"
        raise UsageError(msg)
    return path.is_file()


def prepare_file(engine: Engine) -> None:
    """Create the file's folder and the file, for this user alone, and switch it to WAL. Raises `UsageError`.

    A file that is there keeps its mode; what SQLite lays beside it gets the same.
    """
    path = Path(
        os.path.realpath(file_of(engine))
    )  # the file that a link leads to is made, not one in its place
    try:
        make_folder(path.parent)
    except OSError as error:
        msg = f"cannot create the folder of the ledger, {path.parent}: {error.strerror}"
        raise UsageError(msg) from error
    with suppress(OSError):  # it is there, or SQLite says why it cannot be
        create_file(path).close()
    until = time.monotonic() + BUSY_SECONDS
    while not _in_wal(engine, last_try=time.monotonic() > until):
        time.sleep(0.05)


def _in_wal(engine: Engine, *, last_try: bool) -> bool:
    """Switch to WAL; False while another process does, since SQLite does not wait for that by itself."""
    try:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY and not last_try:
            return False
        msg = f"cannot open the ledger {file_of(engine)}: {error}"
        raise UsageError(msg) from error
    return True


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, nowhere else
    for setting in ("foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection, file: LedgerFile | None) -> None:
    # A transaction that reads before it writes would fail at once, without waiting, when another
    # writer came in between; so a writer takes the lock at its start.
    reads = connection.get_execution_options().get(READER, False)
    if reads or file is None:
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
        return
    file.check()
    file.check_beside(connection)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    file.note_beside(connection)
