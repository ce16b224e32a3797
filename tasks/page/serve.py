"""`breakeven ledger serve`: the pages, on this machine's loopback address alone, until Ctrl-C."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI, Request
from nicegui import ui

from models.errors import BreakevenError, UsageError, defect
from models.settings import Settings
from tasks.local_page.server import gated_application, run_pages, serve_pages
from tasks.page import lists, overview
from tasks.page.address import PageQuery, read_parameters
from tasks.page.layout import show_error
from tasks.page.queries import Ledger

SECONDS_TO_BUILD = 60.0

Answer = TypeVar("Answer")


def serve(settings: Settings, port: int, *, open_browser: bool) -> None:
    """Serve the pages until Ctrl-C; 0 is any free port. The address goes to standard error.

    Raises `UsageError` for a port that is taken and for a database URL that is none.
    """
    ledger = Ledger(settings.database_url.get_secret_value())
    try:
        serve_pages(
            lambda token, port: application(ledger, token, port),
            port,
            "the ledger is at",
            open_browser=open_browser,
        )
    finally:
        ledger.close()


def application(ledger: Ledger, token: str, port: int) -> FastAPI:
    """Return the application: NiceGUI's pages over the ledger, for whoever has the token, on a server at a port."""
    application = gated_application(
        token, port, "breakeven ledger serve", "there is no such page; the ledger is at /\n"
    )
    ui.add_css(Path(__file__).with_name("page.css"), shared=True)
    _page(overview.PATH, ledger.overview, lambda _, found: overview.show(found))
    _page("/lines", ledger.lines, lists.show_lines)
    _page("/runs", ledger.runs, lists.show_runs)
    _page("/rates", lambda _: ledger.rates(), lambda _, found: lists.show_rates(found))
    run_pages(application, "breakeven ledger")
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
