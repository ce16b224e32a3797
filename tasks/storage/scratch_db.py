"""A temporary SQLite file for per-record state, so that memory does not grow with the input."""

import sqlite3
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import orjson

from models.errors import OutputError
from models.requests import Answer
from tasks.storage.escalation_queue import SCHEMA as WAITING
from tasks.storage.escalation_queue import EscalationQueue
from tasks.storage.unchanged_rows import SCHEMA as CARRIED
from tasks.storage.unchanged_rows import PublishedRows

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -24576;
CREATE TABLE names (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE done (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE answers (digest BLOB NOT NULL, answer BLOB NOT NULL);
CREATE INDEX answers_digest ON answers (digest);
"""
_LOOKUP = 1000  # bound parameters of one look-up
_PENDING = 4000  # answers that wait for one bulk insert
_RECENT = 4096  # answers kept in memory; repeats are mostly near each other
_FILTER_BITS = 24  # 2 MiB: 16 bits an answer at a million of them, so 1.4 % of the misses touch the disk
_FILTER_MASK = (1 << _FILTER_BITS) - 1


class Scratch:
    """Occurrence numbers of ids, keys that are done, answers by digest, and what is published, on disk.

    Implements `AnswerIndex`. Lives as long as one run: the file has no name any more once it is open, so
    that a killed run leaves none behind. For one thread at a time. Making it, and leaving its block with an
    error of SQLite's, as on a full disk, raises `OutputError`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="breakeven-", dir=folder) as name:
                path = Path(name) / "scratch.sqlite"
                self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                self._db.executescript(_SCHEMA + WAITING + CARRIED + "BEGIN;")
        except (OSError, sqlite3.Error) as error:
            raise _cannot_write(error) from error
        self._any_done = False
        self._answers = _AnswerStore(self._db)
        self.waiting = EscalationQueue(self._db)
        self.unchanged_rows = PublishedRows(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise _cannot_write(error) from error

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn an error of SQLite's inside the block, as on a full disk, into `OutputError`."""
        try:
            yield
        except sqlite3.Error as error:
            raise _cannot_write(error) from error

    def close(self) -> None:
        """Give the file's space back. Closing twice does no harm."""
        self._db.close()

    def assign_keys(self, ids: Sequence[str]) -> list[str]:
        """Give each id, in input order, a key that no row before it has.

        The first occurrence of an id keeps the id as its key, the next ones get `id#2`, `id#3`, …;
        a key that an earlier row already has (an input id may itself read `x#2`) is passed over. The
        result depends only on the ids so far and their order, not on how they were batched.
        """
        last = self._known(ids)
        if not last and len(changed := dict.fromkeys(ids, 1)) == len(ids):  # as most are
            self._db.executemany("INSERT INTO names VALUES (?, ?)", sorted(changed.items()))
            return list(ids)
        changed = {}
        keys = []
        for id_ in ids:
            number = last.get(id_, 0) + 1
            key = id_ if number == 1 else f"{id_}#{number}"
            while number > 1 and self._taken(key, last):
                number += 1
                key = f"{id_}#{number}"
            last[id_] = changed[id_] = number
            if number > 1:
                last[key] = changed[key] = 1
            keys.append(key)
        self._db.executemany("INSERT OR REPLACE INTO names VALUES (?, ?)", sorted(changed.items()))
        return keys

    def add_done(self, keys: Iterable[str]) -> None:
        """Remember that the records with these keys are done."""
        cursor = self._db.executemany("INSERT OR IGNORE INTO done VALUES (?)", ((key,) for key in keys))
        self._any_done = self._any_done or cursor.rowcount > 0

    def done(self, keys: Sequence[str]) -> set[str]:
        """Return those of `keys` that are done. Costs nothing while none is."""
        if not self._any_done:
            return set()
        found: set[str] = set()
        for chunk in _chunks(keys):
            query = f"SELECT key FROM done WHERE key IN ({_marks(chunk)})"  # noqa: S608 - only question marks
            found.update(key for (key,) in self._db.execute(query, chunk))
        return found

    def get(self, digest: bytes) -> Answer | None:
        """Return the answer to the request with this digest, if one is known."""
        return self._answers.get(digest)

    def put(self, digest: bytes, answer: Answer) -> None:
        """Remember an answer. The first answer to a digest stays."""
        self._answers.put(digest, answer)

    def _known(self, ids: Sequence[str]) -> dict[str, int]:
        known: dict[str, int] = {}
        for chunk in _chunks(ids):
            query = f"SELECT name, last FROM names WHERE name IN ({_marks(chunk)})"  # noqa: S608 - as above
            known.update(self._db.execute(query, chunk))
        return known

    def _taken(self, key: str, last: dict[str, int]) -> bool:
        if key in last:
            return True
        return self._db.execute("SELECT 1 FROM names WHERE name = ?", (key,)).fetchone() is not None


def _cannot_write(error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return OutputError(f"cannot write the run's scratch file: {reason}; free the disk of the output folder")


class _AnswerStore:
    """Answers on disk, behind a Bloom filter that tells most misses and a cache of recent hits."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        # not a dict, which finds its first key slowly once many are gone
        self._recent: OrderedDict[bytes, Answer] = OrderedDict()
        self._pending: dict[bytes, Answer] = {}
        self._filter = bytearray(1 << (_FILTER_BITS - 3))

    def get(self, digest: bytes) -> Answer | None:
        return self._find(digest) if self._maybe(*_bits(digest)) else None

    def _find(self, digest: bytes) -> Answer | None:
        answer = self._recent.pop(digest, None) or self._pending.get(digest) or self._stored(digest)
        if answer is not None:
            self._remember(digest, answer)
        return answer

    def put(self, digest: bytes, answer: Answer) -> None:
        first, second = _bits(digest)
        if self._maybe(first, second) and self._find(digest) is not None:
            return
        self._filter[first >> 3] |= 1 << (first & 7)
        self._filter[second >> 3] |= 1 << (second & 7)
        self._remember(digest, answer)
        self._pending[digest] = answer
        if len(self._pending) >= _PENDING:
            rows = ((key, _dump(value)) for key, value in sorted(self._pending.items(), key=itemgetter(0)))
            self._db.executemany("INSERT INTO answers VALUES (?, ?)", rows)
            self._pending.clear()

    def _maybe(self, first: int, second: int) -> bool:
        bits = self._filter
        return bool(bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1)

    def _remember(self, digest: bytes, answer: Answer) -> None:
        self._recent[digest] = answer
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _stored(self, digest: bytes) -> Answer | None:
        row = self._db.execute("SELECT answer FROM answers WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else _load(row[0])


def _bits(digest: bytes) -> tuple[int, int]:
    """Return the two bits of a digest in the Bloom filter. A digest is a hash already, so its own bytes serve."""
    number = int.from_bytes(digest[:8])
    return number & _FILTER_MASK, number >> 32 & _FILTER_MASK


def _dump(answer: Answer) -> bytes:
    probabilities = answer.label_probabilities
    fields = (
        answer.text,
        answer.value,
        answer.finish_reason,
        answer.confidence,
        None if probabilities is None else dict(probabilities),
    )
    return answer.attempt_id.bytes + orjson.dumps(fields)


def _load(data: bytes) -> Answer:
    text, value, finish_reason, confidence, probabilities = orjson.loads(data[16:])
    return Answer(UUID(bytes=data[:16]), text, value, finish_reason, confidence, probabilities)


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + _LOOKUP] for start in range(0, len(items), _LOOKUP))


def _marks(items: Sequence[str]) -> str:
    return ",".join("?" * len(items))
