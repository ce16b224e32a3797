"""The lines of a text file, and rows that could not be made of them."""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain
from typing import NamedTuple

from models.records import Fault
from tasks.reading.failures import input_errors
from tasks.reading.longest import LONGEST_ROW
from tasks.reading.text.unpack import AUTO, text_chunks

__all__ = ["AUTO", "Broken", "RawRow", "ends_in_cr", "head_and_rest", "split_lines"]

_FIRST_CR = re.compile(rb"[^\r\n]+\r(?!\r*\n)")


class Broken(NamedTuple):
    """A row that could not be taken apart."""

    fault: Fault


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


def split_lines(chunks: Iterable[bytes], *, also_cr: bool = False) -> Iterator[bytes]:
    """Yield the lines of a text with their ends, as they are; of a longer one `LONGEST_ROW` bytes and its end.

    `also_cr`: CR alone ends a line too.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in filter(None, chunks):
        cut = chunk.rfind(b"\n") + 1
        if also_cr:
            cut = max(cut, chunk.rfind(b"\r", 0, -1) + 1)
            if parts and not cut and parts[-1].endswith(b"\r"):
                yield from b"".join(parts).splitlines(keepends=True)
                parts, size = [], 0
        if cut:
            block = b"".join([*parts, chunk[:cut]])
            yield from block.splitlines(keepends=True) if also_cr else BytesIO(block)
            parts, size, chunk = [], 0, chunk[cut:]  # noqa: PLW2901 - the rest of it
        if size < LONGEST_ROW:
            parts.append(chunk[: LONGEST_ROW - size])
            size += len(chunk)
    if any(parts):
        last = b"".join(parts)
        yield from last.splitlines(keepends=True) if also_cr else [last]
