"""A headless Chromium for tests of pages: what it was asked for, what it complained of, how a page lies in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests import chromium

PHONE = (360, 740)
DESKTOP = (1280, 900)
READABLE_PX = 13
READABLE_CONTRAST = 4.5
"""Contrast of text against its background that WCAG asks for (level AA)."""

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Heard:
    """What a page did beside showing itself.

    `requests`: addresses outside of the hosts it may ask, each of which was refused. `complaints`: errors and
    warnings of its console, and exceptions. `failed`: requests to its own host that failed.
    """

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """True for a page that asked nobody and complained of nothing."""
        return not (self.requests or self.complaints or self.failed)


@contextmanager
def chromium_running() -> Iterator[Browser]:
    """Start a headless Chromium with an empty profile, and end it."""
    program = chromium.find()
    assert program is not None, "no Chromium; `python -m tests.chromium` fetches one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(_QUIET))
        yield browser
        browser.close()


@contextmanager
def open_page(
    browser: Browser, size: tuple[int, int] = DESKTOP, hosts: frozenset[str] = frozenset(), scale: float = 1
) -> Iterator[tuple[Page, Heard]]:
    """Open an empty page of a size in CSS pixels that reaches only `hosts` (and files), and listen to it.

    `hosts` are `host:port` as they stand in an address. `scale`: device pixels a CSS pixel, for screenshots.
    """
    heard = Heard()
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale, service_workers="block"
    )
    page = context.new_page()

    def allowed(address: str) -> bool:
        parts = urlsplit(address)
        return parts.scheme in {"data", "blob", "about", "file"} or parts.netloc in hosts

    def note(request: Request) -> None:
        if not allowed(request.url):
            heard.requests.append(request.url)

    page.on("request", note)
    page.on("requestfailed", lambda request: heard.failed.append(f"{request.url}: {request.failure}"))
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            heard.complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    context.route(lambda address: not allowed(address), lambda route: route.abort())
    try:
        yield page, heard
    finally:
        context.close()


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window; 0 where nobody has to scroll sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def smallest_text(page: Page) -> float:
    """Size in CSS pixels of the smallest text that is shown."""
    return float(
        page.evaluate("""() => {
          const sizes = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const parent = walker.currentNode.parentElement;
            if (walker.currentNode.data.trim() && parent.getClientRects().length)
              sizes.push(parseFloat(getComputedStyle(parent).fontSize));
          }
          return Math.min(...sizes);
        }""")
    )


def check_readable(page: Page, pictures: int) -> None:
    """See that a document fits a phone and a desktop, folded or not, shows its pictures, and that its text can be read."""
    for width, height in (PHONE, DESKTOP):
        page.set_viewport_size({"width": width, "height": height})
        for is_open in ("false", "true"):
            page.evaluate(f"document.querySelectorAll('details').forEach(one => {{ one.open = {is_open} }})")
            assert overflow(page) == 0
        assert broken_images(page) == []
        assert page.locator("img").count() == pictures
        assert smallest_text(page) >= READABLE_PX
        assert lowest_contrast(page) >= READABLE_CONTRAST


def broken_images(page: Page) -> list[str]:
    """Return the alternative texts of the images that did not load."""
    found: list[str] = page.evaluate(
        "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt || i.src.slice(0, 80))"
    )
    return found


def lowest_contrast(page: Page) -> float:
    """Contrast of the text that is hardest to tell from its background, as WCAG counts it (1 to 21)."""
    return float(
        page.evaluate("""() => {
          const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
            .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          const behind = element => {
            for (let e = element; e; e = e.parentElement) {
              const colour = numbers(getComputedStyle(e).backgroundColor);
              if (colour.length < 4 || colour[3] > 0) return colour;
            }
            return [255, 255, 255];
          };
          const found = [21];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const parent = walker.currentNode.parentElement;
            if (!walker.currentNode.data.trim() || !parent.getClientRects().length) continue;
            const [a, b] = [light(numbers(getComputedStyle(parent).color)), light(behind(parent))];
            found.push((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
          }
          return Math.min(...found);
        }""")
    )
