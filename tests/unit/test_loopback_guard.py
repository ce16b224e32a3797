"""Which requests a server on this machine's own address answers, by what a browser or a program sends along."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from tasks.runtime.loopback_guard import GuardedApp, refuse_foreign

HOST = "127.0.0.1:8501"
VISIT = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def scope_of(headers: dict[str, str], method: str = "GET", kind: str = "http") -> Scope:
    """Return what uvicorn would say of a request with these headers."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in ({"host": HOST} | headers).items()]
    return {"type": kind, "method": method, "path": "/", "headers": [one for one in raw if one[1]]}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:8501"},
        {"host": "LOCALHOST"},
        {"host": "[::1]:8501"},
        {"origin": f"http://{HOST}"},
        {"host": "localhost:9000", "origin": "http://localhost:9000"},
        {"origin": "http://known.example"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"} | VISIT,
    ],
)
def test_own_pages_and_programs_are_answered(headers: dict[str, str]) -> None:
    """A program, this machine's names, an own page, through a tunnel as well, and a link that somebody follows."""
    assert refuse_foreign(scope_of(headers), origins=["http://known.example"]) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"host": ""},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8501"},
        {"host": "localhost.evil.example"},
        {"host": "0.0.0.0:8501"},
        {"host": "127.0.0.1:8501@evil.example"},
        {"host": "[::1]evil.example"},
        {"host": "localhost:8501:1"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "file://"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1"},
        {"origin": f"http://evil.example/{HOST}"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": f"http://x@{HOST}"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "unheard-of"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_pages_of_others_are_not(headers: dict[str, str], kind: str) -> None:
    """Another origin (also another port, or none), another name, and what a page loads rather than a person."""
    assert refuse_foreign(scope_of(headers, kind=kind)) is not None


def test_a_form_of_another_page_is_no_visit() -> None:
    """What opens by a POST was not followed as a link."""
    assert refuse_foreign(scope_of({"sec-fetch-site": "cross-site"} | VISIT, "POST")) is not None


@pytest.mark.parametrize("name", [b"host", b"origin"])
def test_two_of_them_are_refused(name: bytes) -> None:
    """Of two hosts or origins one may be another's: which of them holds is left to nobody."""
    scope = scope_of({"origin": f"http://{HOST}"})
    scope["headers"].append((name, b"http://evil.example" if name == b"origin" else b"evil.example"))
    assert refuse_foreign(scope) is not None


@pytest.mark.parametrize(("kind", "method"), [("http", "GET"), ("http", "HEAD"), ("websocket", "GET")])
def test_a_refusal_is_one_line_and_reaches_nothing(kind: str, method: str) -> None:
    """The application behind is not called; a websocket is closed before it is open."""
    sent: list[Message] = []

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pytest.fail("it was called")

    async def receive() -> Message:
        pytest.fail("nothing is read")

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = GuardedApp(never, lambda _: (403, "no"), [(b"x-own", b"1")])
    asyncio.run(guarded(scope_of({}, method, kind), receive, send))
    if kind == "websocket":
        assert [one["type"] for one in sent] == ["websocket.close"]
        return
    start, body = sent
    assert start["status"] == 403
    assert (b"x-own", b"1") in start["headers"]
    assert body["body"] == (b"" if method == "HEAD" else b"no\n")
