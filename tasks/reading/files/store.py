"""Files by name, in a local folder or an object store: listed, opened, and told apart from what they were before."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

import obstore
from obstore.store import from_url

from tasks.reading.source import is_remote

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_BUFFER = 2**20


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file is still the one that was opened.

    `size` in bytes; `version`: its inode and time of change, or what the store calls this content (ETag).
    """

    size: int
    version: str


def state_of(path: str) -> FileState:
    """Return what a file is now. Raises `OSError` where it is not there."""
    if not is_remote(path):
        found = Path(path).stat()
        return FileState(found.st_size, f"{found.st_ino} {found.st_mtime_ns}")
    store, key = _place(path)
    meta = obstore.head(store, key)
    return FileState(meta["size"], meta["e_tag"] or str(meta["last_modified"]))


@contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading its bytes from start to end, as they are stored. Raises `OSError`."""
    if not is_remote(path):
        with Path(path).open("rb") as file:
            yield file
        return
    store, key = _place(path)
    with io.BufferedReader(
        _Stream(obstore.get(store, key).stream(min_chunk_size=_BUFFER)), _BUFFER
    ) as stream:
        yield cast("IO[bytes]", stream)


class _Stream(io.RawIOBase):
    """The chunks of an object as one stream."""

    def __init__(self, chunks: "obstore.BytesStream") -> None:
        self._chunks = iter(chunks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(bytes(chunk))
        target = memoryview(cast("bytearray", buffer)).cast("B")
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size


def _place(url: str) -> "tuple[ObjectStore, str]":
    """Return the store of a URL and the key in it."""
    parts = urlsplit(url, allow_fragments=False)
    return _store(f"{parts.scheme}://{parts.netloc}"), parts.path.lstrip("/")


@lru_cache
def _store(root: str) -> "ObjectStore":
    """Return a store, set up by the same environment variables that polars reads (`AWS_…`, `GOOGLE_…`, `AZURE_…`)."""
    return from_url(root)
