"""The files of a folder, and the dates that the folders in it say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from tasks.reading.files.days import FolderDate
from tasks.reading.files.delta import keep_live
from tasks.reading.files.folders import FolderEntry, is_entered, list_folder, visible, walk
from tasks.reading.files.formats import find_format, is_main


@dataclass(slots=True)
class FolderTree:
    """What lies below a folder, as far as it was looked at.

    `wanted`: files of the date that is looked for; `dates`: every date that a folder names; `elsewhere`: some folders hold other
    dates alone; `loose`: files in no folder of a date; `beside`: folders that begin a date, but lie beside files; `skipped`: what has a hidden name.
    """

    wanted: list[FolderEntry] = field(default_factory=list)
    dates: set[date] = field(default_factory=set)
    elsewhere: bool = False
    loose: list[FolderEntry] = field(default_factory=list)
    beside: int = 0
    skipped: list[str] = field(default_factory=list)


def look_through(folder: str, day: date | None) -> FolderTree:
    """Look through a folder for the files of a date, and for dates; None: for dates alone."""
    tree = FolderTree()
    entries = list(visible(list_folder(folder), tree.skipped))
    named = any(entry.state is None and FolderDate().enter(entry.name).named for entry in entries)
    if not named and any(entry.state is not None and is_main(entry.name) for entry in entries):
        folders = [
            entry for entry in entries if entry.state is None
        ]  # beside files they are no part of the input
        tree.beside = sum(FolderDate().enter(folder.name) != FolderDate() for folder in folders)
        entries = [entry for entry in entries if entry.state is not None]
    _look_into(tree, entries, FolderDate(), day, ())
    tree.wanted, tree.loose = (keep_live(files, [folder]) for files in (tree.wanted, tree.loose))
    return tree


def _look_into(
    tree: FolderTree,
    entries: Iterable[FolderEntry],
    said: FolderDate,
    day: date | None,
    above: Sequence[FolderEntry],
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


def _take(tree: FolderTree, file: FolderEntry, said: FolderDate, day: date | None) -> None:
    if said.day is None:
        tree.loose.append(file)
        return
    tree.dates.add(said.day)
    if said.day == day:
        tree.wanted.append(file)
