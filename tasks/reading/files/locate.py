"""Which files hold a partition, and in which format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from glob import glob, has_magic
from pathlib import Path
from typing import Literal

from models.errors import InputError
from tasks.reading.source import is_remote

Format = Literal["parquet", "csv", "jsonl"]
_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
_FOLDER = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


class EmptyPartition(InputError):
    """The input can be read, but holds no record of the date."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files to read, in order. `dated`: their folder already says the date."""

    paths: tuple[str, ...]
    format: Format
    dated: bool = False


def locate(location: str, partition: date) -> Files:
    """Find the files of a location: one file, a glob, a folder, a folder of `date=…` folders, a URL.

    Raises `InputError` where nothing is there or the format is unknown, and `EmptyPartition` where
    only the folder of the date is missing.
    """
    if is_remote(location):
        return _locate_remote(location, partition)
    path = Path(location)
    if path.is_dir():
        return _locate_folder(path, partition)
    if path.is_file():
        return Files((location,), _format_of([location]))
    if has_magic(location):
        names = glob(location, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = sorted(name for name in names if Path(name).is_file())
        if found:
            return Files(tuple(found), _format_of(found))
    msg = (
        f"input {location} does not exist (looked from {Path.cwd()})"
        if not path.is_absolute()
        else f"input {location} does not exist"
    )
    raise InputError(msg)


def _locate_remote(url: str, partition: date) -> Files:
    if _suffix(url) is not None:
        return Files((url,), _format_of([url]))
    return Files((f"{url.rstrip('/')}/date={partition}/*.parquet",), "parquet", dated=True)


def dated_folders(location: str) -> list[date] | None:
    """Return the dates of a local folder of `date=…` folders, ascending; None for any other location."""
    if is_remote(location) or not Path(location).is_dir():
        return None
    names = _dated_names(Path(location))
    return [day for name in names if (day := _date(name)) is not None] if names else None


def remote_folders(url: str) -> str:
    """Return the glob of every file below the `date=…` folders of an object store."""
    return f"{url.rstrip('/')}/date=*/*.parquet"


def folder_date(path: str) -> date | None:
    """Return the date that the folder of a file names, None where it names none."""
    found = _FOLDER.fullmatch(Path(path).parent.name)
    return None if found is None else _date(found[1])


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:  # looks like a date, but there is no such day
        return None


def _dated_names(folder: Path) -> list[str]:
    return sorted(match[1] for child in folder.iterdir() if (match := _FOLDER.fullmatch(child.name)))


def _locate_folder(folder: Path, partition: date) -> Files:
    dates = _dated_names(folder)
    if not dates:
        return Files(*_files_below(folder, deep=False))
    if str(partition) not in dates:
        msg = (
            f"{folder} has no folder date={partition}; it holds {len(dates)} dates, {dates[0]} to {dates[-1]}"
        )
        raise EmptyPartition(msg)
    paths, format_ = _files_below(folder / f"date={partition}", deep=True)
    return Files(paths, format_, dated=True)


def _files_below(folder: Path, *, deep: bool) -> tuple[tuple[str, ...], Format]:
    files = folder.rglob("*") if deep else folder.glob("*")
    found = sorted(
        str(path) for path in files if path.name[0] not in "._" and path.is_file() and _suffix(path.name)
    )
    if not found:
        kinds = ", ".join(_FORMATS)
        kind = EmptyPartition if deep else InputError
        msg = f"{folder} holds no file to read ({kinds})"
        raise kind(msg)
    return tuple(found), _format_of(found)


def _suffix(name: str) -> str | None:
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    suffix = Path(name).suffix.lower()
    return suffix if suffix in _FORMATS else None


def _format_of(names: Sequence[str]) -> Format:
    suffixes = [_suffix(name) for name in names]
    unknown = next((name for name, suffix in zip(names, suffixes, strict=True) if suffix is None), None)
    if unknown is not None:
        msg = f"{unknown}: unknown kind of file; give one of {', '.join(_FORMATS)} (text files may be compressed)"
        raise InputError(msg)
    formats = {_FORMATS[suffix] for suffix in suffixes if suffix is not None}
    if len(formats) > 1:
        msg = f"the input mixes {' and '.join(sorted(formats))} files; give a glob that selects one kind"
        raise InputError(msg)
    return formats.pop()
