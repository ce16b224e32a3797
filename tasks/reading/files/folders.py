"""What lies in a folder, local or in an object store, and which of it is no data."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from logging import getLogger
from pathlib import Path

import obstore

from models.errors import InputError, hide_secrets, one_line
from tasks.reading.files.address import is_remote, is_web, split_url
from tasks.reading.files.connect import open_store
from tasks.reading.files.formats import find_format
from tasks.reading.files.store import FileState, state_from, state_from_stat, store_errors

log = getLogger(__name__)
_NAMED = 5
"""So many skipped names are said."""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A file or folder of a folder. `state` None: a folder.

    `identity` is equal for two names of the same local file. `linked`: the name leads to it by a link.
    """

    name: str
    path: str
    state: FileState | None
    identity: tuple[int, int] | str
    linked: bool = False

    def under(self, folders: Sequence["FolderEntry"]) -> "FolderEntry":
        """Return it as found below folders, of which one may be a link."""
        return replace(self, linked=True) if any(folder.linked for folder in folders) else self


def list_folder(place: str) -> list[FolderEntry]:
    """Return what a folder holds, by name; nothing where an object store has no such folder. Raises `OSError`."""
    found = _list_remote(place) if is_remote(place) else _list_local(place)
    return sorted(found, key=lambda entry: entry.name)


def exists_below(url: str) -> bool:
    """Whether an object store has anything below an address. Raises `OSError`."""
    root, key = split_url(url)
    with store_errors():
        return any(obstore.list(open_store(root), prefix=key or None, chunk_size=1))


def walk(place: str, skipped: list[str], above: Sequence[FolderEntry] = ()) -> Iterator[FolderEntry]:
    """Yield every file below a folder, but for those in or under hidden names, whose names are added to `skipped`.

    A folder that is linked into itself is entered once.
    """
    for entry in visible(list_folder(place), skipped):
        if entry.state is not None:
            yield entry.under(above)
        elif not is_entered(entry, above):
            yield from walk(entry.path, skipped, (*above, entry))


def is_entered(folder: FolderEntry, above: Sequence[FolderEntry]) -> bool:
    """Whether a folder is one of those that lead down to it: only a link can bring that about."""
    if not any(one.linked for one in (*above, folder)):
        return False
    real = Path(folder.path).resolve()
    return any(Path(one.path).resolve() == real for one in above)


def visible(entries: Iterable[FolderEntry], skipped: list[str]) -> Iterator[FolderEntry]:
    """Leave out names that begin with `.` or `_`, by which programs mark what is no data; those that may hold data are added to `skipped`."""
    for entry in entries:
        if is_hidden(entry.name):
            add_skipped(entry, skipped)
        else:
            yield entry


def add_skipped(entry: FolderEntry, skipped: list[str]) -> None:
    """Note the name of a hidden entry, if it may hold data."""
    if entry.state is None:
        skipped.append(f"{entry.name}/")
    elif find_format(entry.name):
        skipped.append(entry.name)


def is_hidden(name: str) -> bool:
    """Whether a name marks what is no data; a column of a Hive folder may begin with `_`."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def each_once(entries: Iterable[FolderEntry]) -> list[FolderEntry]:
    """Return files by path, each real one once: under its own name rather than that of a link."""
    found: dict[tuple[int, int] | str, FolderEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.linked, entry.path)):
        found.setdefault(entry.identity, entry)
    return sorted(found.values(), key=lambda entry: entry.path)


def say_skipped(location: str, skipped: Iterable[str], loose: int = 0, beside: int = 0) -> None:
    """Say in one line which names below a location were left out, how many files in no folder of a date, and how many such folders beside files."""
    names = sorted(set(skipped), key=lambda name: (not name.endswith("/"), name))
    parts = []
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        parts.append(f"{', '.join(names[:_NAMED])}{more} (names that begin with . or _ are no data)")
    if loose:
        parts.append(f"{loose} file{'s' if loose > 1 else ''} outside the folders of dates")
    if beside:
        parts.append(f"{beside} folder{'s' if beside > 1 else ''} of dates beside its files")
    if parts:
        _say(f"{hide_secrets(location)}: left out {'; '.join(parts)}")


@lru_cache(maxsize=1000)
def _say(line: str) -> None:
    """Write a line to the log, once in a process: the same place is looked at many times in a run."""
    log.warning("%s", one_line(line))


def _list_local(place: str) -> Iterator[FolderEntry]:
    above = (
        "" if place == "." else str(Path(place) / "_")[:-1]
    )  # a path for each of thousands would take longer
    with os.scandir(place) as found:
        for one in found:
            path = above + one.name
            if one.is_symlink() and not Path(path).exists():  # it leads nowhere, or to itself
                continue
            if not (one.is_dir() or one.is_file()):  # a pipe
                continue
            if one.is_dir():
                yield FolderEntry(one.name, path, None, path, one.is_symlink())
                continue
            stat = one.stat()
            identity = (stat.st_dev, stat.st_ino)
            yield FolderEntry(one.name, path, state_from_stat(stat), identity, one.is_symlink())


def _list_remote(place: str) -> Iterator[FolderEntry]:
    if is_web(place):
        msg = f"{place} cannot be listed: give the address of one file"
        raise InputError(msg)
    root, key = split_url(place)
    with store_errors():
        found = obstore.list_with_delimiter(open_store(root), prefix=key or None)
    for folder in found["common_prefixes"]:
        path = f"{root}/{folder}"
        yield FolderEntry(folder.rpartition("/")[2], path, None, path)
    for meta in found["objects"]:
        path = f"{root}/{meta['path']}"
        if meta["path"] != key:  # the mark of the folder itself
            yield FolderEntry(meta["path"].rpartition("/")[2], path, state_from(meta), path)
