"""Files that a pattern matches: `*`, `?`, `[…]` inside a name and `**` for any depth, local and in object stores alike."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from tasks.reading.files.address import is_remote, split_url
from tasks.reading.files.folders import FolderEntry, add_skipped, is_entered, is_hidden, list_folder, walk


def match_pattern(pattern: str, skipped: list[str]) -> list[FolderEntry]:
    """Return the files that a pattern matches; where it matches folders alone, every file below them.

    A part of it that exists as it is written is taken literally. Hidden names (`folders.is_hidden`) are matched only by a part
    that begins as they do; the others are added to `skipped`. Raises `OSError`.
    """
    place, parts = _split(pattern)
    found = list(_match(place, parts, skipped, ()))
    files = [entry for entry in found if entry.state is not None]
    if files:
        return files
    return [file for folder in found for file in walk(folder.path, skipped, (folder,))]


def _split(pattern: str) -> tuple[str, list[str]]:
    """Return the folder that a pattern starts from, and its parts below."""
    if is_remote(pattern):
        root, key = split_url(pattern)
        return root, [part for part in key.split("/") if part]
    path = Path(pattern)
    return path.anchor or ".", [part for part in path.parts if part != path.anchor]


def _match(
    place: str, parts: Sequence[str], skipped: list[str], above: tuple[FolderEntry, ...]
) -> Iterator[FolderEntry]:
    part, rest = parts[0], parts[1:]
    if not has_magic(part):
        inner = _join(place, part)
        if rest:
            yield from _match(inner, rest, skipped, above) if _is_folder(inner) else ()
        else:
            yield from (entry for entry in _list(place) if entry.name == part)
        return
    entries = _list(place)
    literal = [entry for entry in entries if entry.name == part]
    if part == "**":
        yield from _match_deep(place, entries, rest, skipped, above)
        return
    for entry in literal or _matching(entries, part, skipped):
        if not rest:
            yield entry
        elif entry.state is None:
            yield from _match(entry.path, rest, skipped, above)


def _match_deep(
    place: str,
    entries: Sequence[FolderEntry],
    rest: Sequence[str],
    skipped: list[str],
    above: tuple[FolderEntry, ...],
) -> Iterator[FolderEntry]:
    """Match the parts after `**` here and in every folder below; a folder that is linked into itself is entered once."""
    if rest:
        yield from _match(place, rest, skipped, above)
    for entry in _matching(entries, "*", skipped):
        if entry.state is None and not is_entered(entry, above):
            yield from _match(entry.path, ["**", *rest], skipped, (*above, entry))
        elif entry.state is not None and not rest:
            yield entry


def _matching(entries: Sequence[FolderEntry], part: str, skipped: list[str]) -> Iterator[FolderEntry]:
    for entry in entries:
        if not fnmatchcase(entry.name, part):
            continue
        if is_hidden(entry.name) and part[0] != entry.name[0]:
            add_skipped(entry, skipped)
        else:
            yield entry


def _list(place: str) -> list[FolderEntry]:
    return list_folder(place) if _is_folder(place) else []


def _is_folder(place: str) -> bool:
    return is_remote(place) or Path(place).is_dir()


def _join(place: str, name: str) -> str:
    return f"{place}/{name}" if is_remote(place) else str(Path(place) / name)
