"""A server on loopback that answers each request with the bytes of a script: whatever status, headers, framing and body."""

import gzip
import io
import json
import socket
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from backports import zstd

BOMB_BYTES = 512 << 20
"""What a reply that is made to be large unfolds to."""
CHUNK = 1 << 20
_PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, 1, mtime=0),
    "deflate": zlib.compress,
    "zstd": lambda content: bytes(zstd.compress(content, 1)),
}


@dataclass(frozen=True, slots=True)
class Wire:
    """How a body goes over the wire.

    `framing`: `length`, `short` and `long` (a length that is not true), `chunked`, `torn` (chunks without end), `none`
    (until the connection is closed), `flood` (chunks for as long as the client takes them, up to `BOMB_BYTES`).
    `packed`: the encoding that the header names; `bomb`: the packed body unfolds to `BOMB_BYTES`.
    """

    status: bytes = b"200 OK"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    framing: str = "length"
    packed: str = ""
    bomb: bool = False
    named: str = ""

    def send(self, body: bytes, out: socket.socket) -> bool:
        """Send a reply; return whether the connection can be used again."""
        if self.packed:
            body = bomb(self.packed) if self.bomb else _PACK[self.packed](body)
        head = [b"HTTP/1.1 " + self.status, b"Content-Type: application/json"]
        head += [name + b": " + value for name, value in self.headers]
        if named := self.named or self.packed:
            head.append(b"Content-Encoding: " + named.encode())
        lengths = {"length": len(body), "short": len(body) // 2, "long": len(body) + 10}
        if self.framing in lengths:
            head.append(b"Content-Length: %d" % lengths[self.framing])
        elif self.framing != "none":
            head.append(b"Transfer-Encoding: chunked")
        out.sendall(b"\r\n".join(head) + b"\r\n\r\n")
        if self.framing == "flood":
            piece = b"%x\r\n" % CHUNK + b" " * CHUNK + b"\r\n"
            for _ in range(BOMB_BYTES // CHUNK):
                out.sendall(piece)
        elif self.framing in {"chunked", "torn"}:
            half = len(body) // 2
            pieces = [one for one in (body[:half], body[half:]) if one]
            out.sendall(b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces))
            out.sendall(b"0\r\n\r\n" if self.framing == "chunked" else b"ffff\r\nx")
        else:
            out.sendall(body)
        return self.framing in {"length", "chunked"} and not self.status.startswith(b"1")


USUAL = Wire()


@cache
def bomb(packed: str) -> bytes:
    """Return a small body that unfolds to spaces and then an object."""
    space, out = b" " * CHUNK, io.BytesIO()
    if packed == "zstd":
        with zstd.open(out, "wb") as file:
            for _ in range(BOMB_BYTES // CHUNK):
                file.write(space)
            file.write(b"{}")
        return out.getvalue()
    coder = zlib.compressobj(1, zlib.DEFLATED, 31 if packed == "gzip" else 15)
    pieces = [coder.compress(space) for _ in range(BOMB_BYTES // CHUNK)]
    return b"".join([*pieces, coder.compress(b"{}"), coder.flush()])


Answer = Callable[[str, Any, socket.socket], bool]
"""Answers a request (its first line, its JSON body or None) on a connection; returns whether that can be used again."""


class RawServer(socketserver.ThreadingTCPServer):
    """The server. `answer` may be exchanged between cases; `seen` counts requests."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer = lambda *_: False
        self.seen = 0

    @property
    def url(self) -> str:
        """The address of /v1."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        with suppress(OSError):
            while (line := self.rfile.readline()) and self._answer(line.decode("latin-1").strip()):
                pass

    def _answer(self, line: str) -> bool:
        length = 0
        while header := self.rfile.readline().strip().lower():
            if header.startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        body = self.rfile.read(length)
        self.server.seen += 1
        try:
            asked = json.loads(body) if body else None
        except ValueError:  # a form with a file
            asked = None
        return self.server.answer(line, asked, self.connection)


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """Run a server in a thread."""
    with RawServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
