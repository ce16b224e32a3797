"""The page of an evaluation in a real browser: on a phone and on a desktop, with nobody to ask."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tasks.documents import html
from tasks.evaluation_report import page as contents
from tests import evaluations as found
from tests.browser import DESKTOP, broken_images, lowest_contrast, open_page, overflow, smallest_text

PHONE = (390, 844)
READABLE_PX = 13
READABLE_CONTRAST = 4.5
"""Contrast of text against its background that WCAG asks for (level AA)."""


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["usual", "enrichment", "many_labels", "marked_up"])
def test_page(browser: Browser, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    """It fits the window, loads its pictures, asks nobody, complains of nothing, and its text can be read."""
    drawn = found.drawn(name)
    path = tmp_path / "evaluation.html"
    path.write_text(html.render_file(contents.page(found.EVERY[name]()), drawn), "utf-8")
    with open_page(browser, size) as (page, heard):
        page.goto(path.as_uri())
        assert overflow(page) == 0
        assert broken_images(page) == []
        assert page.locator("img").count() == len(drawn)
        assert smallest_text(page) >= READABLE_PX
        assert lowest_contrast(page) >= READABLE_CONTRAST
        assert page.title().startswith("Evaluation of ")
        assert heard.nothing, heard
