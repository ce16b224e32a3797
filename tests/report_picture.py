"""`python -m tests.report_picture`: draw docs/report.png, the beginning of the example month's page on a desktop."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.documents import html
from tasks.report import page as report_page
from tests import month_figures as months
from tests.browser import chromium_running, open_page

PICTURE = Path(__file__).parent.parent / "docs" / "report.png"
WIDTH, END_OF = 780, "section.costs img"
MARGIN = 16


def main() -> None:
    """Write the picture."""
    with TemporaryDirectory() as folder, chromium_running() as browser:
        file = Path(folder) / "report.html"
        file.write_text(html.render_file(report_page.make_page(months.report()), months.drawn()), "utf-8")
        with open_page(browser, (WIDTH, 1000)) as (page, _):
            page.goto(file.as_uri())
            box = page.locator(END_OF).bounding_box()
            assert box is not None
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": box["y"] + box["height"] + MARGIN}
            page.screenshot(path=PICTURE, full_page=True, clip=clip)  # type: ignore[arg-type]  # a FloatRect


if __name__ == "__main__":
    main()
