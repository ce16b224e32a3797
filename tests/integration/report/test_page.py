"""The page in a real browser: on a phone, on a desktop, printed, and without a network."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tasks.documents import html
from tasks.report import page as report_page
from tests import month_figures as months
from tests.browser import DESKTOP, PHONE, check_readable, open_page, overflow

MOST_PAGES = 8


def saved(name: str | None, folder: Path) -> str:
    """Write the page of a month to a file and return its address."""
    path = folder / "report.html"
    report = months.report(
        None if name is None else months.ODD[name](), version=2, changes=("Records: 1 before, 2 now",)
    )
    path.write_text(html.render_file(report_page.make_page(report), months.drawn(name)), "utf-8")
    return path.as_uri()


@pytest.mark.parametrize("name", [None, "tiny", "doubtful", "marked_up"])
def test_page(browser: Browser, tmp_path: Path, name: str | None) -> None:
    """On a phone and on a desktop its text can be read and its pictures seen; it asks nobody, and complains of nothing."""
    with open_page(browser) as (page, heard):
        page.goto(saved(name, tmp_path))
        check_readable(page, len(months.drawn(name)))
        assert page.title().startswith("Break-even report, October 2026: ")
        assert heard.nothing, heard


def test_nothing_is_fetched_even_if_it_were_asked_for(browser: Browser, tmp_path: Path) -> None:
    """The page's own policy stops what should ever get into it: a picture from elsewhere, a script."""
    address = saved(None, tmp_path)
    path = tmp_path / "report.html"
    injected = '<img src="http://tracker.example/x.png" alt=""><script>document.title = "run"</script></main>'
    path.write_text(path.read_text("utf-8").replace("</main>", injected), "utf-8")
    with open_page(browser) as (page, heard):
        page.goto(address)
        assert page.title() != "run"
        assert heard.failed == ["http://tracker.example/x.png: csp"]
        assert len(heard.complaints) == 2


def test_tables_on_a_phone_name_their_columns(browser: Browser, tmp_path: Path) -> None:
    """A wide table is laid out cell under cell, and each cell still says which column it is of."""
    with open_page(browser, PHONE) as (page, _):
        page.goto(saved(None, tmp_path))
        page.locator("section.parts summary").click()
        cell = page.locator("section.parts td").first
        label = cell.evaluate("cell => getComputedStyle(cell, '::before').content")
        assert label == '"API"'
        assert cell.evaluate("cell => getComputedStyle(cell).display") == "block"
        assert page.get_by_role("rowheader", name="As it really ran").first.is_visible()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_verdict_and_what_it_costs_come_first(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    """One screen holds the advice and the ways, two of a desktop and three of a phone the headings of what is folded."""
    with open_page(browser, size) as (page, _):
        page.goto(saved(None, tmp_path))
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height <= (2 if size == DESKTOP else 3) * size[1]
        ways = page.locator(".first table")
        assert page.locator(".verdict .answer").inner_text() == "Move to the API's batches: $136.26 less"
        end = ways.evaluate("table => table.getBoundingClientRect().bottom")
        assert (
            end <= size[1]
        )  # the first screen says what to do, what it saves, what would flip it, and every way's cost
        folded = page.locator("section.workloads")
        assert not folded.locator("table").first.is_visible()
        folded.locator("summary").focus()
        page.keyboard.press("Enter")
        assert folded.locator("table").first.is_visible()


def test_what_is_folded_is_printed(browser: Browser, tmp_path: Path) -> None:
    """On paper everything is there: nothing is hidden once the page is laid out for print."""
    with open_page(browser) as (page, _):
        page.goto(saved(None, tmp_path))
        page.emulate_media(media="print")
        heights = page.locator("section").evaluate_all("all => all.map(one => one.offsetHeight)")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert heights == page.locator("section").evaluate_all("all => all.map(one => one.offsetHeight)")


def test_printed(browser: Browser, tmp_path: Path) -> None:
    """It prints on a few pages of paper."""
    with open_page(browser) as (page, _):
        page.goto(saved(None, tmp_path))
        printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= MOST_PAGES


def test_without_styles_of_its_head(browser: Browser, tmp_path: Path) -> None:
    """Where a mail client drops the style sheet, the elements keep their styles."""
    address = saved(None, tmp_path)
    path = tmp_path / "report.html"
    path.write_text(re.sub(r"<style>.*?</style>", "", path.read_text("utf-8"), flags=re.DOTALL), "utf-8")
    with open_page(browser) as (page, _):
        page.goto(address)
        assert page.locator("h1").evaluate("element => getComputedStyle(element).fontSize") == "26px"
        cell = page.locator(".first td").first
        assert cell.evaluate("element => getComputedStyle(element).textAlign") == "right"
        assert overflow(page) == 0
