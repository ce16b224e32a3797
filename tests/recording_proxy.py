"""A reverse proxy that writes down, for each request to an API, what the server behind it replied and reported.

`with RecordingProxy("127.0.0.1", 8000) as proxy: … proxy.url … proxy.seen`. It hands requests and replies on
byte by byte. Replies must come with a Content-Length, which is how vLLM's API server sends what it does not
stream.
"""

import asyncio
import json
import threading
import time
from typing import Self

from tests.faulty_api import Seen
from tests.faulty_replies import Json, record_text, text_hash

END = b"\r\n\r\n"


class RecordingProxy:
    """The proxy, on an event loop in a thread. A context manager, which closes its port at the end."""

    def __init__(self, host: str, port: int) -> None:
        """Name the server behind it."""
        self.seen: list[Seen] = []
        self._behind = host, port
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port and all connections."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join one connection of the client to one of its own to the server."""
        server_reader, server_writer = await asyncio.open_connection(*self._behind)
        try:
            while True:
                request, asked = await _message(reader)
                at = time.monotonic()
                server_writer.write(request)
                reply, replied = await _message(server_reader)
                self.seen.append(_seen(request, asked, reply, replied, at))
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # one of the two is gone, or the proxy is closed
        finally:
            server_writer.close()
            writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, Json]:
    """Read one request or reply; return its bytes and its JSON body."""
    head = await reader.readuntil(END)
    body = await reader.readexactly(int(_headers(head)["content-length"]))
    return head + body, json.loads(body)


def _headers(message: bytes) -> dict[str, str]:
    lines = message.split(END, 1)[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def _seen(request: bytes, asked: Json, reply: bytes, replied: Json, at: float) -> Seen:
    headers, text = _headers(request), record_text(asked)
    return Seen(
        attempt=headers.get("x-client-request-id", ""),
        text_hash=text_hash(text),
        fault="",
        status=int(reply.split(b" ", 2)[1]),
        usage=replied.get("usage"),
        at=at,
        authorization=headers.get("authorization", ""),
        body=asked,
    )
