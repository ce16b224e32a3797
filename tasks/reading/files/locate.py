"""Which files hold a partition, and in which format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from glob import has_magic
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

from models.errors import InputError
from models.settings.workload import MAX_TEXT_CHARS
from tasks.reading.failures import input_errors
from tasks.reading.files.address import is_remote, is_web, normalize, split_url
from tasks.reading.files.days import FolderDate
from tasks.reading.files.delta import keep_live
from tasks.reading.files.folders import (
    FolderEntry,
    each_once,
    exists_below,
    say_skipped,
)
from tasks.reading.files.formats import KINDS, Format, find_format, format_of, is_main
from tasks.reading.files.patterns import match_pattern
from tasks.reading.files.store import FileState, state_of
from tasks.reading.files.tree import look_through

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

    `dated`: their folder already says the date. `days`: of the files of a pattern, the date that the folders say which it leaves
    open; none where they do not say one of each. `delimiter` and `encoding`: of CSV and JSON, as they are set.
    `max_chars`: of a text in them.
    """

    paths: tuple[str, ...]
    format: Format
    dated: bool = False
    states: tuple[FileState, ...] = ()
    delimiter: str = "auto"
    encoding: str = "auto"
    days: tuple[date, ...] = ()
    max_chars: int = MAX_TEXT_CHARS


def locate(location: str, partition: date) -> Files:
    """Find the files of a location: one file, a pattern, a folder, a folder of dated folders, here or in an object store.

    What exists under the very name is meant literally, also with `*` or `[ ]` in it. Raises `InputError` where nothing is
    there or the format is unknown, and `EmptyPartition` where only the date's files are missing.
    """
    with input_errors(location):
        place = normalize(location)
        found = _resolve(place, location)
        if found.state is not None:
            return Files((found.path,), format_of([found.path]), states=(found.state,))
        return (_match if found.kind == "pattern" else _locate_day)(location, found.path, partition)


def dated_folders(location: str) -> list[date] | None:
    """Return the dates of a folder of dated folders, ascending; None for any other location. Raises `InputError`."""
    with input_errors(location):
        found = _resolve(normalize(location), location)
        return sorted(look_through(found.path, None).dates) or None if found.kind == "folder" else None


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
    msg = f"input {location} does not exist{_looked_from(place)}"
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
    parquet = [entry.path for entry in entries if find_format(entry.name) == "parquet"]
    entries = keep_live(entries, (path.rpartition("/")[0] for path in parquet))
    say_skipped(pattern, skipped)
    if not entries:
        msg = f"input {location} does not exist: no file matches it{_looked_from(pattern)}"
        raise InputMissing(msg)
    files = _files(entries)
    return replace(files, days=_folder_days(pattern, files.paths))


def _folder_days(pattern: str, paths: Sequence[str]) -> tuple[date, ...]:
    """Return the date that the folders of each file say; none if one says none, or if the pattern leaves none of them open."""
    parts = pattern.split("/")
    fixed = _said(parts[: next(place for place, part in enumerate(parts) if has_magic(part))])
    if fixed is not None:
        return ()
    found = tuple(day for path in paths if (day := _said(path.split("/")[:-1])) is not None)
    return found if len(found) == len(paths) else ()


def _said(folders: Iterable[str]) -> date | None:
    """Return the date that folders say, one in the other."""
    return reduce(lambda said, name: said.enter(name), folders, FolderDate()).day


def take_day(files: Files, day: date, name: str) -> Files:
    """Return the files whose folders say a date; `name` is the input's. Raises `EmptyPartition` where there are none."""
    places = [place for place, one in enumerate(files.days) if one == day]
    if not places:
        raise _no_folder(name, day, sorted(set(files.days)))
    paths = tuple(files.paths[place] for place in places)
    states = tuple(files.states[place] for place in places)
    return replace(files, paths=paths, states=states, dated=True, days=())


def _locate_day(location: str, folder: str, day: date) -> Files:
    """Find the files of a folder: those of a date, where its folders say dates."""
    tree = look_through(folder, day)
    if tree.elsewhere and not tree.dates:  # folders of months alone may have been passed by
        whole = look_through(folder, None)
        tree = tree if whole.dates else whole
    dated = bool(tree.dates or tree.elsewhere)
    name = location
    beside = sum(not file.linked for file in tree.loose) if dated else 0
    say_skipped(folder, tree.skipped, beside, tree.beside)
    if not dated and tree.loose:
        return _files(_data(tree.loose))
    if not dated:
        msg = f"{name} holds no file to read ({KINDS})"
        raise InputError(msg)
    if any(file.state is not None and file.state.size for file in tree.wanted):
        return _files(_data(tree.wanted), dated=True)
    if tree.wanted:
        msg = f"{name} holds only empty files for {day}, such as {tree.wanted[0].path}"
        raise EmptyPartition(msg)
    dates = sorted(look_through(folder, None).dates)
    if day in dates:
        msg = f"{name} holds no file to read ({KINDS}) in its folder of {day}"
        raise EmptyPartition(msg)
    raise _no_folder(name, day, dates)


def _no_folder(name: str, day: date, dates: Sequence[date]) -> EmptyPartition:
    span = f"{len(dates)} dates, {dates[0]} to {dates[-1]}" if dates else "other dates"
    return EmptyPartition(f"{name} has no folder date={day}; it holds {span}")


def _data(entries: Sequence[FolderEntry]) -> Sequence[FolderEntry]:
    """Return what is surely data, where a folder has some: else everything that can be read."""
    return [entry for entry in entries if is_main(entry.name)] or entries


def _files(entries: Iterable[FolderEntry], *, dated: bool = False) -> Files:
    """Return files by path, each real one once; those without a byte are left out where others have some."""
    once = each_once(entries)
    full = [entry for entry in once if entry.state is not None and entry.state.size] or once
    paths = tuple(entry.path for entry in full)
    states = tuple(entry.state for entry in full if entry.state is not None)
    return Files(paths, format_of(paths), dated=dated, states=states)
