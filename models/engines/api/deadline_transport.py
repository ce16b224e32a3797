"""Sends the requests of a synchronous client with an asynchronous one, so that each has a deadline as a whole.

A synchronous client's time-outs count from byte to byte: one byte a minute keeps it for days.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar, cast

import httpx2

T = TypeVar("T")

SENDING_SECONDS = 3600.0
"""Deadline of sending a request: a file of 200 MB, over a slow line."""


class DeadlineTransport(httpx2.BaseTransport):
    """The transport of a synchronous client: `client` sends, on an event loop in a thread of its own.

    From the last byte of a request on, its reply has `seconds` to come as a whole; then `httpx2.ReadTimeout` is raised.
    """

    def __init__(
        self, client: httpx2.AsyncClient, seconds: float, sending_seconds: float = SENDING_SECONDS
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._sending_seconds = sending_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="deadline-transport", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; return its reply with a body that is still to be read."""
        sending = _Sending(cast("httpx2.SyncByteStream", request.stream))
        again = httpx2.Request(
            request.method,
            request.url,
            headers=request.headers,
            stream=sending,
            extensions=request.extensions,
        )
        reply = self._wait(self._send(again, sending))
        body = _Body(self, reply, (sending.ended or self._loop.time()) + self._seconds)
        return httpx2.Response(
            reply.status_code, headers=reply.headers, stream=body, extensions=reply.extensions
        )

    async def _send(self, request: httpx2.Request, sending: "_Sending") -> httpx2.Response:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._sending_seconds) as deadline:
                sending.when_ended(lambda: deadline.reschedule(loop.time() + self._seconds))
                return await self._client.send(request, stream=True)
        except TimeoutError:
            msg = "no whole reply within its deadline"
            raise httpx2.ReadTimeout(msg, request=request) from None

    async def next_piece(self, pieces: AsyncIterator[bytes], deadline: float) -> bytes | None:
        """Return the next piece of a body, None at its end. Raises `httpx2.ReadTimeout` once its deadline has passed."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(pieces, None)
        except TimeoutError:
            msg = "no whole body within its deadline"
            raise httpx2.ReadTimeout(msg) from None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the event loop and wait for it; an interrupt of the waiting cancels it."""
        return self._wait(work)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except BaseException:
            doing.cancel()
            raise

    def close(self) -> None:
        """Close the connections, and end the thread."""
        if self._loop.is_closed():
            return
        self._wait(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Sending(httpx2.AsyncByteStream):
    """A request's body, which notes when its last byte was handed on."""

    def __init__(self, body: httpx2.SyncByteStream) -> None:
        self._body = body
        self._tell: Callable[[], None] = lambda: None
        self.ended = 0.0

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Call something at the end."""
        self._tell = tell

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._body:
            yield piece
        self.ended = asyncio.get_running_loop().time()
        self._tell()


class _Body(httpx2.SyncByteStream):
    """A reply's body, read piece by piece."""

    def __init__(self, transport: DeadlineTransport, reply: httpx2.Response, deadline: float) -> None:
        self._transport = transport
        self._reply = reply
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._reply.aiter_bytes()
        while (piece := self._transport.run(self._transport.next_piece(pieces, self._deadline))) is not None:
            yield piece

    def close(self) -> None:
        """Let the connection go."""
        self._transport.run(self._reply.aclose())
