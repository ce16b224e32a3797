"""Which columns CSV and JSON files have, and by which names each of them calls those that are read."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Self

from models.errors import InputError, hide_secrets, one_line
from tasks.reading.columns import (
    Columns,
    choose_columns,
    find_timestamp,
    has_column,
    keep_letters,
    match_columns,
    no_column,
    settle_timestamp,
)
from tasks.reading.conditions import Condition
from tasks.reading.files.locate import EmptyPartition, Files, Format
from tasks.reading.files.store import FileState
from tasks.reading.source import TIMESTAMP_NAMES, Source
from tasks.reading.text.lines import Broken
from tasks.reading.text.text_file import SAMPLE, TextFile, text_files

log = logging.getLogger(__name__)
_LATE = 100
"""So many of the columns that only later objects have are known though nobody needs them, for messages."""
_NAMED = 3
"""So many files are named in a message."""


@dataclass(frozen=True)
class NamedFile:
    """One file, what it was when it was found, and its own names of the columns that are read, in their order."""

    file: TextFile
    state: FileState
    wanted: tuple[str, ...]


def text_columns(files: Files) -> list[str]:
    """Return the names of all columns, each as the first file has it; JSON keys as far as the first objects show them.

    A file without a header or an object is passed over. Raises `InputError` where no file has any:
    `EmptyPartition` where that can be meant.
    """
    return _unite(text_files(files), files)


def name_columns(source: Source, files: Files) -> tuple[Columns, list[NamedFile]]:
    """Map a source onto the columns of its files. Each file may write and order them in its own way.

    A file may lack the column of timestamps: its rows are then set aside, which is said. A column that the first
    objects of JSON do not have is looked for in all others. Raises `InputError` that names a column that there is not, and
    the file.
    """
    texts = text_files(files)
    existing = _unite(texts, files)
    if files.format == "jsonl":
        existing = _look_on(texts, files.states, existing, _Needed.of(source, dated=files.dated))
    if not files.dated:
        source = settle_timestamp(source, [text.columns for text in texts if text.columns], existing)
    columns = choose_columns(source, existing, dated=files.dated)
    named = [
        NamedFile(text, state, _names(text, columns))
        for text, state in zip(texts, files.states, strict=True)
        if text.columns or files.format != "csv"  # of CSV without a header there is no row
    ]
    if columns.timestamp is not None:
        lacking = [text for text in texts if text.columns and not has_column(text.columns, columns.timestamp)]
        _say_undated(tuple(text.path for text in lacking), columns.timestamp, files.format)
    return columns, named


def _unite(texts: Sequence[TextFile], files: Files) -> list[str]:
    """Return the columns that one of the files has; one that an earlier file writes otherwise is the same."""
    names = [text.columns for text in texts if text.columns]
    if not names:
        raise _no_column_at_all(texts, files)
    united = dict.fromkeys(names[0])
    for some in names[1:]:
        new = [name for name in some if name not in united]
        united |= dict.fromkeys(name for name in new if not has_column(list(united), name))
    return list(united)


def _no_column_at_all(texts: Sequence[TextFile], files: Files) -> InputError:
    what = "neither a header nor a row" if files.format == "csv" else "no JSON object"
    more = "" if len(texts) == 1 else f", like all {len(texts)} files,"
    place = hide_secrets(files.paths[0])
    for row in (row for text in texts for row in islice(text.rows(()), 1)):
        why = f": {row.fault.detail}" if isinstance(row, Broken) else ""
        return InputError(f"{place}{more} holds {what}{why}")
    kind = EmptyPartition if files.dated or files.format == "jsonl" else InputError
    msg = f"{place}{more} is empty: it holds {what}"
    return kind(msg)


def _names(text: TextFile, columns: Columns) -> tuple[str, ...]:
    """Return a file's own names of the columns that are read. Raises `InputError` where CSV lacks one that it must have."""
    wanted = columns.wanted()
    found = match_columns(wanted, text.columns, text.path)
    missing = [name for name in wanted if name not in found and name != columns.timestamp]
    if text.format == "csv" and text.columns and missing:
        raise InputError(no_column(hide_secrets(text.path), missing, text.columns))
    return tuple(found.get(name, name) for name in wanted)


@dataclass(frozen=True)
class _Needed:
    """The columns that a source needs of JSON objects; `timestamp`: also one that is called as timestamps are."""

    names: tuple[str, ...]
    timestamp: bool
    location: str

    @classmethod
    def of(cls, source: Source, *, dated: bool) -> Self:
        conditions = [
            Condition.parse(text) for text in (source.where, source.complex_where) if text is not None
        ]
        names = [
            source.id_column,
            *source.text_columns,
            *(name for one in conditions for name in one.names()),
        ]
        if source.timestamp_column and not dated:
            names.append(source.timestamp_column)
        return cls(tuple(names), not dated and source.timestamp_column is None, source.name)

    def may_be(self, names: Iterable[str]) -> list[str]:
        """Return those names that may mean one of the columns."""
        wanted = [*self.names, *(TIMESTAMP_NAMES if self.timestamp else ())]
        letters = {keep_letters(name) for name in wanted}
        return [name for name in names if name in wanted or keep_letters(name) in letters]

    def are_in(self, existing: Sequence[str]) -> bool:
        found = match_columns(self.names, existing, self.location)
        if any(name not in found for name in self.names):
            return False
        return not self.timestamp or find_timestamp(existing, self.location) is not None


def _look_on(
    texts: Sequence[TextFile], states: Sequence[FileState], existing: Sequence[str], needed: _Needed
) -> list[str]:
    """Return the columns with those that later objects have, as far as these have to be read for it."""
    found = list(existing)
    for text, state in zip(texts, states, strict=True):
        if needed.are_in(found):
            break
        found += _late_columns(text, state, tuple(found), needed)
    return found


@lru_cache(maxsize=1000)  # a run opens its input several times
def _late_columns(text: TextFile, _: FileState, known: Sequence[str], needed: _Needed) -> list[str]:
    """Return the columns beside the known ones that the objects of a file have and that may be needed, up to the one that shows the last that is needed."""
    late: list[str] = []
    seen = set(known)
    for keys in text.key_sets():
        if keys <= seen:
            continue
        fresh = [name for name in keys if name not in seen]
        new = dict.fromkeys([*fresh[: max(0, _LATE - len(late))], *needed.may_be(fresh)])
        late += [name for name in new if not has_column([*known, *late], name)]
        seen.update(keys)
        if new and needed.are_in([*known, *late]):
            break
    return late


@cache
def _say_undated(paths: tuple[str, ...], timestamp: str, format_: Format) -> None:
    """Say once in a process which files have no timestamps where others do."""
    if not paths:
        return
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    named = ", ".join(hide_secrets(path) for path in paths[:_NAMED])
    where = "" if format_ == "csv" else f" in the first {SAMPLE:,} objects"
    msg = f"{named}{more}: no column {timestamp}{where}; rows without it are set aside as bad_timestamp"
    log.warning("%s", one_line(msg))
