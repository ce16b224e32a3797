"""How the page lies in windows of a desktop, a tablet and a phone: long names, long errors, many rows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import overflow
from tests.integration.page.books import LONG_ERROR, crowd
from tests.integration.page.harness import Served, Visitor, serving, table, visiting

WIDTHS = (1280, 1024, 375)
PATHS = ("/", "/?purpose=all&since=2026-11-01", "/lines", "/runs", "/runs?purpose=evaluation", "/rates")
TWO_LINES = 60
"""Pixels that a row of two lines of text takes at most."""

WIDER = """() => [...document.querySelectorAll(".q-table__middle")]
  .filter(one => one.scrollWidth > one.clientWidth)
  .map(one => one.closest("[aria-label]").getAttribute("aria-label"))"""
TALLEST = """() => Math.max(...[...document.querySelectorAll("tbody tr")].map(row => row.getBoundingClientRect().height))"""
OVERLAPS = """() => [...document.querySelectorAll("td, th")].filter(cell => cell.offsetParent
  && cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.innerText)"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger of long names and long errors."""
    folder = tmp_path_factory.mktemp("layout")
    url = f"sqlite:///{folder / 'ledger.db'}"
    crowd(url)
    with serving(url, folder) as served:
        yield served


@pytest.fixture(scope="module")
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    """Open one window for all tests."""
    with visiting(browser, served) as visitor:
        yield visitor


def _sized(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})


def _headings(page: Page, name: str) -> list[str]:
    """Return the headings of a table that can be seen."""
    cells = page.locator(f"[aria-label='{name}'] thead th")
    return [cell.inner_text() for cell in cells.all() if cell.is_visible()]


@pytest.mark.parametrize("path", PATHS)
def test_every_table_fits(visitor: Visitor, path: str) -> None:
    """Neither the page nor a table is wider than its window, no text leaves its cell, and no row is tall."""
    page = visitor.goes(path)
    for width in WIDTHS:
        _sized(page, width)
        assert overflow(page) == 0, width
        assert page.evaluate(WIDER) == [], width
        assert page.evaluate(OVERLAPS) == [], width
        assert page.evaluate(TALLEST) <= TWO_LINES, width


def test_the_state_of_a_run_comes_first(visitor: Visitor) -> None:
    """Also on a phone, where what has no place can be opened with the row."""
    page = visitor.goes("/runs")
    _sized(page, 375)
    assert _headings(page, "Runs") == ["state", "started (UTC)", "workload"]
    _sized(page, 1280)
    seen = _headings(page, "Runs")
    assert seen[0] == "state"
    assert {"records", "published", "quarantined", "waiting", "model", "cost", "error"} <= set(seen)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_error_is_cut_and_can_be_read_whole(visitor: Visitor, width: int) -> None:
    """It takes one line in its row; the row's button, reached by the keyboard, shows all of it."""
    page = visitor.goes("/runs")
    _sized(page, width)
    number = next(i for i, row in enumerate(table(page, "Runs")) if row["error"] == LONG_ERROR)
    row = page.locator("[aria-label='Runs'] tbody tr").nth(number)
    if width > 375:
        error = row.get_by_title(LONG_ERROR)
        expect(error).to_be_visible()
        box = error.bounding_box()
        assert box is not None
        assert box["height"] <= 25
    button = row.get_by_role("button", name=f"All of row {number + 1}")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("tr.whole dd").filter(has_text=LONG_ERROR)).to_be_visible()
    assert overflow(page) == 0
    assert page.evaluate(WIDER) == []


def test_a_table_that_is_too_wide_shows_that_it_scrolls(visitor: Visitor) -> None:
    """A shadow lies on the side on which there is more, and none where there is not."""
    page = visitor.goes("/rates")
    _sized(page, 1280)
    middle = page.locator("[aria-label='Prices'] .q-table__middle")
    middle.evaluate("one => { one.querySelector('table').style.visibility = 'hidden' }")
    without = middle.screenshot()
    middle.evaluate("one => { one.querySelector('table').style.minWidth = '3000px' }")
    at_the_left = middle.screenshot()
    middle.evaluate("one => { one.scrollLeft = one.scrollWidth }")
    assert len({without, at_the_left, middle.screenshot()}) == 3


def test_machines_show_what_was_entered(visitor: Visitor) -> None:
    """Terms, bills and labour with their corrections: both stay, and the state says which of them holds."""
    page = visitor.goes("/rates")
    _sized(page, 1280)
    machines, bills, labour = (table(page, f"Entered {name}") for name in ("machines", "bills", "labour"))
    assert [(row["machine"], row["billing"], row["rate"], row["per"]) for row in machines] == [
        ("A10G", "reserved", "$250.00", "month"),
        ("A10G", "reserved", "$270.00", "month"),
    ]
    assert {(row["from"], row["to (included)"]) for row in machines} == {("2026-03-01", "-")}
    assert [(row["month"], row["bill"]) for row in bills] == [("2026-10", "$250.00"), ("2026-10", "$270.00")]
    assert [row["an hour"] for row in labour] == ["$250.00", "$270.00"]
    assert {(row["hours a month"], row["hours of set-up"]) for row in labour} == {("1.5", "16")}
    for rows in (machines, bills, labour):
        assert [row["state"] for row in rows] == ["overtaken", "holds"]
