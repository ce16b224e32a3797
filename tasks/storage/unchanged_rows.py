"""Published rows that a refresh may take over: on disk, so that a million of them hold no memory."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from models.records import Carried, Quarantined, QuarantineReason, Record, ServedBy

SCHEMA = """
CREATE TABLE carried (key TEXT PRIMARY KEY, row TEXT NOT NULL);
CREATE TABLE aside (key TEXT PRIMARY KEY, row TEXT NOT NULL);
"""
_LOOKUP = 900  # bound parameters of one look-up

PublishedRow = tuple[str, int | None, str, float | None, Mapping[str, object]]
"""Record key, text hash (None: not known), engine, confidence, and the workload's own columns."""


AsideRow = tuple[str, QuarantineReason, str, str | None, str | None, ServedBy | None, str | None]
"""Record key, reason, detail, field, rule, engine and answer of a record that was set aside."""


class PublishedRows:
    """What is published of each record, by its key. Lives in the run's scratch file; for one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._any = False
        self._any_aside = False

    def add_aside(self, rows: Iterable[AsideRow]) -> None:
        """Remember records that stay set aside; a key comes once."""
        packed = [(key, json.dumps(row)) for key, *row in rows]
        self._db.executemany("INSERT INTO aside VALUES (?, ?)", packed)
        self._any_aside = self._any_aside or bool(packed)

    def kept(self, items: Sequence[Record | Quarantined]) -> dict[str, Carried | Quarantined]:
        """Return, by key, what is known of records that need not be asked for."""
        return {**self.unchanged(items), **self.still_aside(items)}

    def still_aside(self, items: Sequence[Record | Quarantined]) -> dict[str, Quarantined]:
        """Return, by key, the records that stay set aside as they are."""
        found: dict[str, Quarantined] = {}
        if not self._any_aside:
            return found
        records = {item.key: item for item in items if isinstance(item, Record)}
        for key, packed in self._rows("aside", list(records)):
            reason, detail, field, rule, engine, answer = json.loads(packed)
            record = records[key]
            found[key] = Quarantined(
                key, record.id, record.ordinal, reason, detail, record.text_hash, engine, answer, field, rule
            )
        return found

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
        for key, packed in self._rows("carried", list(records)):
            text_hash, engine, confidence, output = json.loads(packed)
            if text_hash == records[key].text_hash:
                found[key] = Carried(records[key], output, confidence, engine)
        return found

    def _rows(self, table: str, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
        for start in range(0, len(keys), _LOOKUP):
            some = keys[start : start + _LOOKUP]
            query = f"SELECT key, row FROM {table} WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            yield from self._db.execute(query, some)
