"""The page of an evaluation in a real browser: on a phone and on a desktop, with nobody to ask."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tasks.documents import html
from tasks.evaluation_report import page as contents
from tests import evaluations as found
from tests.browser import check_readable, open_page


@pytest.mark.parametrize("name", ["usual", "enrichment", "many_labels", "marked_up"])
def test_page(browser: Browser, tmp_path: Path, name: str) -> None:
    """On a phone and on a desktop its text can be read and its pictures seen; it asks nobody, and complains of nothing."""
    drawn = found.drawn(name)
    path = tmp_path / "evaluation.html"
    path.write_text(html.render_file(contents.page(found.EVERY[name]()), drawn), "utf-8")
    with open_page(browser) as (page, heard):
        page.goto(path.as_uri())
        check_readable(page, len(drawn))
        assert page.title().startswith("Evaluation of ")
        assert heard.nothing, heard
