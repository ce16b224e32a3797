"""The page over the ledger, as `breakeven ledger serve` serves it: whatever is asked for, it answers, and says nothing on its terminal."""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hypothesis import strategies as st

from tests.fuzz.judge import fail
from tests.fuzz.mutate import EDITS, Edit, Mutated
from tests.integration.page.books import fill
from tests.integration.page.harness import Served, start

GROWTH = 600 << 20
SECONDS = 60.0
SECONDS_OF_A_TORN = 1.0
"""How long an answer is waited for to a request that may be only half of one."""
_NAMES = (
    "workload",
    "engine",
    "model",
    "route",
    "outcome",
    "run",
    "since",
    "until",
    "purpose",
    "after",
    "state",
    "token",
    "x",
)
_VALUES = st.sampled_from([
    "", "sentiment", "9" * 39, "9" * 5_000, "-1", "1e9", "0000-01-01", "0001-01-01", "9999-12-31", "2026-11-24", "2026-W01-1", "20261124", "all",
    "production", "vllm", "local", "\x00", "\ud800", "\x1b[2J", "\u202e", "'; DROP TABLE runs; --", "%", "_", "0192f0c1-7d3e-7000-8000-000000000001",
    "00000000000000000000000000000000", "0" * 32 + ".1.r01", "0" * 32 + "." + "9" * 39 + ".r01", "0" * 32 + ".-1.", "0" * 32 + ".1.\x00", "a" * 60_000,
    "<script>alert(1)</script>", "{uuid}", "running", "failed",
])  # fmt: skip
_PATHS = st.sampled_from([
    "/", "/lines", "/runs", "/rates", "/nowhere", "/lines/", "//lines", "/../etc/passwd", "/%00", "/%", "/%ff", "/%ed%a0%80", "/_nicegui/", "/docs", "/openapi.json",
    "/_nicegui/3.0.0/static/nicegui.js", "/_nicegui/3.0.0/components/../../x", "/_nicegui/client/x", "/_nicegui/auto/static/../../../etc/passwd", "/favicon.ico",
    "/_nicegui_ws/socket.io/", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/_nicegui_ws/socket.io/?EIO=4&transport=polling&sid=x", "*", "http://evil.example/",
    "/" + "a" * 70_000, "/\x1b[2J", "/lines?" + "a=1&" * 20_000,
])  # fmt: skip
_METHODS = st.sampled_from(
    ["GET"] * 8 + ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "\x1b"]
)
_HEADERS = st.sampled_from([
    ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Cookie", "id=" + "x" * 500), ("Cookie", "\xff=;;="), ("Content-Length", "-1"),
    ("Content-Length", "99999999999999999999"), ("Transfer-Encoding", "chunked"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Range", "bytes=0-0,-1"),
    ("Accept-Language", "\xff"), ("If-None-Match", "*"), ("If-Modified-Since", "x"), ("Accept-Encoding", "gzip;q=nan"), ("X-Forwarded-For", "1"), ("X-Forwarded-Prefix", "/\x1b"),
    ("Content-Type", "multipart/form-data; boundary=x"), ("Expect", "100-continue"), ("Host", "evil.example"), ("Host", "[::1"), ("Referer", "\x1b[2J"),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, whose bytes may be changed. `shows`: its token in a cookie, in the address, or nowhere."""

    method: str = "GET"
    path: str = "/"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    edits: tuple[Edit, ...] = ()
    shows: str = "cookie"

    @property
    def is_plain(self) -> bool:
        """Whether it is a whole request that is answered at once."""
        return not (self.edits or self.headers or self.body or self.path.startswith("/_nicegui_ws"))

    def content(self, served: Served, token: str) -> bytes:
        """Return the bytes that are sent."""
        query = [(name, value) for name, value in self.query]
        if self.shows == "address":
            query.append(("token", token))
        pairs = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in query)
        path = f"{self.path}{'&' if '?' in self.path else '?'}{pairs}" if pairs else self.path
        head = [f"{self.method} {path} HTTP/1.1"]
        if not any(name == "Host" for name, _ in self.headers):
            head.append(f"Host: {served.host}")
        head += [f"{name}: {value}" for name, value in self.headers]
        if self.shows == "cookie":
            head.append(f"Cookie: breakeven_{served.host.partition(':')[2]}={token}")
        head += ["Connection: close"]
        if self.body and not any(name == "Content-Length" for name, _ in self.headers):
            head.append(f"Content-Length: {len(self.body)}")
        raw = "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + self.body
        return Mutated(raw, self.edits).content()


_QUERY = st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES | st.text(max_size=12)), max_size=3).map(tuple)
CASES = st.builds(
    Visit,
    _METHODS,
    st.sampled_from(["/", "/lines", "/runs", "/rates"]) | _PATHS,
    _QUERY,
    st.just(()) | st.lists(_HEADERS, max_size=2).map(tuple),
    st.just(b"") | st.binary(max_size=40),
    st.just(()) | st.just(()) | st.lists(EDITS, max_size=2).map(tuple),
    st.sampled_from(["cookie"] * 6 + ["address", "nowhere"]),
)


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Visit], None]]:
    """Serve a ledger with lines, and give what plays a case."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    fill(url)
    process = start(url, folder, "--port", "0")
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=([\w\-]+)", said)
        assert found is not None, said
        token = found[2]
        served = Served(process, found[1], token, url)
        os.set_blocking(process.stderr.fileno(), False)
        assert _ask(served, Visit().content(served, token)).startswith(b"HTTP/1.1 200 ")  # the door is open
        begun = _memory(process.pid)
        yield lambda case: _play(case, served, token, begun)
    finally:
        process.kill()
        os.set_blocking(process.stderr.fileno(), True)
        process.communicate()


def _play(case: Visit, served: Served, token: str, begun: int) -> None:
    answer = _ask(served, case.content(served, token), SECONDS if case.is_plain else SECONDS_OF_A_TORN)
    if case.is_plain and not answer:
        fail("no answer", case)
    status = int(answer[9:12]) if answer[:9] in {b"HTTP/1.1 ", b"HTTP/1.0 "} and answer[9:12].isdigit() else 0
    if status >= 500:
        fail(f"status {status}", answer[:2_000])
    if b"Traceback" in answer or b"site-packages" in answer:
        fail("a traceback in an answer", answer[:4_000])
    if case.shows == "nowhere" and status == 200:
        fail("an answer without the token", answer[:300])
    said = _said(served)
    if said:
        fail("the terminal is written to", said[-3_000:])
    if served.process.poll() is not None:
        fail("the server has ended", served.process.returncode)
    if _memory(served.process.pid) - begun > GROWTH:
        fail("the server takes much memory", _memory(served.process.pid) >> 20)


def _ask(served: Served, request: bytes, seconds: float = SECONDS) -> bytes:
    """Send a request and return the beginning of the answer; nothing, where none comes in time or the connection is closed."""
    host, _, port = served.host.partition(":")
    answer = b""
    with (
        socket.create_connection((host, int(port)), timeout=seconds) as connection,
        contextlib.suppress(OSError),
    ):
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        while len(answer) < 1 << 16 and (piece := connection.recv(1 << 16)):
            answer += piece
    return answer


def _said(served: Served) -> str:
    """Return what stands newly on standard error."""
    assert served.process.stderr is not None
    time.sleep(0)
    try:
        raw = os.read(served.process.stderr.fileno(), 1 << 16)
    except BlockingIOError:
        return ""
    return raw.decode("utf-8", "replace")


def _escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
