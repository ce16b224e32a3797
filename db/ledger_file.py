"""SQLite's file as a writer opened it: seen to be there still, the same and whole, before each of its transactions.

Whoever deletes, moves or replaces a file that is open leaves it to those who have it open: they would go on writing into nothing.
No file is opened here but by SQLite: closing one that SQLite has open too would drop its locks.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.errors import LedgerLost

BESIDE = ("-wal", "-shm")
MOST_CHECKED_BYTES = 32 * 2**20
"""A ledger up to this size is checked whole before a run says that it is completed; of a larger one, what the run wrote."""
_KEPT = (
    "what was published stays; what the ledger held, with all that was committed since, is in that file alone: "
    "put it back, or its last copy, and run the same command"
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGED_EXTENDED = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_READONLY_DBMOVED)
_SEEN = "breakeven_files"

Identity = tuple[int, int]
"""A file's device and number: what is under its name now is the same file, or another."""


class LedgerFile:
    """The file of one engine that writes: which one it was when it was first opened."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._opened: Identity | None = None
        self._filled = False

    def note(self) -> None:
        """Remember the file as it is now, if it is the first time; called right after SQLite opened it."""
        self._opened = self._opened or _identity(self.path)

    def check(self) -> None:
        """See that the file is there, the one that was opened first, and not emptied since. Raises `LedgerLost`."""
        if self._opened is None:
            return
        now = _identity(self.path)
        if now is None:
            what = "was deleted or moved away"
        elif now != self._opened:
            what = "was replaced by another file"
        else:
            filled = bool(self.path.stat().st_size)
            self._filled = self._filled or filled
            if filled or not self._filled:
                return
            what = "was emptied"
        msg = f"the ledger {self.path} {what} while it was in use: nothing more is written to it; {_KEPT}"
        raise LedgerLost(msg)

    def check_beside(self, connection: Connection) -> None:
        """See that the files that SQLite keeps beside it are those that the connection opened. Raises `LedgerLost`."""
        seen: dict[str, Identity] = connection.info.get(_SEEN, {})
        changed = [end for end, before in seen.items() if self._beside(end) != before]
        if not changed:
            return
        path = f"{self.path}{changed[0]}"
        if changed == ["-wal"] and _write_back(connection):
            kept = "what was committed by then has been written into the ledger itself and is kept"
        else:
            kept = "what was committed last may be lost: `breakeven ledger check` tells, and a copy of the ledger helps"
        msg = f"{path}, a part of the ledger, was deleted or replaced while it was in use: {kept}; run the same command again"
        raise LedgerLost(msg)

    def note_beside(self, connection: Connection) -> None:
        """Remember the files beside it that a transaction of the connection has opened; one has them open until it is closed."""
        seen: dict[str, Identity] = connection.info.setdefault(_SEEN, {})
        for end in BESIDE:
            if end not in seen and (found := self._beside(end)) is not None:
                seen[end] = found

    def _beside(self, end: str) -> Identity | None:
        return _identity(Path(f"{self.path}{end}"))


def describe_damage(error: DBAPIError) -> str | None:
    """Say that the ledger's file is damaged, and what is kept; None for any other error."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None or not (code & 0xFF in _DAMAGED or code in _DAMAGED_EXTENDED):
        return None
    return f"the ledger's file is damaged ({' '.join(str(error.orig).split())}): nothing more is written to it; {_KEPT}"


def check_small(session: Session) -> None:
    """Check a ledger of at most `MOST_CHECKED_BYTES` as a whole. Raises `LedgerLost`."""
    size = session.connection().exec_driver_sql(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    if int(size.scalar_one()) > MOST_CHECKED_BYTES:
        return
    found = str(session.connection().exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    if found != "ok":
        raise lost(" ".join(found.split()))


def lost(what: str) -> LedgerLost:
    """Make the error of a ledger that does not hold any more what was written to it."""
    return LedgerLost(f"the ledger is damaged ({what}): nothing more is written to it; {_KEPT}")


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_back(connection: Connection) -> bool:
    """Write what is committed into the main file, from the file of commits that this connection still has open."""
    raw: Any = connection.connection.dbapi_connection
    with suppress(sqlite3.Error):
        busy, pages, written = raw.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        return not busy and pages == written
    return False
