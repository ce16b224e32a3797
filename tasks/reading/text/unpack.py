"""A text file's bytes as UTF-8: unpacked and decoded by what they are, whatever the file is called."""

import bz2
import codecs
import gzip
import io
from collections.abc import Callable, Iterator
from typing import IO, cast

import polars as pl
from backports import zstd

from models.errors import InputError
from tasks.reading.files.store import open_bytes
from tasks.reading.text.file_kinds import foreign_kind, is_binary
from tasks.reading.text.xz import XzFile

AUTO = "auto"
CHUNK = 2**20
"""Bytes that are taken at once."""
_BAD_BYTES = "breakeven.bad_bytes"
_HEAD = 8192
_BEGINNING = 512
_LAYERS = 3
_MOST_UNPACKED = 256 * 2**20
"""Bytes that a file may hold however well it is packed."""
_MOST_TIMES = 1000
"""Times its own size that a file may hold beyond that. Texts are packed to a tenth, very like ones to a hundredth."""
_PACKED: tuple[tuple[bytes, Callable[[IO[bytes]], object]], ...] = (
    (b"\x1f\x8b\x08", gzip.open),
    *((b"BZh%d1AY&SY" % size, bz2.open) for size in range(1, 10)),
    *((b"BZh%d\x17rE8P\x90" % size, bz2.open) for size in range(1, 10)),  # of nothing
    (b"\xfd7zXZ\x00", XzFile),
    (b"\x28\xb5\x2f\xfd", zstd.open),
    *((bytes([0x50 + number]) + b"\x2a\x4d\x18", zstd.open) for number in range(16)),
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def text_chunks(path: str, encoding: str = AUTO) -> Iterator[bytes]:
    """Yield a file's text as UTF-8 without a byte order mark, in pieces, the first one full unless it is the last.

    `encoding`: as it is set; a mark at the beginning of the file decides all the same. Bytes that are not UTF-8 stay as they are. Raises `InputError` for a file that is no text, and what the
    library that unpacks it raises.
    """
    if path.startswith("hf://"):
        yield from _by_polars(path)
        return
    with open_bytes(path) as file:
        stream, head = _unpack(file, path)
        if (kind := foreign_kind(head)) is not None:
            msg = f"{path} is not text; it is {kind}"
            raise InputError(msg)
        found = _encoding(head) or (None if encoding.lower() == AUTO else encoding)
        if found is not None:
            yield from _decoded(stream, found)
            return
        if is_binary(head[:_BEGINNING]):
            msg = f"{path} is not text: it begins with bytes that no text has"
            raise InputError(msg)
        first = _read(stream, CHUNK)
        yield first.removeprefix(codecs.BOM_UTF8)
        while chunk := stream.read(CHUNK):
            yield chunk


def _unpack(file: IO[bytes], path: str) -> tuple[IO[bytes], bytes]:
    """Return the stream of what is inside a file, however often it is packed, and how that begins.

    It and every layer raise `InputError` where they unpack to much more than the file.
    """
    packed = _Packed(path)
    stream, head = _look(file, packed.count)
    for _ in range(_LAYERS):
        unpack = next((unpack for mark, unpack in _PACKED if head.startswith(mark)), None)
        if unpack is None:
            break
        stream, head = _look(cast("IO[bytes]", unpack(stream)), packed.check)
    return stream, head


class _Packed:
    """A file's own size, as far as it is read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._size = 0

    def count(self, size: int) -> None:
        """Take in how much of it is read."""
        self._size = size

    def check(self, unpacked: int) -> None:
        """Raise `InputError` where so many bytes are more than anything real is packed into what is read."""
        if unpacked > max(_MOST_UNPACKED, _MOST_TIMES * self._size):
            msg = (
                f"{self._path} is compressed and unpacks to more than {_MOST_TIMES:,} times its size, "
                "which no export does: unpack it first if that is meant"
            )
            raise InputError(msg)


def _look(stream: IO[bytes], said: Callable[[int], None]) -> tuple[IO[bytes], bytes]:
    """Return a stream from its beginning on, and the first bytes in it; `said`: is told how many were read."""
    head = _read(stream, _HEAD)
    return cast("IO[bytes]", io.BufferedReader(_Again(head, stream, said), _HEAD)), head


def _read(stream: IO[bytes], size: int) -> bytes:
    """Read so many bytes, fewer only at the end: a stream may give less at a time."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class _Again(io.RawIOBase):
    """Bytes that were read already, and then the rest of their stream."""

    def __init__(self, head: bytes, rest: IO[bytes], said: Callable[[int], None]) -> None:
        self._head = head
        self._rest = rest
        self._said = said
        self._read = len(head)
        said(self._read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(cast("bytearray", buffer)).cast("B")
        some = self._head[: len(target)]
        if not some:
            some = self._rest.read(len(target))
            self._read += len(some)
            self._said(self._read)
        self._head = self._head[len(target) :]
        target[: len(some)] = some
        return len(some)


def _encoding(head: bytes) -> str | None:
    """Return the encoding that a byte order mark or the zeros of UTF-16 tell; None for UTF-8 and its kin."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[:64:2], head[1:64:2]
    if len(odd) > 1 and odd.count(0) >= 0.9 * len(odd) and not even.count(0):
        return "utf-16-le"
    if len(odd) > 1 and even.count(0) >= 0.9 * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _decoded(stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    """Yield UTF-8 for text of another encoding; what cannot be decoded is no UTF-8 afterwards either."""
    decoder = codecs.getincrementaldecoder(encoding)(_BAD_BYTES)
    mark, done = "\ufeff", False
    while not done:
        chunk = _read(stream, CHUNK)
        done = not chunk
        text = decoder.decode(chunk, done).removeprefix(mark)
        yield text.encode("utf-8", "surrogateescape")
        mark = ""


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    """Put a byte that is no UTF-8 in the place of what cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_BAD_BYTES, _mark_bad_bytes)


def _by_polars(path: str) -> Iterator[bytes]:
    """Yield the lines of a file of Hugging Face, which polars alone opens.

    Its sign for bytes that are no UTF-8 stands for them here as well; one that the file really holds cannot be told from it.
    """
    frame = pl.scan_csv(
        path,
        has_header=False,
        separator="\x01",
        quote_char=None,
        new_columns=["line"],
        schema={"line": pl.String},
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
    for batch in frame.collect_batches(chunk_size=2000, lazy=True):
        lines = [line or "" for line in batch.get_column("line")]
        yield "".join(f"{line}\n" for line in lines).encode().replace("\ufffd".encode(), b"\xff")
