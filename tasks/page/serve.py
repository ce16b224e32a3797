"""`breakeven ledger serve`: the pages, on this machine's loopback address alone, until Ctrl-C."""

import asyncio
import logging
import os
import secrets
import socket
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Thread
from typing import TypeVar

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import app as pages
from nicegui import ui
from starlette.responses import PlainTextResponse

from models.errors import BreakevenError, UsageError, defect, one_line
from models.settings import Settings
from tasks.page import lists, overview
from tasks.page.address import PageQuery, read_parameters
from tasks.page.gate import TOKEN, PageGate
from tasks.page.layout import show_error
from tasks.page.queries import Ledger

HOST = "127.0.0.1"
SECONDS_TO_BUILD = 60.0
SECONDS_TO_STOP = 2
SECONDS_TO_OPEN = 60

Answer = TypeVar("Answer")


def serve(settings: Settings, port: int, *, open_browser: bool) -> None:
    """Serve the pages until Ctrl-C; 0 is any free port. The address goes to standard error.

    Raises `UsageError` for a port that is taken and for a database URL that is none.
    """
    ledger = Ledger(settings.database_url.get_secret_value())
    try:
        with _listening(port) as listener:
            port, token = listener.getsockname()[1], secrets.token_urlsafe(32)
            address = f"http://{HOST}:{port}/?{TOKEN}={token}"
            config = uvicorn.Config(
                application(ledger, token, port),
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                timeout_graceful_shutdown=SECONDS_TO_STOP,
            )
            with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
                _Server(config, lambda: _announce(address, open_browser=open_browser)).run(sockets=[listener])
            print("stopped", file=sys.stderr)  # noqa: T201  where the command's messages go
    finally:
        ledger.close()


def application(ledger: Ledger, token: str, port: int) -> FastAPI:
    """Return the application: NiceGUI's pages over the ledger, for whoever has the token, on a server at a port.

    Nothing of an address or of a failure reaches the terminal as it is.
    """
    application = FastAPI(openapi_url=None)
    application.add_middleware(PageGate, token=token, port=port)
    pages.add_exception_handler(404, _answer_not_found)
    logging.getLogger("nicegui").addFilter(_show_one_line)
    for name in ("engineio.server", "socketio.server"):  # they repeat what a client has sent
        logging.getLogger(name).setLevel(logging.CRITICAL)
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
            asked = read_parameters(request.query_params.multi_items())
            found = await asyncio.to_thread(ask, asked)
        except BreakevenError as error:
            ui.context.client.status_code = 400 if isinstance(error, UsageError) else 503
            show_error(path, str(error))
        except Exception as error:  # noqa: BLE001  a defect: NiceGUI would show and log its traceback
            ui.context.client.status_code = 500
            show_error(path, f"this page failed: {defect(error)}")
        else:
            show(asked, found)

    ui.page(path, response_timeout=SECONDS_TO_BUILD)(build)


def _answer_not_found(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("there is no such page; the ledger is at /\n", 404)


def _show_one_line(record: logging.LogRecord) -> bool:
    """Let what NiceGUI logs be one line of visible characters, without a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    said = record.getMessage() if error is None else defect(error)
    record.msg, record.args, record.exc_info, record.exc_text = one_line(said), (), None, None
    return True


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
        Thread(target=_open_browser, args=[address], daemon=True).start()


def _open_browser(address: str) -> None:
    """Open a file that leads to the address: everybody on this machine can read a command line, this user alone the file."""
    with NamedTemporaryFile("w", prefix="breakeven-", suffix=".html") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">')
        file.flush()
        webbrowser.open(Path(file.name).as_uri())
        time.sleep(SECONDS_TO_OPEN)


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
