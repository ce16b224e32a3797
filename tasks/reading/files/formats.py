"""Formats of files, told by their names."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from models.errors import InputError
from tasks.reading.files.address import path_part

Format = Literal["parquet", "csv", "jsonl"]
_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".tsv": "csv",
    ".parq": "parquet",
}
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".gzip", ".zstd")
_MAIN = (".parquet", ".pq", ".csv", ".jsonl", ".ndjson")
KINDS = ", ".join(_FORMATS)
"""The endings that are known, for messages."""


def find_format(name: str) -> Format | None:
    """Return the format that a file's name says, None for a name that says none."""
    name = path_part(name).lower()
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    return _FORMATS.get(PurePosixPath(name).suffix)


def is_main(name: str) -> bool:
    """Whether a file is surely data: others, such as a description in JSON or a second form, count in a folder without these."""
    return find_format(name) is not None and any(ending in name.lower() for ending in _MAIN)


def is_packed(name: str) -> bool:
    """Whether a file's name says that its content is compressed."""
    return path_part(name).lower().endswith(_COMPRESSIONS)


def format_of(names: Sequence[str]) -> Format:
    """Return the one format of all files. Raises `InputError` where a name says none, or they are of several."""
    formats = [find_format(name) for name in names]
    if None in formats:
        name = names[formats.index(None)]
        msg = f"{name}: unknown kind of file; give one of {KINDS} (text files may be compressed)"
        raise InputError(msg)
    found = sorted({one for one in formats if one is not None})
    if len(found) > 1:
        msg = f"the input mixes {' and '.join(found)} files; give a glob that selects one kind"
        raise InputError(msg)
    return found[0]
