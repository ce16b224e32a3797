"""How much of a reply is taken: bytes of its body, as they came and as they unfold, and values of its JSON.

A body may be compressed to a thousandth of itself, or have no end. What is too large is given up as soon as that is known,
whatever its status is: nobody knows then what it said.
"""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import cast

import httpx2

TOO_LARGE, UNDECODABLE = "too_large", "undecodable"
"""Failures of a reply whose body is longer, or encoded otherwise, than was asked for."""
ACCEPTED = "gzip, deflate"
"""The encodings that are asked for. Those of other decoders take memory by the sender's choice: a window of zstd is 128 MiB."""
PIECE = 2**18
LARGE = 1_000_000
"""From so many bytes on a body waits until few others are read that are so large."""
LARGE_AT_ONCE = 4
MOST_VALUES = 400_000
"""Values of one JSON body: a text of a million tokens is one, one token with its probabilities are about fourteen."""
MOST_CHUNKS, LEAST_CHUNK, CHUNKS_A_TURN = 100_000, 1000, 100
"""Chunks of one body, their usual size at least in a long one, and after how many others have their turn: a chunk may be a byte."""
MOST_ANSWER = 1_000_000
"""Characters of an answer: eight times as many as the tokens that any model writes (128,000, 2026-11-30)."""
FEW_BYTES = 300_000
"""Of so short a body no value is counted."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
_MARKS = (b",", b":", b"[", b"{")


class ReplyTooLarge(httpx2.RemoteProtocolError):
    """The body is longer than may be. The connection is closed; the request was sent."""


class UnknownEncoding(httpx2.DecodingError):
    """The body is encoded as nobody asked for, or damaged."""


class LargeReplies:
    """Lets few tasks at a time hold a large body. For one event loop."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LARGE_AT_ONCE)
        self._holders: set[object] = set()

    async def enter(self) -> None:
        """Wait until there is room for the current task's body; once there is, it stays until `leave`."""
        task = asyncio.current_task()
        if task not in self._holders:
            await self._room.acquire()
            self._holders.add(task)

    def leave(self, task: object) -> None:
        """Give a task's room to another one."""
        if task in self._holders:
            self._holders.discard(task)
            self._room.release()


def limit_replies(
    most: int, *, of_errors: int | None = None, large: LargeReplies | None = None, values: int | None = None
) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return an event hook by which a client reads at most so many bytes of a body: it raises `ReplyTooLarge` for more.

    `of_errors`: what may come with a status that is no success, where that is another limit. `values`: of a body without long
    texts, how many values of JSON at most, where others than we take it apart. Raises `UnknownEncoding` for a
    body that is encoded otherwise than asked for.
    """

    async def limit(response: httpx2.Response) -> None:
        encodings = response.headers.get_list("content-encoding", split_commas=True)
        decoder = _decoder_of([one.strip().lower() for one in encodings])
        response.headers.pop("content-encoding", None)
        own = most if response.is_success or of_errors is None else of_errors
        body = cast("httpx2.AsyncByteStream", response.stream)
        response.stream = _LimitedBody(body, decoder, own, large, values)

    return limit


def parse_json(content: bytes) -> object:
    """Return what a body says. Raises `ValueError` for what is no JSON, `ReplyTooLarge` for one of too many values."""
    if len(content) > FEW_BYTES and _is_crowded(content):
        msg = "the body has too many values"
        raise ReplyTooLarge(msg)
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError from error


def _is_crowded(content: bytes) -> bool:
    """Whether a body would take many times its size in memory: by its values, or by escapes, of which a character needs two at most."""
    if content.count(b"\\") > 2 * MOST_ANSWER:
        return True
    return _marks(content) > MOST_VALUES and _marks(_STRING.sub(b"", content)) > MOST_VALUES


def _marks(content: bytes) -> int:
    return sum(map(content.count, _MARKS))


class _LimitedBody(httpx2.AsyncByteStream):
    """A body that unfolds as it is read, up to a limit."""

    def __init__(
        self,
        body: httpx2.AsyncByteStream,
        decoder: "_Decoder",
        most: int,
        large: LargeReplies | None,
        values: int | None,
    ) -> None:
        self._body = body
        self._decoder = decoder
        self._most = most
        self._large = large
        self._values = values

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = unfolded = chunks = marks = 0
        async for chunk in self._body:
            read, chunks = read + len(chunk), chunks + 1
            if chunks % CHUNKS_A_TURN == 0:
                await asyncio.sleep(0)
            for piece in self._decoder.decode(chunk):
                unfolded += len(piece)
                marks += 0 if self._values is None else _marks(piece)
                self._check(unfolded, marks=marks)
                if self._large is not None and unfolded > LARGE:
                    await self._large.enter()
                yield piece
            self._check(read, chunks)
        self._decoder.end()

    def _check(self, size: int, chunks: int = 0, marks: int = 0) -> None:
        too_many = marks > (self._values or 0) or chunks > max(MOST_CHUNKS, self._most // LEAST_CHUNK)
        if size > self._most or too_many:
            msg = f"the body is longer than {self._most:,} bytes"
            raise ReplyTooLarge(msg)

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._body.aclose()


class _Decoder:
    """Passes on what comes."""

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk unfolds to, in pieces."""
        yield chunk

    def end(self) -> None:
        """See that nothing is missing. Raises `UnknownEncoding`."""


class _Inflater(_Decoder):
    """Unfolds gzip and deflate, the latter with its head or without."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(window)
        self._begun = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk unfolds to. What stands behind the end is passed over."""
        try:
            piece = b"" if self._inflate.eof else self._first(chunk)
            while piece:
                yield piece
                piece = self._inflate.decompress(self._inflate.unconsumed_tail, PIECE)
        except zlib.error as error:
            raise UnknownEncoding(str(error)) from None

    def _first(self, chunk: bytes) -> bytes:
        begun, self._begun = self._begun, True
        try:
            return self._inflate.decompress(chunk, PIECE)
        except zlib.error:
            if begun or self._window != zlib.MAX_WBITS:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._inflate.decompress(chunk, PIECE)

    def end(self) -> None:
        """See that the end came, if anything did."""
        if self._begun and not self._inflate.eof:
            msg = "the compressed body is cut off"
            raise UnknownEncoding(msg)


def _decoder_of(encodings: Sequence[str]) -> _Decoder:
    """Return what unfolds a body. Raises `UnknownEncoding` for anything but one that was asked for."""
    match [one for one in encodings if one not in {"", "identity"}]:
        case []:
            return _Decoder()
        case ["gzip" | "x-gzip"]:
            return _Inflater(zlib.MAX_WBITS | 16)
        case ["deflate"]:
            return _Inflater(zlib.MAX_WBITS)
        case _:
            msg = "the body is encoded in another way than was asked for"
            raise UnknownEncoding(msg)
