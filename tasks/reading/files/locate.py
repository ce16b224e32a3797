"""Which files hold a partition, and in which format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from glob import has_magic
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

from models.errors import InputError
from tasks.reading.failures import input_errors
from tasks.reading.files.address import hide_secrets, is_remote, is_web, normalize, split_url
from tasks.reading.files.days import FolderDate
from tasks.reading.files.folders import (
    Entry,
    each_once,
    exists_below,
    is_entered,
    list_folder,
    say_skipped,
    visible,
    walk,
)
from tasks.reading.files.formats import KINDS, Format, find_format, format_of
from tasks.reading.files.patterns import match_pattern
from tasks.reading.files.store import FileState, state_of

__all__ = ["HUGGING_FACE", "EmptyPartition", "Files", "Format", "InputMissing", "dated_folders", "locate"]

HUGGING_FACE = "hf://"
"""Its addresses are left to polars, patterns and all."""


class InputMissing(InputError):
    """Nothing is where the input should be."""


class EmptyPartition(InputError):
    """The input can be read, but holds no record of the date."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files to read, in order, and what each was when it was found.

    `dated`: their folder already says the date. `delimiter`: what separates the fields of CSV, as it is set.
    """

    paths: tuple[str, ...]
    format: Format
    dated: bool = False
    states: tuple[FileState, ...] = ()
    delimiter: str = "auto"


@dataclass(slots=True)
class _Tree:
    """What lies below a folder, as far as it was looked at.

    `wanted`: files of the date that is looked for; `dates`: every date that a folder names; `elsewhere`: some folders hold other
    dates alone; `loose`: files in no folder of a date; `skipped`: what has a hidden name.
    """

    wanted: list[Entry] = field(default_factory=list)
    dates: set[date] = field(default_factory=set)
    elsewhere: bool = False
    loose: list[Entry] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def locate(location: str, partition: date) -> Files:
    """Find the files of a location: one file, a pattern, a folder, a folder of dated folders, here or in an object store.

    What exists under the very name is meant literally, also with `*` or `[ ]` in it. Raises `InputError` where nothing is
    there or the format is unknown, and `EmptyPartition` where only the date's files are missing.
    """
    with input_errors(hide_secrets(location)):
        place = normalize(location)
        found = _resolve(place, location)
        if found.state is not None:
            return Files((found.path,), format_of([found.path]), states=(found.state,))
        return (_match if found.kind == "pattern" else _locate_day)(location, found.path, partition)


def dated_folders(location: str) -> list[date] | None:
    """Return the dates of a folder of dated folders, ascending; None for any other location. Raises `InputError`."""
    with input_errors(hide_secrets(location)):
        found = _resolve(normalize(location), location)
        return sorted(_look(found.path, None).dates) or None if found.kind == "folder" else None


class _Found(NamedTuple):
    """What a location is. `state`: of a file."""

    kind: Literal["file", "folder", "pattern"]
    path: str
    state: FileState | None = None


def _resolve(place: str, location: str) -> _Found:
    """Tell what a place is, and its name as it exists. Raises `InputError` where nothing is there, and `OSError`."""
    if place.startswith(HUGGING_FACE):
        return _Found("file", place, state_of(place))
    for form in dict.fromkeys(
        (place, unquote(place)) if is_remote(place) and not is_web(place) else (place,)
    ):
        if (state := _state_of_file(form)) is not None:
            return _Found("file", form, state)
        if _is_folder(form):
            return _Found("folder", form)
    if has_magic(place) and not is_web(place):
        return _Found("pattern", place)
    if not is_remote(place) and Path(place).exists():
        msg = f"input {location} is no file that can be read more than once: write it to a file first"
        raise InputError(msg)
    msg = f"input {hide_secrets(location)} does not exist{_looked_from(place)}"
    raise InputMissing(msg)


def _looked_from(place: str) -> str:
    return "" if is_remote(place) or Path(place).is_absolute() else f" (looked from {Path.cwd()})"


def _state_of_file(place: str) -> FileState | None:
    if not (split_url(place).key if is_remote(place) else Path(place).is_file()):
        return None
    try:
        return state_of(place)
    except FileNotFoundError:
        return None


def _is_folder(place: str) -> bool:
    return Path(place).is_dir() if not is_remote(place) else not is_web(place) and exists_below(place)


def _match(location: str, pattern: str, _day: date) -> Files:
    """Find the files of a pattern."""
    skipped: list[str] = []
    entries = match_pattern(pattern, skipped)
    say_skipped(pattern, skipped)
    if not entries:
        msg = f"input {hide_secrets(location)} does not exist: no file matches it{_looked_from(pattern)}"
        raise InputMissing(msg)
    return _files(entries)


def _locate_day(location: str, folder: str, day: date) -> Files:
    """Find the files of a folder: those of a date, where its folders say dates."""
    tree = _look(folder, day)
    if tree.elsewhere and not tree.dates:  # folders of months alone may have been passed by
        whole = _look(folder, None)
        tree = tree if whole.dates else whole
    dated = bool(tree.dates or tree.elsewhere)
    name = hide_secrets(location)
    beside = sum(not file.linked for file in tree.loose) if dated else 0
    say_skipped(folder, tree.skipped, beside)
    if not dated and tree.loose:
        return _files(tree.loose)
    if not dated:
        msg = f"{name} holds no file to read ({KINDS})"
        raise InputError(msg)
    if any(file.state is not None and file.state.size for file in tree.wanted):
        return _files(tree.wanted, dated=True)
    if tree.wanted:
        msg = f"{name} holds only empty files for {day}, such as {hide_secrets(tree.wanted[0].path)}"
        raise EmptyPartition(msg)
    dates = sorted(_look(folder, None).dates)
    if day in dates:
        msg = f"{name} holds no file to read ({KINDS}) in its folder of {day}"
    else:
        span = f"{len(dates)} dates, {dates[0]} to {dates[-1]}" if dates else "other dates"
        msg = f"{name} has no folder date={day}; it holds {span}"
    raise EmptyPartition(msg)


def _files(entries: Iterable[Entry], *, dated: bool = False) -> Files:
    """Return files by path, each real one once; those without a byte are left out where others have some."""
    once = each_once(entries)
    full = [entry for entry in once if entry.state is not None and entry.state.size] or once
    paths = tuple(entry.path for entry in full)
    states = tuple(entry.state for entry in full if entry.state is not None)
    return Files(paths, format_of(paths), dated=dated, states=states)


def _look(folder: str, day: date | None) -> _Tree:
    """Look through a folder for the files of a date, and for dates; None: for dates alone."""
    tree = _Tree()
    entries = list(visible(list_folder(folder), tree.skipped))
    files = [entry for entry in entries if entry.state is not None and find_format(entry.name)]
    named = any(entry.state is None and FolderDate().enter(entry.name).named for entry in entries)
    if files and not named:  # folders beside files are no part of the input
        tree.loose = files
        return tree
    _look_into(tree, entries, FolderDate(), day, ())
    return tree


def _look_into(
    tree: _Tree, entries: Iterable[Entry], said: FolderDate, day: date | None, above: Sequence[Entry]
) -> None:
    """Look through the entries of a folder of which the folders down to it have said a date, or part of one."""
    for entry in entries:
        if entry.state is not None:
            if find_format(entry.name):
                _take(tree, entry.under(above), said, day)
            continue
        inner = said.enter(entry.name)
        if inner.sure and inner.day is not None:
            tree.dates.add(inner.day)
            if inner.day == day:
                below = walk(entry.path, tree.skipped, (*above, entry))
                tree.wanted += [file for file in below if find_format(file.name)]
        elif day is not None and not inner.may_hold(day, day):
            tree.elsewhere = True
        elif not is_entered(entry, above):
            _look_into(tree, visible(list_folder(entry.path), tree.skipped), inner, day, (*above, entry))


def _take(tree: _Tree, file: Entry, said: FolderDate, day: date | None) -> None:
    if said.day is None:
        tree.loose.append(file)
        return
    tree.dates.add(said.day)
    if said.day == day:
        tree.wanted.append(file)
