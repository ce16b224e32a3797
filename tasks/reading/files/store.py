"""Files by name, in a local folder or an object store: opened, and told apart from what they were before."""

import io
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from models.errors import InputError, hide_secrets
from tasks.reading.files.address import is_remote, is_web, split_url
from tasks.reading.files.connect import open_store

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore

_FIRST_PIECE, _PIECE = 2**18, 8 * 2**20
"""How many bytes of an object are asked for at first, when only its head may be wanted, and at most at a time."""
_AT_ONCE = 16
"""How many objects are asked about at a time."""
_REFUSED = "access denied: see that the credentials are set, and that they may read and list it"
_AWAY = re.compile(
    r"connection refused|connection reset|dns error|timed out|certificate[^\"\n]{0,60}", re.IGNORECASE
)


class InputChanged(InputError):
    """A file was changed while it was read, so that what was read of it may be of neither content."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file is still the one that was opened.

    `size` in bytes; `version`: its inode and time of change, or what the store calls this content (ETag).
    `touched`: when the file system last noted a change of it, in nanoseconds. No program sets that back, but a
    new name or owner counts too: so it tells no two states apart, only one that is kept from one that is now.
    """

    size: int
    version: str
    touched: int = field(default=0, compare=False)


def state_of(path: str) -> FileState:
    """Return what a file is now. Raises `OSError` where it is not there."""
    if not is_remote(path):
        return state_from_stat(Path(path).stat())
    if path.startswith("hf://"):  # a revision's files stay what they are
        return FileState(0, "")
    root, key = split_url(path)
    with store_errors():
        try:
            return state_from(obstore.head(open_store(root), key))
        except (BaseError, OSError):
            if not is_web(path):
                raise
            return state_from(
                obstore.get(open_store(root), key).meta
            )  # an address may be signed for GET alone


def state_from_stat(found: os.stat_result) -> FileState:
    """Return the state that the file system tells of a file."""
    return FileState(found.st_size, f"{found.st_ino} {found.st_mtime_ns}", found.st_ctime_ns)


def state_from(meta: "ObjectMeta") -> FileState:
    """Return the state that a store tells of an object."""
    return FileState(meta["size"], meta["e_tag"] or str(meta["last_modified"]))


def check_unchanged(paths: Sequence[str], states: Sequence[FileState]) -> None:
    """See that files still are what they were. Raises `InputChanged` that names one that is not."""
    if any(is_remote(path) for path in paths):
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            now = list(pool.map(_state_or_none, paths))
    else:
        now = [_state_or_none(path) for path in paths]
    for path, before, after in zip(paths, states, now, strict=True):
        if after != before:
            raise _changed(path, "is gone" if after is None else "was changed")


def _state_or_none(path: str) -> FileState | None:
    try:
        return state_of(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise InputError(msg) from error


def _changed(path: str, what: str) -> InputChanged:
    return InputChanged(
        f"{path} {what} while it was read: nothing of the day is published; run again when the file is written"
    )


@contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading its bytes from start to end, as they are stored. Raises `OSError`, and `InputChanged`."""
    if not is_remote(path):
        with Path(path).open("rb") as file:
            yield file
        return
    root, key = split_url(path)
    stream = _WebStream(open_store(root), key) if is_web(path) else _Stream(path, open_store(root), key)
    with io.BufferedReader(stream, 2**16) as buffered:
        yield cast("IO[bytes]", buffered)


class _Stream(io.RawIOBase):
    """An object as one stream, asked for piece by piece, so that its reader may take hours.

    Raises `InputChanged` where a piece is no longer of the object that was opened.
    """

    def __init__(self, path: str, store: "ObjectStore", key: str) -> None:
        self._path = path
        self._store = store
        self._key = key
        self._state: ObjectMeta | None = None
        self._place = 0
        self._size = _FIRST_PIECE
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if not self._left:
            self._left = memoryview(self._next())
        target = memoryview(cast("bytearray", buffer)).cast("B")
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _next(self) -> bytes:
        if self._state is not None and self._place >= self._state["size"]:
            return b""
        options: GetOptions = {"range": (self._place, self._place + self._size)}
        if self._state is not None and self._state["e_tag"]:
            options["if_match"] = self._state["e_tag"]
        try:
            with store_errors():
                found = obstore.get(self._store, self._key, options=options)
                piece = bytes(found.bytes())
        except PreconditionError as error:
            raise _changed(self._path, "was changed") from error
        except OSError:
            if (
                self._state is None and state_of(self._path).size == 0
            ):  # nothing can be a part of an empty object
                return b""
            raise
        self._state = found.meta
        self._place += len(piece)
        self._size = min(4 * self._size, _PIECE)
        return piece


class _WebStream(_Stream):
    """A web page's bytes, as one answer: not every server gives parts."""

    def __init__(self, store: "ObjectStore", key: str) -> None:
        self._left = memoryview(b"")
        with store_errors():
            self._pieces = iter(obstore.get(store, key).stream(min_chunk_size=2**16))

    def _next(self) -> bytes:
        with store_errors():
            return bytes(next(self._pieces, b""))


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what a store's library raises into an `OSError` of one line without secrets."""
    try:
        yield
    except PreconditionError:
        raise
    except FileNotFoundError:
        raise FileNotFoundError(2, "it does not exist") from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise PermissionError(13, _REFUSED) from None
    except (BaseError, ValueError) as error:
        raise OSError(5, _reason(str(error))) from None


def _reason(text: str) -> str:
    """Return what went wrong, in one line, of an error that tells its whole history."""
    if "NoSuchBucket" in text:
        return "there is no such bucket"
    if "status code: 403" in text or "AccessDenied" in text:
        return _REFUSED
    if "Unable to recognise URL" in text:
        return "no kind of address that can be read: give a path, s3://, gs://, az://, abfss://, http:// or https://"
    if "Account must be specified" in text:
        return "no account is named: set AZURE_STORAGE_ACCOUNT_NAME"
    if (found := _AWAY.search(text)) is not None:
        return f"the store does not answer: {found[0].lower()}"
    first = hide_secrets((text.splitlines() or [""])[0])
    return re.sub(r"^Generic \w+ error: |\s*<\?xml.*|, after \d+ retries.*| in [\d.]+m?s\b", "", first)[:300]
