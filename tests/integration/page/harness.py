"""`breakeven ledger serve` as a process of its own, and what a page in a browser shows."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.browser import DESKTOP, Heard, open_page

SECONDS = 60
expect.set_options(timeout=SECONDS * 1000)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its process, the address of its pages without the last slash, and the token they need."""

    process: subprocess.Popen[str]
    address: str
    token: str
    database_url: str

    @property
    def host(self) -> str:
        """Host and port, as they stand in an address."""
        return self.address.removeprefix("http://")

    @property
    def cookie(self) -> dict[str, str]:
        """What a browser has once the address with the token was opened."""
        return {f"breakeven_{self.host.partition(':')[2]}": self.token}

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        """Ask for an address as whoever has the token."""
        return httpx.get(f"{self.address}{path}", cookies=self.cookie, headers=headers, timeout=SECONDS)

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
        address, _, token = said.split()[4].partition("/?token=")
        yield Served(process, address, token, database_url)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=SECONDS)


class Visitor:
    """A browser's window on a server. Files that it has loaded once it keeps, as people's browsers do."""

    def __init__(self, page: Page, heard: Heard, served: Served) -> None:
        self.page = page
        self.heard = heard
        self._address = served.address
        page.goto(f"{served.address}/?token={served.token}")  # as people do
        built(page)
        assert page.url == f"{served.address}/"
        heard.complaints.clear()  # there may be no ledger yet, which is an answer of its own

    def goes(self, path: str) -> Page:
        """Load a page and return it once it is built; the page before asked nobody and complained of nothing."""
        self.is_content()
        self.page.goto(f"{self._address}{path}")
        built(self.page)
        return self.page

    def is_content(self) -> None:
        """Check that no request went elsewhere or failed, and that the console is empty; then forget what was heard.

        A font that was still on its way when its page was left is no failure.
        """
        failed = [failure for failure in self.heard.failed if not failure.endswith("net::ERR_ABORTED")]
        heard_of = [*self.heard.requests, *self.heard.complaints, *failed]
        for heard in (self.heard.requests, self.heard.complaints, self.heard.failed):
            heard.clear()
        assert heard_of == []


@contextmanager
def visiting(browser: Browser, served: Served, size: tuple[int, int] = DESKTOP) -> Iterator[Visitor]:
    """Open a window of a size that can reach the server and nothing else."""
    with open_page(browser, size, frozenset({served.host})) as (page, heard):
        visitor = Visitor(page, heard, served)
        yield visitor
        visitor.is_content()


def built(page: Page) -> None:
    """Wait until the page stands there."""
    page.wait_for_selector("[role=heading]")


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
