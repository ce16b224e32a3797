"""Records on their way to the API: on disk, so that a million of them hold no memory."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

from models.records import Escalated, EscalationReason, Record

SCHEMA = """
CREATE TABLE waiting (
    key TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, id TEXT NOT NULL, text TEXT NOT NULL,
    reason TEXT NOT NULL, attempts INTEGER NOT NULL, durable INTEGER NOT NULL, state TEXT NOT NULL,
    failures INTEGER NOT NULL, correction TEXT
) WITHOUT ROWID;
CREATE INDEX waiting_state ON waiting (state);
CREATE TABLE asked (digest BLOB PRIMARY KEY) WITHOUT ROWID;
"""
QUEUED = "queued"
TAKEN = "taken"
IN_BATCH = "batch"
AT_ONCE = "at_once"
UNAVAILABLE = "api_unavailable"
HELD = "held"
_LOOKUP = 900  # bound parameters of one look-up
_COLUMNS = "key, ordinal, id, text, reason, attempts, failures, correction"


class EscalationQueue:
    """The escalated records of one run that are not done, each in one state.

    `queued`: the API may be asked. `taken`: it is being asked. `at_once`: it may be asked, but not in a
    batch any more. `held`: its answer does not fit, and no other does so far. Any other state is the reason why the record stays for a later run (`budget`, `batch`,
    …). Lives in the run's scratch file; for one thread at a time.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def put(self, escalated: Escalated, *, durable: bool, state: str = QUEUED) -> None:
        """Add a record, or say anew how many attempts it had. `durable`: a registered part holds it."""
        record = escalated.record
        self._db.execute(
            "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "attempts = max(attempts, excluded.attempts), durable = max(durable, excluded.durable), "
            "reason = excluded.reason, state = excluded.state, failures = max(failures, excluded.failures), "
            "correction = coalesce(excluded.correction, correction)",
            (
                record.key,
                record.ordinal,
                record.id,
                record.text,
                escalated.reason,
                escalated.attempts,
                durable,
                state,
                escalated.failures,
                escalated.correction,
            ),
        )

    def take(self, limit: int) -> list[Escalated]:
        """Take queued records, in no order that matters; they are `taken` then."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM waiting WHERE state = ? LIMIT ?",  # noqa: S608 - our own names
            (QUEUED, limit),
        ).fetchall()
        marks = ((TAKEN, row[0]) for row in rows)
        self._db.executemany("UPDATE waiting SET state = ? WHERE key = ?", marks)
        return [_escalated(row) for row in rows]

    def get(self, key: str) -> Escalated | None:
        """Return a record that waits, if it does."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM waiting WHERE key = ?",  # noqa: S608 - our own names
            (key,),
        ).fetchone()
        return None if row is None else _escalated(row)

    def set_state(self, key: str, state: str) -> None:
        """Set the state of a record."""
        self._db.execute("UPDATE waiting SET state = ? WHERE key = ?", (state, key))

    def requeue_after(self, key: str, attempts: int, state: str = QUEUED) -> None:
        """Queue a record again whose attempt, the `attempts`-th of it, served nobody."""
        self._db.execute(
            "UPDATE waiting SET state = ?, attempts = max(attempts, ?) WHERE key = ?", (state, attempts, key)
        )

    def note_attempts(self, key: str, attempts: int) -> None:
        """Note that a record has had so many attempts, so that the next one gets a number of its own."""
        self._db.execute("UPDATE waiting SET attempts = max(attempts, ?) WHERE key = ?", (attempts, key))

    def note_failures(self, key: str, failures: int) -> None:
        """Note how many attempts of a record gave nothing usable on its own account."""
        self._db.execute("UPDATE waiting SET failures = ? WHERE key = ?", (failures, key))

    def used_up(self, limit: int) -> list[str]:
        """Return the records that may be asked for, or were in vain, and have had so many failures.

        None while another one was given back unanswered without a failure of its own: then the endpoint is at fault.
        """
        untried = self._db.execute(
            "SELECT 1 FROM waiting WHERE state = ? AND failures = 0 LIMIT 1", (UNAVAILABLE,)
        ).fetchone()
        if untried is not None:
            return []
        rows = self._db.execute(
            "SELECT key FROM waiting WHERE failures >= ? AND state IN (?, ?, ?)",
            (limit, QUEUED, AT_ONCE, UNAVAILABLE),
        )
        return [key for (key,) in rows]

    def requeue(self, *states: str) -> None:
        """Queue the records in these states (none given: all) again."""
        if not states:
            self._db.execute("UPDATE waiting SET state = ?", (QUEUED,))
        for state in states:
            self._db.execute("UPDATE waiting SET state = ? WHERE state = ?", (QUEUED, state))

    def defer_queued(self, state: str, key: str | None = None) -> None:
        """Put every queued record, or the one with this key if it is queued, into this state."""
        one = "" if key is None else " AND key = ?"
        values = (state, QUEUED) if key is None else (state, QUEUED, key)
        self._db.execute(f"UPDATE waiting SET state = ? WHERE state = ?{one}", values)  # noqa: S608

    def mark_asked(self, digest: bytes) -> bool:
        """Note that a batch asks this; False if one does already."""
        return self._db.execute("INSERT OR IGNORE INTO asked VALUES (?)", (digest,)).rowcount == 1

    def clear_asked(self, digest: bytes | None = None) -> None:
        """Note that no batch asks this, or (None) anything."""
        if digest is None:
            self._db.execute("DELETE FROM asked")
        else:
            self._db.execute("DELETE FROM asked WHERE digest = ?", (digest,))

    def not_durable(self, limit: int) -> list[Escalated]:
        """Return records that no part holds yet, and count them as held from now on."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM waiting WHERE NOT durable LIMIT ?",  # noqa: S608 - our own names
            (limit,),
        ).fetchall()
        self._db.executemany("UPDATE waiting SET durable = 1 WHERE key = ?", ((row[0],) for row in rows))
        return [_escalated(row) for row in rows]

    def finish(self, key: str) -> None:
        """Forget a record that is done."""
        self._db.execute("DELETE FROM waiting WHERE key = ?", (key,))

    def finish_done(self) -> None:
        """Forget every record that a part says is done."""
        self._db.execute("DELETE FROM waiting WHERE key IN (SELECT key FROM done)")

    def among(self, keys: Sequence[str]) -> set[str]:
        """Return those of `keys` that wait. Costs little while none does."""
        found: set[str] = set()
        if self._db.execute("SELECT 1 FROM waiting LIMIT 1").fetchone() is None:
            return found
        for start in range(0, len(keys), _LOOKUP):
            some = keys[start : start + _LOOKUP]
            query = f"SELECT key FROM waiting WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            found.update(key for (key,) in self._db.execute(query, some))
        return found

    def keys(self, state: str | None = None) -> Iterator[str]:
        """Yield the keys of all records that wait, or of those in one state."""
        for (key,) in self._db.execute(
            "SELECT key FROM waiting WHERE state = ? OR ? IS NULL", (state, state)
        ):
            yield key

    def queued(self) -> int:
        """Count the records that the API may be asked for."""
        found: int = self._db.execute("SELECT count(*) FROM waiting WHERE state = ?", (QUEUED,)).fetchone()[0]
        return found

    def states(self) -> Counter[str]:
        """Count the records by state."""
        return Counter(dict(self._db.execute("SELECT state, count(*) FROM waiting GROUP BY state")))


def _escalated(row: tuple[str, int, str, str, EscalationReason, int, int, str | None]) -> Escalated:
    key, ordinal, id_, text, reason, attempts, failures, correction = row
    return Escalated(Record(key, id_, ordinal, text), reason, attempts, failures, correction)
