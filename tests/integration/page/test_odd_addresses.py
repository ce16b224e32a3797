"""Addresses and requests that make no sense: one line, never a traceback, and nothing of them on the terminal."""

import re
import signal
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from tests.integration.page.books import fill
from tests.integration.page.harness import SECONDS, Served, serving


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger, and see at the end that nothing of all this was written to the terminal."""
    folder = tmp_path_factory.mktemp("odd")
    url = f"sqlite:///{folder / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("make_postgres_url")()
    fill(url)
    with serving(url, folder) as served:
        yield served
        code, errors = served.stop(signal.SIGINT)
        assert (code, errors) == (0, "stopped\n")


@pytest.fixture(scope="module")
def run(served: Served) -> str:
    """Return the id of a run that has lines."""
    (found, *_) = re.findall(r"/lines\?run=([0-9a-f-]{36})", served.get("/lines").text)
    return str(found)


def ask(served: Served, path: str, cookies: dict[str, str]) -> tuple[int, str, str]:
    """Ask for an address exactly as it is written; return status, kind and text of the answer."""
    connection = HTTPConnection(served.host, timeout=SECONDS)
    try:
        connection.putrequest("GET", path)
        for name, value in cookies.items():
            connection.putheader("Cookie", f"{name}={value}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers.get("content-type", ""), answer.read().decode()
    finally:
        connection.close()


LONG = "9" * 39
ODD = (
    "/lines?after={run}." + LONG + ".key",
    "/lines?after={run}.18446744073709551616.key",
    "/lines?after={run}.-1.key",
    "/lines?after={run}.32768.key",
    "/lines?after={run}.1_0.key",
    "/lines?after={run}.%D9%A1.key",
    "/lines?after={run}.1e3.key",
    "/lines?after={run}..key",
    f"/lines?after={LONG}",
    "/lines?after=.1.x",
    "/lines?run=" + LONG,
    "/lines?run=%ED%A0%80",
    "/lines?workload=%ED%A0%80",
    "/lines?workload=%C0%AF",
    "/lines?workload=%FF%FE",
    "/lines?workload=a%00b",
    "/lines?workload=a%0Ab",
    "/lines?workload=%1B%5D52;c;eA==%07",
    "/lines?workload=%C2%9B31m",
    "/lines?workload=%",
    "/lines?workload=%zz",
    "/lines?workload=%u0041",
    "/lines?workload=" + "x" * 100_000,
    "/?" + "&".join(f"a{number}=1" for number in range(20_000)),
    "/lines?workload=a&workload=b",
    "/lines?since=2026-11-01&since=2026-11-02",
    "/lines?after=x&after=y",
    "/?since=0000-01-01",
    "/?since=10000-01-01",
    "/?since=-0001-01-01",
    "/?since=2026-02-30",
    "/?since=" + LONG,
    "/?until=2026-11-01T00:00",
    "/?since=9999-12-31&until=0001-01-01",
    "/?purpose=" + LONG,
    "/lines?route=%3E%3E%3E",
    "/%ED%A0%80",
    "/%00",
    "/%1B%5D0;title%07",
    "/%",
    "/" + "x" * 100_000,
    "/..%2F..%2Fetc%2Fpasswd",
    "/_nicegui/../../etc/passwd",
    "/_nicegui/%2e%2e/%2e%2e/etc/passwd",
    "/nothing/of/this",
    "/lines%3Froute=x",
)


@pytest.mark.parametrize("path", ODD, ids=[one[:50] for one in ODD])
def test_an_odd_address_is_one_line(served: Served, run: str, path: str) -> None:
    """With the cookie too: 400 or 404, no traceback, nothing of the address as it is; without it the same or 403."""
    for cookies, usual in ((served.cookie, {400, 404}), ({}, {400, 403, 404})):
        status, kind, text = ask(served, path.replace("{run}", run), cookies)
        assert status in usual, (status, text[:200])
        assert "Traceback" not in text
        if not kind.startswith("text/html"):
            assert text.count("\n") <= 1
        assert not {"\x00", "\x1b", "\x9b"} & set(text)
        assert "x" * 100 not in text


@pytest.mark.parametrize(
    "query",
    [
        "since=0001-01-01&until=9999-12-31",
        "since=9999-12-31",
        "until=0001-01-01",
        "since=0001-01-01",
        "run={run}",
        "after={run}.32767.key",
        "after={run}",
        "workload=" + quote("naïve 名 \u202e x"),
        "engine='; drop table runs; --",
        "unknown=1",
        "workload=" + "y" * 7000,
    ],
)
@pytest.mark.parametrize("path", ["/", "/lines", "/runs", "/rates"])
def test_an_unusual_address_is_answered(served: Served, run: str, path: str, query: str) -> None:
    """The first and the last day that there is, names of any script, names that nothing has."""
    assert served.get(f"{path}?{query}".replace("{run}", run)).status_code == 200


RAW = {
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "proxy": b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "cookie": b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: \xff=\xfe; =; ;;a\r\nConnection: close\r\n\r\n",
    "token": b"GET /?token=\xff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "connect": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "escape": b"GET /\x1b]0;title\x07 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("request_", RAW.values(), ids=RAW)
def test_what_no_browser_sends_is_refused(served: Served, request_: bytes) -> None:
    """No host, two hosts, bytes that are no text, TLS, a proxy's method: refused in one line."""
    name, _, port = served.host.partition(":")
    with socket.create_connection((name, int(port)), timeout=SECONDS) as connection:
        connection.sendall(request_)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert int(said.split()[1]) in {400, 403, 405}
    assert b"Traceback" not in said


@pytest.mark.parametrize("body", [b"\x00\xff\x1e", b"", b"9" * 39, b"4" + b"x" * 2_000_000])
def test_what_is_no_message_of_the_page_is_refused(served: Served, body: bytes) -> None:
    """Whoever has the token may post what he likes to the page's channel: an answer, nothing on the terminal."""
    connection = HTTPConnection(served.host, timeout=SECONDS)
    cookie = "; ".join(f"{name}={value}" for name, value in served.cookie.items())
    for query in (
        "EIO=4&transport=polling",
        "EIO=4&transport=polling&sid=none",
        "EIO=99",
        "EIO=4&transport=none",
    ):
        connection.request("POST", f"/_nicegui_ws/socket.io/?{query}", body, {"Cookie": cookie})
        answer = connection.getresponse()
        assert answer.status == 400
        assert b"Traceback" not in answer.read()
    connection.close()
