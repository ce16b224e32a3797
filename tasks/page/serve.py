"""`breakeven ledger serve`: the pages, on this machine's loopback address alone, until Ctrl-C."""

import asyncio
import os
import socket
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TypeVar

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from models.errors import BreakevenError, UsageError
from models.settings import Settings
from tasks.page import lists, overview
from tasks.page.address import PageQuery, read
from tasks.page.layout import show_error
from tasks.page.queries import Ledger

HOST = "127.0.0.1"
NAMES = ["127.0.0.1", "localhost"]
SECONDS_TO_BUILD = 60.0
SECONDS_TO_STOP = 2

# The browser itself refuses whatever would leave this machine. Vue compiles its templates, hence unsafe-eval.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)

Answer = TypeVar("Answer")


def serve(settings: Settings, port: int, *, open_browser: bool) -> None:
    """Serve the pages until Ctrl-C; 0 is any free port. The address goes to standard error.

    Raises `UsageError` for a port that is taken and for a database URL that is none.
    """
    ledger = Ledger(settings.database_url.get_secret_value())
    try:
        with _listening(port) as listener:
            address = f"http://{HOST}:{listener.getsockname()[1]}/"
            config = uvicorn.Config(
                application(ledger),
                log_level="critical",
                access_log=False,
                timeout_graceful_shutdown=SECONDS_TO_STOP,
            )
            with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
                _Server(config, lambda: _announce(address, open_browser=open_browser)).run(sockets=[listener])
            print("stopped", file=sys.stderr)  # noqa: T201  where the command's messages go
    finally:
        ledger.close()


def application(ledger: Ledger) -> FastAPI:
    """Return the application: NiceGUI's pages over the ledger, for requests to this machine's own names alone."""
    application = FastAPI(openapi_url=None)
    application.add_middleware(TrustedHostMiddleware, allowed_hosts=NAMES)
    application.middleware("http")(_with_policy)
    ui.add_css(Path(__file__).with_name("page.css"), shared=True)
    _page(overview.PATH, ledger.overview, lambda _, found: overview.show(found))
    _page("/lines", ledger.lines, lists.show_lines)
    _page("/runs", ledger.runs, lists.show_runs)
    _page("/rates", lambda _: ledger.rates(), lambda _, found: lists.show_rates(found))
    ui.run_with(
        application, title="breakeven ledger", language="en-US", tailwind=False, show_welcome_message=False
    )
    return application


def _page(path: str, ask: Callable[[PageQuery], Answer], show: Callable[[PageQuery, Answer], None]) -> None:
    """Serve what is asked of the ledger, anew each time, or say in words why it cannot be."""

    async def build(request: Request) -> None:
        try:
            asked = read(request.query_params)
            found = await asyncio.to_thread(ask, asked)
        except BreakevenError as error:
            ui.context.client.status_code = 400 if isinstance(error, UsageError) else 503
            show_error(path, str(error))
        else:
            show(asked, found)

    ui.page(path, response_timeout=SECONDS_TO_BUILD)(build)


async def _with_policy(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        msg = f"cannot listen on {HOST}:{port} ({error.strerror}); name another --port, or 0 for any that is free"
        raise UsageError(msg) from error
    return listener


def _announce(address: str, *, open_browser: bool) -> None:
    print(f"the ledger is at {address} (Ctrl-C ends it)", file=sys.stderr, flush=True)  # noqa: T201
    if open_browser and _has_screen():
        Thread(target=webbrowser.open, args=[address], daemon=True).start()


def _has_screen() -> bool:
    """Whether a browser would open in a window; one in this terminal would be in the way."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


class _Server(uvicorn.Server):
    """uvicorn's server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._ready()
