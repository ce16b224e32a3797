"""Rows of one CSV or JSON file in a file of their own, by UTC day, so that one day is read without the others."""

import marshal
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, cast

from models.errors import InputError
from models.records import Fault
from tasks.reading.longest import CHUNK_CHARS, chars_of, chunks_of
from tasks.reading.text.lines import Broken, RawRow
from tasks.reading.timestamps import seconds_of

CHUNK = 2000
"""So many rows are looked at together, and held in memory."""
VERSION = f"1 {marshal.version}"
"""How the rows are written. Files of another version are not read."""
DAY_SECONDS = 86_400
_SCHEMA = """
PRAGMA page_size = 16384;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -8192;
CREATE TABLE slices (chunk INTEGER NOT NULL, day INTEGER, rows INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL);
"""
_INDEX = "CREATE INDEX slices_by_day ON slices (day, chunk)"
_OF_DAY = "SELECT chunk, day, crc, data FROM slices WHERE day = ? OR day IS NULL ORDER BY chunk, day"


class DatedRows(NamedTuple):
    """Rows in the order of the input, all of one day but those at the places `unsure`, which may be of any."""

    rows: Sequence[RawRow]
    unsure: frozenset[int]


class NotKeepable(Exception):  # no error: such rows are read from their input each time
    """The rows are too many, or hold a value that cannot be written."""


def write_rows(path: Path, rows: Iterable[RawRow], place: int, max_bytes: int) -> None:
    """Write all rows into an empty file; their timestamp is the value at `place`.

    Raises `NotKeepable`, `sqlite3.Error` as on a full disk, and what reading the rows raises.
    """
    number, size = 0, 0
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        db.execute("BEGIN")
        for some in chunks_of(rows, CHUNK):
            slices = [(number, *one) for one in _slices(some, place)]
            db.executemany("INSERT INTO slices VALUES (?, ?, ?, ?, ?)", slices)
            size += sum(len(data) for *_, data in slices)
            if size > max_bytes:
                why = "it takes more than input_cache_gib, or than half of the disk's free space"
                raise NotKeepable(why)
            number += 1
        db.execute(_INDEX)
        db.execute("COMMIT")


class KeptRows:
    """The rows that `write_rows` wrote, in the same order and with the same values."""

    def __init__(self, path: Path, name: str) -> None:
        """Open a file, which may then be removed by others; `name` is the input that it was made of.

        This and every method raises `InputError` where the file is damaged, and removes it then.
        """
        self._path, self._name = path, name
        # open until nobody reads it: it may be removed meanwhile; no file is ever changed, so no lock is needed
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._db.execute("SELECT 1 FROM slices LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise self._damaged() from error

    def of_day(self, day: int) -> Iterator[DatedRows]:
        """Yield the rows of a day, counted from 1970, and those that may be of any, some thousand at a time."""
        rows: list[RawRow] = []
        unsure: list[int] = []
        size = 0
        with self._reading() as db:
            found = db.execute(_OF_DAY, (day,))
            for _, slices in groupby(found, itemgetter(0)):
                some, places = _merge([self._load(one) for one in slices])
                unsure += [len(rows) + place for place in places]
                rows += some
                size += sum(map(chars_of, some))
                if len(rows) >= CHUNK or size >= CHUNK_CHARS:
                    yield DatedRows(rows, frozenset(unsure))
                    rows, unsure, size = [], [], 0
        if rows:
            yield DatedRows(rows, frozenset(unsure))

    def count(self, day: int) -> int:
        """Return how many rows `of_day` gives."""
        return self._sum("rows", day)

    def size(self, day: int) -> int:
        """Return how many bytes `of_day` reads."""
        return self._sum("length(data)", day)

    def days(self, first: int, last: int) -> list[int]:
        """Return the days in a range of which there is a row, ascending."""
        with self._reading() as db:
            query = "SELECT DISTINCT day FROM slices WHERE day BETWEEN ? AND ? ORDER BY day"
            return [day for (day,) in db.execute(query, (first, last))]

    def ends(self) -> tuple[int, int] | None:
        """Return the first and the last day of which there is a row, None without any."""
        with self._reading() as db:
            first, last = db.execute("SELECT min(day), max(day) FROM slices").fetchone()
        return None if first is None else (first, last)

    def _sum(self, what: str, day: int) -> int:
        with self._reading() as db:
            query = f"SELECT coalesce(sum({what}), 0) FROM slices WHERE day = ? OR day IS NULL"  # noqa: S608 - ours
            return int(db.execute(query, (day,)).fetchone()[0])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise self._damaged() from error

    def _load(self, found: tuple[int, int | None, int, bytes]) -> "_Slice":
        _, day, crc, data = found
        if zlib.crc32(data) != crc:
            raise self._damaged()
        places, rows = marshal.loads(data)  # noqa: S302  a file of this program's own, mode 0600, just checked
        if day is None:
            rows = [Broken(Fault(*fault)) if fault is not None else values for fault, values in rows]
        return _Slice(day, places, rows)

    def _damaged(self) -> InputError:
        with suppress(OSError):
            self._path.unlink()
        return InputError(
            f"the rows of {self._name} that were kept in {self._path.parent} are damaged and were removed: run this again"
        )


class _Slice(NamedTuple):
    """The rows of one chunk of the input that are of one day; None: those that may be of any.

    `places` are theirs among the rows of the chunk; None: they are all rows of it.
    """

    day: int | None
    places: Sequence[int] | None
    rows: Sequence[RawRow]


def _merge(slices: Sequence[_Slice]) -> tuple[Sequence[RawRow], Sequence[int]]:
    """Put the slices of one chunk together in the order of the input; return the rows, and which are unsure."""
    if len(slices) == 1:
        day, _, rows = slices[0]
        return rows, range(len(rows)) if day is None else ()
    merged = sorted(
        (place, one.day is None, row)
        for one in slices
        for place, row in zip(one.places or (), one.rows, strict=True)
    )
    return [row for *_, row in merged], [number for number, (_, unsure, _) in enumerate(merged) if unsure]


def split_by_day(rows: Sequence[RawRow], place: int) -> dict[int | None, list[int]]:
    """Return the places of rows by their UTC day, counted from 1970; under None those that may be of any.

    The timestamp of a row is the value at `place`.
    """
    good = [number for number, row in enumerate(rows) if not isinstance(row, Broken)]
    seconds = seconds_of([rows[number][place] for number in good])
    days = seconds // DAY_SECONDS
    if len(good) == len(rows) and not days.null_count() and days.min() == days.max():
        return {cast("int", days[0]): good}
    found: dict[int | None, list[int]] = {}
    if len(good) < len(rows):
        found[None] = [number for number, row in enumerate(rows) if isinstance(row, Broken)]
    for number, day in zip(good, days.to_list(), strict=True):
        found.setdefault(day, []).append(number)
    if None in found:
        found[None].sort()
    return found


def _slices(rows: Sequence[RawRow], place: int) -> Iterator[tuple[int | None, int, int, bytes]]:
    """Yield day, number of rows, checksum and content of each slice of a chunk."""
    for day, places in split_by_day(rows, place).items():
        some: list[Any] = [rows[number] for number in places]
        if day is None:
            some = [
                (tuple(row.fault), None) if isinstance(row, Broken) else (None, row)
                for row in (rows[number] for number in places)
            ]
        try:
            data = marshal.dumps((None if len(places) == len(rows) else places, some))
        except ValueError as error:
            why = "it holds a value that cannot be written"
            raise NotKeepable(why) from error
        yield day, len(places), zlib.crc32(data), data
