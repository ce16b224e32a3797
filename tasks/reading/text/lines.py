"""The lines of a text file, and rows that could not be made of them."""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain
from typing import NamedTuple

from models.records import WHOLE_LINE, Fault
from tasks.reading.failures import input_errors
from tasks.reading.longest import LONGEST_ROW
from tasks.reading.text.unpack import AUTO, text_chunks

__all__ = ["AUTO", "Broken", "RawRow", "TextLines", "ends_in_cr", "head_and_rest", "overlong"]

_FIRST_CR = re.compile(rb"[^\r\n]+\r(?!\r*\n)")


class Broken(NamedTuple):
    """A row that could not be taken apart."""

    fault: Fault


def overlong(what: str, limit: str = "") -> Broken:
    """Return what stands for a line or a row that is longer than may be held; `limit`: what it reaches, if that is not bytes alone."""
    limit = limit or f"{LONGEST_ROW >> 20} MiB"
    return Broken(
        Fault("too_long", f"{what} has {limit} or more", WHOLE_LINE, f"must have less than {limit}")
    )


RawRow = tuple[object, ...] | Broken
"""The values of the wanted columns, in their order."""


def head_and_rest(path: str, encoding: str = AUTO) -> tuple[bytes, Iterator[bytes]]:
    """Return how a file's text begins, and all of it in pieces from the beginning on. Raises `InputError`."""
    chunks = _chunks(path, encoding)
    head = next(chunks, b"")
    return head, chain([head], chunks)


def _chunks(path: str, encoding: str) -> Iterator[bytes]:
    with input_errors(path):
        yield from text_chunks(path, encoding)


def ends_in_cr(head: bytes, outside: bytes) -> bool:
    """Whether lines end in CR alone, as old Macs wrote them: the first line does, or most do outside of quotes."""
    if b"\r" not in head:
        return False
    if _FIRST_CR.match(outside):
        return True
    feeds = outside.count(b"\n")
    alone = outside.count(b"\r") - outside.count(b"\r\n") - outside.count(b"\r\r\n")
    return alone > feeds


class TextLines:
    """The lines of a text with their ends, as they are; of a longer one `LONGEST_ROW` bytes and its end.

    `also_cr`: CR alone ends a line too.
    """

    def __init__(self, chunks: Iterable[bytes], *, also_cr: bool = False) -> None:
        self._cutter = _Cutter(chunks, also_cr=also_cr)
        self._lines = self._cutter.lines()

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def pass_over(self, mark: re.Pattern[bytes]) -> int:
        """Drop everything before the next such mark, a line's beginning too; return how many line ends are dropped."""
        return self._cutter.pass_over(mark)


class _Cutter:
    """What `TextLines` holds of its text. It knows nothing of the iterator over it, so that both go at once, with the text."""

    def __init__(self, chunks: Iterable[bytes], *, also_cr: bool) -> None:
        self._chunks = filter(None, chunks)
        self._also_cr = also_cr
        self._block: Iterator[bytes] = iter(())  # whole lines
        self._parts: list[bytes] = []  # of the line that is not whole yet
        self._size = 0
        self._again = b""  # what was taken from the chunks and is to come once more

    def pass_over(self, mark: re.Pattern[bytes]) -> int:
        """Drop everything before the next such mark; return how many line ends are dropped."""
        dropped = 0
        self._again = b"".join([*self._block, *self._parts, self._again])
        self._parts, self._size = [], 0
        while chunk := self._next():
            found = mark.search(chunk)
            end = len(chunk) if found is None else found.start()
            dropped += chunk.count(b"\n", 0, end)
            if self._also_cr:
                dropped += chunk.count(b"\r", 0, end) - chunk.count(b"\r\n", 0, end)
            if found is not None:
                self._again = chunk[end:]
                break
        return dropped

    def _next(self) -> bytes:
        again, self._again = self._again, b""
        return again or next(self._chunks, b"")

    def lines(self) -> Iterator[bytes]:
        """Yield the lines."""
        while chunk := self._next():
            cut = chunk.rfind(b"\n") + 1
            if self._also_cr:
                cut = max(cut, chunk.rfind(b"\r", 0, -1) + 1)
                if not cut and self._parts and self._parts[-1].endswith(b"\r"):
                    yield from self._whole(b"", chunk)
                    continue
            if cut:
                yield from self._whole(chunk[:cut], chunk[cut:])
            elif self._size < LONGEST_ROW:
                self._parts.append(chunk[: LONGEST_ROW - self._size])
                self._size += len(chunk)
        if any(self._parts):
            yield from self._whole(b"", b"")

    def _whole(self, end: bytes, rest: bytes) -> Iterator[bytes]:
        """Return the lines of what is held, which ends with this; hold the rest."""
        text = b"".join([*self._parts, end])
        self._parts, self._size = [rest], len(rest)
        self._block = iter(text.splitlines(keepends=True)) if self._also_cr else BytesIO(text)
        return self._block
