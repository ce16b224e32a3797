"""Which requests to a server on this machine's own address may be answered: those of its own pages, and of programs.

A browser on this machine runs the pages of strangers, and they can reach its loopback address. What a browser sends along,
`Host`, `Origin` and `Sec-Fetch-Site`, tells their requests from those of a page that the server has sent itself; a
program sends none of the last two.
"""

from collections.abc import Callable, Collection, Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost", "[::1]")
OWN_SITES = ("same-origin", "none")
"""What browsers say of a page's request to its own server, and of an address that a person has typed."""
Refusal = tuple[int, str]
"""Status and one line for a request that is not answered."""
Refuse = Callable[[Scope], Refusal | None]
FOREIGN = (403, "a page of another origin may not ask this server")


def refuse_foreign(
    scope: Scope, names: Collection[str] = NAMES, origins: Collection[str] = ()
) -> Refusal | None:
    """Return how a request is refused, None where it may come from an own page or a program.

    `names` are the host names that this server has, without a port; `*` is any. `origins` are those of other servers whose pages may ask.
    A person may follow a link here from anywhere: only what changes nothing, and is shown by itself, is let through so.
    """
    headers = Headers(scope=scope)
    hosts = [host.lower() for host in headers.getlist("host")]
    if "*" not in names and (len(hosts) != 1 or _name(hosts[0]) not in names):
        return 400, "this server has no such name"
    if given := headers.getlist("origin"):
        known = {one.lower() for one in origins}
        foreign = any(
            one.lower() not in known and one.lower().partition("://")[2] not in hosts for one in given
        )
        return FOREIGN if foreign and "*" not in known else None
    sites = headers.getlist("sec-fetch-site")
    if all(one in OWN_SITES for one in sites) or _is_visit(scope, headers):
        return None
    return FOREIGN


def _name(host: str) -> str:
    """Return the name of `name:port`."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether a person has followed a link, which opens a page of its own."""
    return (
        scope["type"] == "http"
        and scope["method"] in {"GET", "HEAD"}
        and headers.getlist("sec-fetch-mode") == ["navigate"]
        and headers.getlist("sec-fetch-dest") == ["document"]
    )


class GuardedApp:
    """An application that answers only what `refuse` lets through; the rest gets one line of plain text."""

    def __init__(self, app: ASGIApp, refuse: Refuse, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.app = app
        self._refuse = refuse
        self._headers = list(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or a websocket; every other event goes on."""
        if scope["type"] in {"http", "websocket"} and (refused := self._refuse(scope)) is not None:
            await answer_line(scope, send, *refused, self._headers)
        else:
            await self.app(scope, receive, send)


async def answer_line(
    scope: Scope, send: Send, status: int, line: str, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answer with a status and one line; a websocket is refused before it is opened."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": line})
        return
    body = b"" if scope["method"] == "HEAD" else f"{line}\n".encode()
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
    await send({"type": "http.response.body", "body": body})
