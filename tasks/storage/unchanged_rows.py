"""Published rows that a refresh may take over: on disk, so that a million of them hold no memory."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from models.records import Carried, Quarantined, Record

SCHEMA = "CREATE TABLE carried (key TEXT PRIMARY KEY, row TEXT NOT NULL);"
_LOOKUP = 900  # bound parameters of one look-up

PublishedRow = tuple[str, int | None, str, float | None, Mapping[str, object]]
"""Record key, text hash (None: not known), engine, confidence, and the workload's own columns."""


class PublishedRows:
    """What is published of each record, by its key. Lives in the run's scratch file; for one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._any = False

    def add(self, rows: Iterable[PublishedRow]) -> None:
        """Remember published rows; a key comes once."""
        packed = ((key, json.dumps(row)) for key, *row in rows)
        self._any = (
            self._db.executemany("INSERT INTO carried VALUES (?, ?)", packed).rowcount > 0 or self._any
        )

    def unchanged(self, items: Sequence[Record | Quarantined]) -> dict[str, Carried]:
        """Return, by key, the records whose published row answers the very text that they have."""
        found: dict[str, Carried] = {}
        if not self._any:
            return found
        records = {item.key: item for item in items if isinstance(item, Record)}
        for key, packed in self._rows(list(records)):
            text_hash, engine, confidence, output = json.loads(packed)
            if text_hash == records[key].text_hash:
                found[key] = Carried(records[key], output, confidence, engine)
        return found

    def _rows(self, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
        for start in range(0, len(keys), _LOOKUP):
            some = keys[start : start + _LOOKUP]
            query = f"SELECT key, row FROM carried WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            yield from self._db.execute(query, some)
