"""A server whose replies have no end, unfold to a thousand times their size, or come a byte at a time; for every request the same.

`with HostileServer(WIRES["gzip"]) as server: … server.url, server.sent`. As a process,
`python -m tests.hostile_server KIND` prints its address and serves until it is ended.
"""

import json
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import repeat
from typing import Self

from backports import zstd

Wire = Callable[[], Iterator[bytes]]
MOST_SENT = 4 * 2**30
"""Bytes after which a connection is closed, so that no test runs for ever."""
PIECE = 2**16


def _head(status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Anything", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _endless(piece: bytes, status: int = 200, **headers: str) -> Wire:
    """Send a body without an end, in chunks."""
    return lambda: _and_then(_head(status, Transfer_Encoding="chunked", **headers), repeat(_chunk(piece)))


def _and_then(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def whole(body: bytes, status: int = 200, **headers: str) -> Wire:
    """Send this body, whole."""
    return lambda: iter([_head(status, Content_Length=str(len(body)), **headers) + body])


def _bomb(window: int, gib: float = 1.5) -> bytes:
    """Fold gigabytes of spaces: one block, again and again. The sum at the end is wrong, which nobody may live to see."""
    fold = zlib.compressobj(9, zlib.DEFLATED, window)
    first = fold.compress(b" " * 2**20) + fold.flush(zlib.Z_FULL_FLUSH)
    block = fold.compress(b" " * 2**20) + fold.flush(zlib.Z_FULL_FLUSH)
    return first + block * int(gib * 1024)


def _twice_folded() -> bytes:
    fold = zlib.compressobj(9, zlib.DEFLATED, 31)
    return fold.compress(_bomb(31)) + fold.flush()


def _wide_zstd() -> bytes:
    """Fold little in a frame that asks for a window of 128 MiB."""
    parameter = zstd.CompressionParameter
    options = {int(parameter.window_log): 27, int(parameter.content_size_flag): 0}
    fold = zstd.ZstdCompressor(options=options)
    return fold.compress(b"[" + b" " * 2**20) + fold.flush()


def _empty_blocks() -> Iterator[bytes]:
    """Send deflate blocks that hold nothing, without an end."""
    yield _head(Transfer_Encoding="chunked", Content_Encoding="gzip")
    yield _chunk(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
    yield from repeat(_chunk(b"\x00\x00\x00\xff\xff" * 10_000))


def _slowly(first: bytes, piece: bytes) -> Wire:
    def drip() -> Iterator[bytes]:
        yield first
        while True:
            time.sleep(0.05)
            yield piece

    return drip


def chat(content: str) -> bytes:
    """Return a completion with this answer."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


WIRES: Mapping[str, Callable[[], Wire]] = {
    "plain": lambda: _endless(b" " * PIECE),
    "plain_length": lambda: lambda: _and_then(_head(Content_Length=str(2**30)), repeat(b" " * PIECE)),
    "until_close": lambda: lambda: _and_then(_head(Connection="close"), repeat(b"[" * PIECE)),
    "small_chunks": lambda: _endless(b" "),
    "error": lambda: _endless(b"x" * PIECE, 500),
    "unauthorised": lambda: _endless(b"x" * PIECE, 401),
    "limited": lambda: _endless(b"x" * PIECE, 429),
    "redirect": lambda: _endless(b"x" * PIECE, 307, Location="http://127.0.0.1:9/"),
    "no_content": lambda: _endless(b"x" * PIECE, 299),
    "gzip": lambda: whole(_bomb(31), Content_Encoding="gzip"),
    "gzip_error": lambda: whole(_bomb(31), 400, Content_Encoding="gzip"),
    "deflate": lambda: whole(_bomb(15), Content_Encoding="deflate"),
    "raw_deflate": lambda: whole(_bomb(-15), Content_Encoding="deflate"),
    "zstd": lambda: whole(zstd.compress(b" " * 2**26, 3), Content_Encoding="zstd"),
    "wide_zstd": lambda: whole(_wide_zstd(), Content_Encoding="zstd"),
    "brotli": lambda: whole(b"x" * 1000, Content_Encoding="br"),
    "unknown": lambda: whole(chat("x"), Content_Encoding="compress"),
    "twice": lambda: whole(_twice_folded(), Content_Encoding="gzip, gzip"),
    "many_folds": lambda: whole(b"", Content_Encoding=", ".join(["gzip"] * 5000)),
    "empty_blocks": lambda: _empty_blocks,
    "behind_the_end": lambda: (
        lambda: _and_then(
            _head(Transfer_Encoding="chunked", Content_Encoding="gzip"),
            repeat(_chunk(zlib.compressobj(9, zlib.DEFLATED, 31).flush() + b"x" * PIECE)),
        )
    ),
    "head": lambda: lambda: _and_then(b"HTTP/1.1 200 OK\r\n", repeat(b"X-Much: " + b"x" * 1000 + b"\r\n")),
    "long_header": lambda: lambda: _and_then(b"HTTP/1.1 200 OK\r\nX-Much: ", repeat(b"x" * PIECE)),
    "informs": lambda: lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "trailers": lambda: (
        lambda: _and_then(
            _head(Transfer_Encoding="chunked") + b"0\r\n", repeat(b"X-Much: " + b"x" * 1000 + b"\r\n")
        )
    ),
    "chunk_extension": lambda: (
        lambda: _and_then(_head(Transfer_Encoding="chunked") + b"5;", repeat(b"x" * PIECE))
    ),
    "drip_head": lambda: _slowly(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "drip_body": lambda: _slowly(_head(Content_Length="1000000"), b" "),
    "values": lambda: whole(b"[" + b"{}," * 2_600_000 + b"{}]"),
    "digits": lambda: whole(b"1" * 7_900_000),
    "fraction": lambda: whole(b"[0." + b"1" * 7_900_000 + b"]"),
    "nested": lambda: whole(b"[" * 7_900_000),
    "text": lambda: whole(chat("word " * 1_500_000)),
    "wide_text": lambda: whole(
        chat("word " * 1_500_000 + "\N{PILE OF POO}").replace(b"\\ud83d\\udca9", "\N{PILE OF POO}".encode())
    ),
    "marks": lambda: whole(chat('{"' * 2_500_000)),
    "fences": lambda: whole(chat("```json\n" * 900_000)),
    "thoughts": lambda: whole(chat("<think>" * 1_000_000)),
    "refusals": lambda: whole(
        json.dumps({"error": {"message": "seed not supported. " * 390_000}}).encode(), 400
    ),
    "inner_json": lambda: whole(json.dumps({"error": {"message": ['{"a":'] * 190_000}}).encode(), 400),
}
"""How a reply goes over the wire, by kind."""


class HostileServer:
    """The server, a thread for each connection. A context manager, which closes its port at the end."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.sent = 0
        self.requests = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="hostile", daemon=True)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port and all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        sent = 0
        try:
            while _read_request(connection):
                with self._lock:
                    self.requests += 1
                for piece in self._wire():
                    connection.sendall(piece)
                    sent += len(piece)
                    with self._lock:
                        self.sent += len(piece)
                    if sent > MOST_SENT:
                        return
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def _read_request(connection: socket.socket) -> bool:
    """Read one request whole; False at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(PIECE)
        if not more:
            return False
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    ]
    left = int(sizes[0]) - len(body) if sizes else 0
    while left > 0:
        left -= len(connection.recv(PIECE))
    return True


def main() -> None:
    """Serve one kind until the process is ended."""
    with HostileServer(WIRES[sys.argv[1]]()) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
