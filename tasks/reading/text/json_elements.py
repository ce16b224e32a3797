"""JSON text cut into the elements of its arrays, of which one that is too long is passed over."""

import re
from collections.abc import Iterator
from typing import NoReturn

from models.errors import InputError
from tasks.reading.longest import LONGEST_ROW

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+[{}\[\]]", re.DOTALL)
"""Everything up to the next bracket that is in no string, and the bracket."""
_GAP = re.compile(rb"[\s,\x1e]*+")
_PLAIN = re.compile(_STRING + rb'|[^\s,\[\]{}"]++', re.DOTALL)
"""An element that is neither object nor array."""
_TO_RUN = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+(?:([{\[]++)|([}\]]++)|(?=\")|\Z)", re.DOTALL)
"""Everything up to the next brackets that are in no string, and these, as many as open, or close, in a row; or up to a string that is not whole."""
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_QUOTE = ord('"')
_CLOSING = bytes.maketrans(b"{[", b"}]")
_DEPTH_KEPT = 1_000_000
"""Brackets that are open at one time of which their kind is kept; deeper ones are counted."""


class _OpenBrackets:
    """The brackets that are open."""

    def __init__(self) -> None:
        self._kinds = bytearray()
        self._deeper = 0

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def open(self, run: bytes) -> None:
        """Take in brackets that open."""
        room = _DEPTH_KEPT - len(self._kinds)
        self._kinds += run[:room]
        self._deeper += max(0, len(run) - room)

    def close(self, run: bytes) -> int | None:
        """Take in brackets that close; return with how many of them none is open any more, None where some are. Raises `ValueError` where they do not match."""
        deeper = min(self._deeper, len(run))
        self._deeper -= deeper
        count = min(len(self._kinds), len(run) - deeper)
        kinds = self._kinds[len(self._kinds) - count :]
        if kinds[::-1].translate(_CLOSING) != run[deeper : deeper + count]:
            raise ValueError
        del self._kinds[len(self._kinds) - count :]
        return None if self._kinds else deeper + count


class Elements:
    """Cuts a JSON text into the elements of its arrays, and objects outside of any, by brackets and strings alone."""

    def __init__(self, path: str, chunks: Iterator[bytes]) -> None:
        self._path = path
        self._chunks = chunks
        self._text = b""
        self._at = 0
        self._followed = 0
        self._line = 1

    def all(self) -> Iterator[tuple[bytes | None, int]]:
        """Yield each element and the line that it begins in; None for one that is too long. Raises `InputError` where brackets do not match."""
        inside = False
        while self._skip_gap():
            kind = self._text[self._at : self._at + 1]
            if kind == b"[" and not inside:
                inside = True
                self._at += 1
            elif kind == b"]" and inside:
                inside = False
                self._at += 1
            else:
                number = self._line
                end = self._end_of_bracket() if kind in {b"{", b"["} else self._end_of_plain()
                if end is None:
                    yield None, number
                    continue
                element = self._text[self._at : end]
                self._line += element.count(b"\n")
                self._at = end
                yield element, number
        if inside:
            self._refuse("ends before its array is closed")

    def _skip_gap(self) -> bool:
        """Go to what comes next; whether there is anything."""
        while True:
            end = after_gap(self._text, self._at)
            self._line += self._text.count(b"\n", self._at, end)
            self._at = end
            if self._at < len(self._text):
                return True
            if not self._more():
                return False

    def _more(self) -> bool:
        """Take more of the text; whether there was any. What was left stands at its beginning."""
        size = max(
            0, len(self._text) - self._at
        )  # as much again, so that a long element is copied a few times only
        parts = []
        while (chunk := next(self._chunks, None)) is not None:
            parts.append(chunk)
            size -= len(chunk)
            if size <= 0:
                break
        self._text = b"".join([self._text[self._at :], *parts])
        self._at = 0
        return bool(parts)

    def _end_of_bracket(self) -> int | None:
        """Return where the object or array that begins here ends; None for one that is too long, which is passed over."""
        opened, done = _OpenBrackets(), 0
        while True:
            if (end := self._follow(opened, self._at + done)) is not None:
                return end
            done = self._followed - self._at
            if len(self._text) - self._at > LONGEST_ROW:
                self._pass_over(opened)
                return None
            if not self._more():
                self._refuse("ends before a bracket or a quote is closed")

    def _follow(self, opened: _OpenBrackets, at: int) -> int | None:
        """Follow the brackets in what is held, from outside of its strings on; return where none is open any more, None where that comes later.

        `_followed` is then where a string begins that is not whole, or the end.
        """
        while (run := _TO_RUN.match(self._text, at)) is not None and run.lastindex:
            at = run.end()
            if run[1]:
                opened.open(run[1])
                continue
            try:
                last = opened.close(run[2])
            except ValueError:
                self._refuse("has brackets that do not match")
            if last is not None:
                return run.start(2) + last
        self._followed = at if run is None else run.end()
        return None

    def _pass_over(self, opened: _OpenBrackets) -> None:
        """Go to the end of an element of which these brackets are open, from where it was followed to on; nothing of it is held."""
        at, counted, in_string = self._followed, self._at, False
        end = None
        while end is None:
            if in_string:
                at = _IN_STRING.match(self._text, at).end()  # type: ignore[union-attr]  # it matches nothing as well
                if at < len(self._text) and self._text[at] == _QUOTE:
                    in_string, at = False, at + 1
                    continue
            elif (end := self._follow(opened, at)) is not None:
                continue
            elif self._followed < len(self._text):
                in_string, at = True, self._followed + 1
                continue
            skip = 1 if in_string and at < len(self._text) else 0  # what comes after a backslash at the end
            self._line += self._text.count(b"\n", counted)
            self._text = next(self._chunks, b"")
            at = counted = skip
            if not self._text:
                self._refuse("ends before a bracket or a quote is closed")
        self._line += self._text.count(b"\n", counted, end)
        self._at = end

    def _end_of_plain(self) -> int:
        while True:
            found = _PLAIN.match(self._text, self._at)
            if found is not None and found.end() < len(self._text):
                return found.end()
            if len(self._text) - self._at > LONGEST_ROW:
                self._refuse(
                    f"has a text or a number that is longer than {LONGEST_ROW >> 20} MiB and in no object"
                )
            if not self._more():
                if found is None:
                    self._refuse("has a bracket or a quote too many")
                return found.end()

    def _refuse(self, what: str) -> NoReturn:
        msg = f"{self._path} is not valid JSON: it {what}; look at line {self._line}"
        raise InputError(msg)


def after_gap(text: bytes, at: int) -> int:
    """Return where the next element begins: after blanks, line ends and commas."""
    gap = _GAP.match(text, at)
    return at if gap is None else gap.end()
