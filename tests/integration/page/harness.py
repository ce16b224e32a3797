"""`breakeven ledger serve` as a process of its own, and what a page in a browser shows."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import DESKTOP, Heard, open_page

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its process, and the address of its pages without the last slash."""

    process: subprocess.Popen[str]
    address: str
    database_url: str

    @property
    def host(self) -> str:
        """Host and port, as they stand in an address."""
        return self.address.removeprefix("http://")

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit code and what was written on standard error since the start."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors


def start(database_url: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command in a folder without settings."""
    environment = os.environ | {"BREAKEVEN_DATABASE_URL": database_url}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "ledger", "serve", "--no-browser", *options],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[Served]:
    """Serve a ledger on a free port, and end the server."""
    process = start(database_url, folder, "--port", "0")
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        assert said.startswith("the ledger is at http://127.0.0.1:"), said
        yield Served(process, said.split()[4].rstrip("/"), database_url)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=SECONDS)


@contextmanager
def opened(
    browser: Browser, served: Served, path: str = "/", size: tuple[int, int] = DESKTOP
) -> Iterator[tuple[Page, Heard]]:
    """Open a page of the server; in the end nobody else was asked, and nothing was complained of."""
    with open_page(browser, size, frozenset({served.host})) as (page, heard):
        page.goto(f"{served.address}{path}")
        page.wait_for_selector("main")
        yield page, heard
        assert heard.nothing, heard


def table(page: Page, name: str) -> list[dict[str, str]]:
    """Return the rows that a table shows, by their headings."""
    headings: list[str]
    headings, *rows = page.locator(f"[aria-label='{name}']").evaluate(
        "table => [...table.querySelectorAll('tr')].map(row => [...row.cells].map(c => c.innerText.trim()))"
    )
    return [dict(zip(headings, row, strict=True)) for row in rows]


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a list, as a person would."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
