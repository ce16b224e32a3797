"""A server on this machine's loopback address alone, whose address with its token is printed, until Ctrl-C."""

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

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import app as pages
from nicegui import ui
from starlette.responses import PlainTextResponse

from models.errors import UsageError, defect, one_line
from tasks.local_page.gate import TOKEN, PageGate

HOST = "127.0.0.1"
SECONDS_TO_STOP = 2
SECONDS_TO_OPEN = 60


def serve_pages(make: Callable[[str, int], FastAPI], port: int, what: str, *, open_browser: bool) -> None:
    """Serve the application that `make` makes of a token and a port until Ctrl-C; 0 is any free port.

    Where `what` is goes to standard error. Raises `UsageError` for a port that is taken.
    """
    with _listening(port) as listener:
        port, token = listener.getsockname()[1], secrets.token_urlsafe(32)
        address = f"http://{HOST}:{port}/?{TOKEN}={token}"
        config = uvicorn.Config(
            make(token, port),
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SECONDS_TO_STOP,
        )
        with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
            _Server(config, lambda: _announce(what, address, open_browser=open_browser)).run(
                sockets=[listener]
            )
        print("stopped", file=sys.stderr)  # noqa: T201  where the command's messages go


def gated_application(token: str, port: int, command: str, not_found: str) -> FastAPI:
    """Return an application for whoever has the token that `command` has printed, on a server at a port.

    Nothing of an address or of a failure reaches the terminal as it is. `not_found`: what is said of an address that has no page.
    """

    def answer_not_found(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse(not_found, 404)

    application = FastAPI(openapi_url=None)
    application.add_middleware(PageGate, token=token, port=port, command=command)
    pages.add_exception_handler(404, answer_not_found)
    logging.getLogger("nicegui").addFilter(_show_one_line)
    for name in ("engineio.server", "socketio.server"):  # they repeat what a client has sent
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return application


def run_pages(application: FastAPI, title: str) -> None:
    """Put NiceGUI's pages into an application."""
    ui.run_with(application, title=title, language="en-US", tailwind=False, show_welcome_message=False)


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


def _announce(what: str, address: str, *, open_browser: bool) -> None:
    print(f"{what} {address} (Ctrl-C ends it)", file=sys.stderr, flush=True)  # noqa: T201
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
