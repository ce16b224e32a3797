"""An OpenAI-compatible server for benchmarks, in a process of its own: a fixed answer after a fixed time.

`python -m bench.api_server LATENCY_SECONDS` prints its address and serves until its standard input ends.
It does as little as it can, so that a client that shares the machine with it is what is measured.
"""

import asyncio
import json
import sys
from typing import cast

HOST = "127.0.0.1"
LABEL = "neutral"
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 200, 128, 6
HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


def answer() -> bytes:
    """Make the one response: a label for the sentiment workload, with usage."""
    content = json.dumps({"label": LABEL})
    chat = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "bench",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": INPUT_TOKENS,
            "completion_tokens": OUTPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
            "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        },
    }
    body = json.dumps(chat).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """Answers one request after the other; looks at nothing but their lengths."""

    RESPONSE = answer()

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._unread = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole now, `latency` seconds from now."""
        self._unread += data
        while (size := request_size(self._unread)) is not None and len(self._unread) >= size:
            self._unread = self._unread[size:]
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._respond)
            else:
                self._respond()

    def _respond(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self.RESPONSE)


def request_size(data: bytes) -> int | None:
    """Return the bytes of the request that `data` begins with, None while its head is not whole."""
    end = data.find(HEAD_END)
    if end < 0:
        return None
    head = data[:end].lower() + b"\r\n"
    start = head.index(LENGTH) + len(LENGTH)
    return end + len(HEAD_END) + int(head[start : head.index(b"\r\n", start)])


async def serve(latency: float) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency), HOST, 0, backlog=1024)
    print(f"http://{HOST}:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
