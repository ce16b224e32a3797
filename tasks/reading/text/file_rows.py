"""The rows of one CSV or JSON file by their days: read from the file, or from what was kept of it when it was read."""

import logging
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cache as once
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import orjson
import polars as pl

from models.errors import InputError, one_line
from tasks.reading.files.address import is_remote
from tasks.reading.files.store import FileState, check_unchanged
from tasks.reading.input_cache import InputCache
from tasks.reading.longest import chunks_of
from tasks.reading.text.kept_rows import (
    CHUNK,
    VERSION,
    DatedRows,
    KeptRows,
    NotKeepable,
    split_by_day,
    write_rows,
)
from tasks.reading.text.lines import RawRow
from tasks.reading.text.text_file import TextFile

log = logging.getLogger(__name__)

Holds = Callable[[Sequence[RawRow]], bool]
"""Whether a condition holds for one of some rows."""


@dataclass
class Shelf:
    """Where the rows of the files of one input are kept: the cache, and the names of those that may not make room."""

    cache: InputCache
    used: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class FileRows:
    """The rows of one file: the columns `wanted`, as the file names them; the timestamp is the one at `place`.

    With a `shelf` the file is read once: whoever asks for its rows first has them kept by day, unless it says
    `keep=False`; then only what was kept already is taken. `state` is what the file was when it was opened.
    """

    file: TextFile
    wanted: Sequence[str]
    place: int
    state: FileState
    shelf: Shelf | None

    def of_day(self, day: int, *, keep: bool) -> Iterator[DatedRows]:
        """Yield the rows of a day, counted from 1970, and those that may be of any, some thousand at a time.

        Raises `InputError`.
        """
        if (kept := self._kept(keep=keep)) is not None:
            yield from kept.of_day(day)
            return
        for rows in self._chunks():
            found = split_by_day(rows, self.place)
            unsure = found.get(None, [])
            places = sorted([*found.get(day, ()), *unsure])
            order = {place: number for number, place in enumerate(places)} if unsure else {}
            yield DatedRows([rows[place] for place in places], frozenset(order[place] for place in unsure))

    def count(self, day: int) -> int | None:
        """Return how many rows `of_day` gives, None where the file would have to be read for it."""
        kept = self._kept(keep=False)
        return None if kept is None else kept.count(day)

    def size(self, day: int) -> int | None:
        """Return how many bytes `of_day` reads, None where that is not known."""
        if (kept := self._kept(keep=False)) is not None:
            return kept.size(day)
        return None if is_remote(self.file.path) else self.state.size

    def days(self, first: int, last: int, holds: Holds | None) -> set[int]:
        """Return the days from `first` to `last` that surely have a row, one for which `holds` is true."""
        if (kept := self._kept(keep=True)) is not None:
            days = kept.days(first, last)
            return {day for day in days if holds is None or any(map(holds, _sure(kept.of_day(day))))}
        found: set[int] = set()
        for rows in self._chunks():
            for day, places in split_by_day(rows, self.place).items():
                if day is None or day in found or not first <= day <= last:
                    continue
                if holds is None or holds([rows[place] for place in places]):
                    found.add(day)
        return found

    def ends(self) -> tuple[int, int] | None:
        """Return the first and the last day of which there is a row, None where no timestamp can be read."""
        if (kept := self._kept(keep=True)) is not None:
            return kept.ends()
        ends: list[int] = []
        for rows in self._chunks():
            days = [*ends, *(day for day in split_by_day(rows, self.place) if day is not None)]
            ends = [min(days), max(days)] if days else []
        return (ends[0], ends[-1]) if ends else None

    def _chunks(self) -> Iterator[Sequence[RawRow]]:
        return chunks_of(self.file.rows(self.wanted), CHUNK)

    def _kept(self, *, keep: bool) -> KeptRows | None:
        """Return the rows as they were kept, kept now if `keep`; None where there are none."""
        if self.shelf is None:
            return None
        self.shelf.used.add(self._name)
        return self._find(self.shelf) or (self._keep(self.shelf) if keep else None)

    def _find(self, shelf: Shelf) -> KeptRows | None:
        path = shelf.cache.find(self._name)
        if path is None:
            return None
        try:
            return KeptRows(path, self.file.path)
        except InputError:  # removed meanwhile, or damaged by a power cut
            return None

    def _keep(self, shelf: Shelf) -> KeptRows | None:
        if self._name in _refused():
            return None
        cache = shelf.cache
        try:
            room = cache.room()
            with cache.add(self._name, shelf.used) as path:
                write_rows(path, self.file.rows(self.wanted), self.place, room)
                check_unchanged([self.file.path], [self.state])
        except NotKeepable as error:
            _say(cache.folder, str(error))
        except (OSError, sqlite3.Error) as error:  # a full disk, a folder that cannot be written
            _say(cache.folder, getattr(error, "strerror", None) or str(error).splitlines()[0])
        found = self._find(shelf)
        if found is None:
            _refused().add(self._name)
        return found

    @cached_property
    def _name(self) -> str:
        """Name of the rows in the cache: by the file, its state, and how it is read.

        It is another one for a file that changed, other columns, another dialect, and another version of the program.
        """
        path = self.file.path if is_remote(self.file.path) else str(Path(self.file.path).absolute())
        dialect = [
            (one.name, getattr(self.file, one.name)) for one in fields(self.file) if one.name != "path"
        ]
        how = (dialect, list(self.wanted), self.place, _program())
        return "-".join(
            blake2b(repr(one).encode(), digest_size=12).hexdigest() for one in (path, self.state, how)
        )


def _sure(found: Iterable[DatedRows]) -> Iterator[list[RawRow]]:
    for rows, unsure in found:
        yield [row for place, row in enumerate(rows) if place not in unsure]


@once
def _program() -> tuple[str | None, ...]:
    """Return what tells this way of reading from that of another version of the program and of its libraries."""
    folder = Path(__file__).parent
    sources = [*sorted(folder.glob("*.py")), folder.parent / "timestamps.py", folder.parent / "longest.py"]
    code = blake2b(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return code, VERSION, sys.implementation.cache_tag, pl.__version__, orjson.__version__


@once
def _refused() -> set[str]:
    """Return the names of the rows that could not be kept: it is not tried again in this process."""
    return set()


@once
def _say(folder: Path, why: str) -> None:
    msg = f"what is read is not kept in {folder} ({why}): each day of a range reads the input anew"
    log.warning("%s", one_line(msg))
