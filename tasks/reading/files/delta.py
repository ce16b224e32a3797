"""Which files of a Delta table are in it now: others lie beside them, whose rows were changed or deleted."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import orjson
import polars as pl

from models.errors import InputError
from tasks.reading.files.address import is_remote
from tasks.reading.files.folders import FolderEntry, list_folder
from tasks.reading.files.store import open_bytes
from tasks.reading.longest import LONGEST_ROW

_LOG = "_delta_log"
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d+\.\d+)?\.parquet")
_ELSEWHERE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:/|^/|(^|/)\.\.?(/|$)|\0")
"""What begins a path that leads out of a folder: a scheme, a root, or a step upwards."""


def keep_live(files: list[FolderEntry], folders: Iterable[str]) -> list[FolderEntry]:
    """Leave out files below these folders that are no longer in a Delta table there. Raises as `_live_files`."""
    for table in dict.fromkeys(_table_of(folder) for folder in folders):
        if (live := _live_files(table)) is not None:
            files = [file for file in files if file.path in live or not file.path.startswith(f"{table}/")]
    return files


def _table_of(folder: str) -> str:
    """Return the folder above those of a table's partitions."""
    folder = folder.rstrip("/")
    while "=" in folder.rpartition("/")[2]:
        folder = folder.rpartition("/")[0]
    return folder


def _live_files(table: str) -> frozenset[str] | None:
    """Return the paths of a table's files, as its log has them; None where it has no log that can be understood.

    Raises `InputError` for a log that lacks commits, and for a table that marks single rows as deleted, and `OSError`.
    """
    log = f"{table}/{_LOG}" if table else _LOG
    if not (is_remote(log) or Path(log).is_dir()):
        return None
    return _read_log(table, tuple(entry for entry in list_folder(log) if entry.state is not None))


@lru_cache(8)
def _read_log(table: str, entries: tuple[FolderEntry, ...]) -> frozenset[str] | None:
    checkpoints = _by_version(entries, _CHECKPOINT)
    first = max(checkpoints, default=-1)
    files = set[str]()
    marked = False
    for entry in checkpoints.get(first, []):
        added = _added(entry.path)
        files.update(added.get_column("path"))
        marked |= added.get_column("marked").any()
    commits = {version: found for version, found in _by_version(entries, _COMMIT).items() if version > first}
    if sorted(commits) != list(range(first + 1, first + 1 + len(commits))):
        msg = f"{table} is a Delta table whose log lacks commits: copy it whole"
        raise InputError(msg)
    for version in sorted(commits):
        marked |= _apply(commits[version][0].path, files)
    live = {_below(table, path) for path in files}
    if marked:
        msg = (
            f"{table} is a Delta table with deletion vectors, which mark deleted rows: "
            "REORG TABLE … APPLY (PURGE) writes it without them"
        )
        raise InputError(msg)
    return frozenset(live) if files or first >= 0 else None


def _below(table: str, written: object) -> str:
    """Return the path of a file that a log names. Raises `InputError` for one that lies elsewhere, as those of a shallow clone do."""
    path = unquote(written) if isinstance(written, str) else ""
    whole = table if is_remote(table) else str(Path(table).absolute())
    path = path.removeprefix("" if is_remote(table) else "file://").removeprefix(f"{whole}/")
    if not path or _ELSEWHERE.search(path):
        msg = f"{table} is a Delta table whose log names files that are not in its folder: copy it whole"
        raise InputError(msg)
    return f"{table}/{path}" if table else path


def _by_version(entries: Iterable[FolderEntry], form: re.Pattern[str]) -> dict[int, list[FolderEntry]]:
    found: dict[int, list[FolderEntry]] = {}
    for entry in entries:
        if (match := form.fullmatch(entry.name)) is not None:
            found.setdefault(int(match[1]), []).append(entry)
    return found


def _added(checkpoint: str) -> pl.DataFrame:
    """Return the files of a checkpoint, and whether rows of them are marked as deleted."""
    frame = (
        pl.scan_parquet([checkpoint], glob=False)
        .select("add")
        .filter(pl.col("add").is_not_null())
        .unnest("add")
    )
    names = frame.collect_schema().names()
    marks = (
        pl.col("deletionVector").struct.field("storageType").is_not_null()
        if "deletionVector" in names
        else False
    )
    return frame.select("path", marked=marks).collect()


def _apply(commit: str, files: set[str]) -> bool:
    """Add and remove files as a commit says. Return whether it marks rows as deleted."""
    marked = False
    with open_bytes(commit) as file:
        while line := file.readline(LONGEST_ROW):
            if len(line) == LONGEST_ROW:
                msg = f"{commit} has a line of 64 MiB or more, which no log of a Delta table has: copy the table whole"
                raise InputError(msg)
            try:
                action = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            added, removed = (
                action.get(name) if isinstance(action, dict) else None for name in ("add", "remove")
            )
            if isinstance(removed, dict) and isinstance(path := removed.get("path"), str):
                files.discard(path)
            if isinstance(added, dict) and "path" in added:
                files.add(path if isinstance(path := added["path"], str) else "")
                marked |= bool(added.get("deletionVector"))
    return marked
