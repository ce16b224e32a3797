"""Valid contents and what is done to them: bytes that are put in, taken out, repeated or cut off, values of JSON that are exchanged."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.judge import SECRET

LARGEST = 512 << 10
"""Bytes that repeated contents may have."""
TOKENS: tuple[bytes, ...] = (
    b"",
    b'"',
    b'""',
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\x00",
    b"\\",
    b'\\"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"=",
    b"#",
    b"%",
    b"-",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"\x1b]0;title\x07",
    b"\x1b[2J",
    b"\xc2\x9b31m",
    b"\xe2\x80\xae",
    b"\xe2\x80\xa8",
    b"\xf3\xa0\x81\xa1",
    b"[red]",
    b"NaN",
    b"Infinity",
    b"-0",
    b"1e999",
    b"9" * 400,
    b"9" * 5000,
    b"18446744073709551616",
    b"null",
    b"true",
    b"0001-01-01",
    b"9999-12-31T23:59:60+23:59",
    b"294277-01-10T04:00:54Z",
    b"../../etc/passwd",
    b"{}",
    b'{"a":',
    b"[[[[[[[[",
    b"=HYPERLINK(1)",
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: what is done, where (a place beyond the end begins again), to how many bytes, with which, how often."""

    kind: str
    at: int
    length: int = 1
    token: bytes = b""
    times: int = 1

    def apply(self, content: bytes) -> bytes:
        """Return the content as it is after the change."""
        at = self.at % (len(content) + 1)
        before, here, after = content[:at], content[at : at + self.length], content[at + self.length :]
        if self.kind == "insert":
            return before + self.token + here + after
        if self.kind == "replace":
            return before + self.token + after
        if self.kind == "delete":
            return before + after
        if self.kind == "cut":
            return before
        if self.kind == "flip":
            return before + bytes(one ^ (1 << self.times % 8) for one in here) + after
        times = min(self.times, LARGEST // max(len(self.token or here), 1))
        return before + (self.token or here) * times + after


@dataclass(frozen=True, slots=True)
class Mutated:
    """A content and its changes."""

    base: bytes
    edits: tuple[Edit, ...] = ()

    def content(self) -> bytes:
        """Return the bytes after all changes."""
        return reduce(lambda content, edit: edit.apply(content), self.edits, self.base)


_KINDS = st.sampled_from(["insert", "replace", "delete", "flip", "cut", "repeat"])
_BYTES = st.sampled_from(TOKENS) | st.binary(max_size=6)
EDITS = st.builds(
    Edit,
    _KINDS,
    st.integers(0, 4095),
    st.integers(0, 8) | st.integers(0, 300),
    _BYTES,
    st.integers(0, 16) | st.sampled_from([1_000, 100_000, 1_000_000]),
)


def mutated(bases: Sequence[bytes], most: int = 5) -> st.SearchStrategy[Mutated]:
    """Draw one of some valid contents and a few changes, of which there may be none."""
    return st.builds(Mutated, st.sampled_from(bases), st.lists(EDITS, max_size=most).map(tuple))


TEXTS: st.SearchStrategy[str] = st.text(max_size=8) | st.sampled_from([
    "",
    " ",
    "\x00",
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "x" * 3_000,
    SECRET,
    f"sk-{SECRET}",
    f"quota of {SECRET} is used up",
    "insufficient_quota",
    "context_length_exceeded",
    "https://user:pass@host/?key=1",
    "[link=http://x]y",
    "0",
    "1e400",
    "2026-11-24",
])  # fmt: skip
NUMBERS: st.SearchStrategy[Any] = st.integers() | st.floats() | st.sampled_from([
    0,
    -1,
    True,
    1.5,
    2**31 - 1,
    2**63,
    2**64,
    10**30,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
])  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One change of a JSON value: the value at a place (counted through all, beginning again beyond the end), or without it."""

    at: int
    value: Any
    leave_out: bool = False


def exchanged(value: Any, exchanges: Sequence[Exchange]) -> Any:  # noqa: ANN401  any JSON value
    """Return a JSON value after all changes; the given one stays as it is."""
    return reduce(_exchange, exchanges, value)


EXCHANGES = st.lists(st.builds(Exchange, st.integers(0, 60), VALUES, st.booleans()), max_size=3).map(tuple)


def as_json(value: Any) -> bytes:  # noqa: ANN401  any JSON value
    """Write a value as JSON, numbers that JSON does not have and halves of pairs included."""
    return json.dumps(value).encode()


def _exchange(value: Any, change: Exchange) -> Any:  # noqa: ANN401
    holder = [_copy(value)]
    places = list(_places(holder))
    within, key = places[change.at % len(places)]
    if change.leave_out and within is not holder:
        del within[key]
    else:
        within[key] = change.value
    return holder[0]


def _copy(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _places(value: Any) -> Any:  # noqa: ANN401
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
