"""Who may see the pages: whoever has the address that the command has printed, in a browser of his own.

The token in that address becomes a cookie for this server, and goes from the address bar. Every request needs it, also
those for files and the websocket. Pages of other origins are refused, with it or without.
"""

import hmac
import re
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.runtime.loopback_guard import OWN_SITES, Refusal, answer_line, refuse_foreign

TOKEN = "token"  # noqa: S105  a name
LONGEST_ADDRESS = 8000
"""Characters of an address; those of the page's own forms have some hundred."""
SOCKET = "/_nicegui_ws/"
METHODS = {"page": ("GET", "HEAD"), "socket": ("GET", "POST")}

# The browser itself refuses whatever would leave this machine. Vue compiles its templates, hence unsafe-eval.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class PageGate:
    """The application behind a token. `port` is where the server listens: cookies of one host are shared by its ports.

    `command` is the one that has printed the address.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, command: str) -> None:
        self.app = app
        self._no_token: Refusal = (
            403,
            f"open the address that `{command}` has printed: it holds a token, without which this page shows nothing",
        )
        self._token = token
        self._cookie = f"breakeven_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, exchange the token for a cookie, or refuse; every other event goes on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http":
            send = _with_headers(send)
        refused = refuse_foreign(scope) or refuse_address(scope)
        if refused is not None:
            await answer_line(scope, send, *refused)
        elif scope["type"] == "http" and not scope["path"].startswith(SOCKET) and (given := _tokens(scope)):
            await self._exchange(scope, send, given)
        elif self._has_cookie(scope):
            await self.app(scope, receive, send)
        else:
            await answer_line(scope, send, *self._no_token)

    async def _exchange(self, scope: Scope, send: Send, given: list[str]) -> None:
        """Lead to the same address without its token, with the cookie if the token is right."""
        right = len(given) == 1 and self._is_right(given[0])
        if not right and not self._has_cookie(scope):
            await answer_line(scope, send, *self._no_token)
            return
        target = _without_token(scope)
        headers = [(b"cache-control", b"no-store"), (b"content-type", b"text/html; charset=utf-8")]
        if right:
            cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
            headers.append((b"set-cookie", cookie.encode()))
        # Where a link elsewhere led here, a browser sends no strict cookie along a redirect, but from a page of our own it does.
        from_elsewhere = any(one not in OWN_SITES for one in Headers(scope=scope).getlist("sec-fetch-site"))
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={escape(target)}">'
        body = page.encode() if from_elsewhere else b""
        if not from_elsewhere:
            headers.append((b"location", target.encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        status = 200 if from_elsewhere else 303
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _has_cookie(self, scope: Scope) -> bool:
        pairs = (one for header in Headers(scope=scope).getlist("cookie") for one in header.split(";"))
        named = (
            value for name, _, value in (one.strip().partition("=") for one in pairs) if name == self._cookie
        )
        return any(self._is_right(value) for value in named)

    def _is_right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def refuse_address(scope: Scope) -> Refusal | None:
    """Return how a request is refused whose method or address nothing of the page has, None for any other."""
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    if scope["type"] == "http":
        allowed = METHODS["socket" if scope["path"].startswith(SOCKET) else "page"]
        if scope["method"] not in allowed:
            return 405, "this page is only read"
    if len(path) + len(query) > LONGEST_ADDRESS:
        return 400, "this address is too long"
    for part in (path, query):
        try:
            text = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            return 400, "this address is no text"
        if _CONTROL.search(text) or not part.isascii() or _BAD_PERCENT.search(part):
            return 400, "this address holds what none of the page does"
    return None


def _tokens(scope: Scope) -> list[str]:
    pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
    return [value for name, value in pairs if name == TOKEN]


def _without_token(scope: Scope) -> str:
    """Return the path and the other parameters of an address; the path leads to no other host."""
    pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
    rest = urlencode([(name, value) for name, value in pairs if name != TOKEN])
    path = "/" + (scope.get("raw_path") or scope["path"].encode()).decode().lstrip("/\\")
    return f"{path}?{rest}" if rest else path


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers.update(HEADERS)
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_with_headers
