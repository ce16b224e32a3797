"""What a document says, and what stands in its forms."""

import re
from html import unescape
from html.parser import HTMLParser

from tasks.documents.page import Page


class Elements(HTMLParser):
    """Collects the names, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


def told(page: Page) -> list[str]:
    """Return all that a page says."""
    wanted = [page.heading, page.covers, page.verdict, *page.sentences]
    for section in page.sections:
        wanted += [section.title, *section.sentences, *(item.text for item in section.items)]
        wanted += [cell for table in section.tables for row in (table.columns, *table.rows) for cell in row]
    return wanted


def squeezed(words: str) -> str:
    """Drop all white space."""
    return re.sub(r"\s+", "", words)


def missing(page: Page, shown: str, more: tuple[str, ...] = ()) -> list[str]:
    """Return what a page says and a form of it does not, wherever the form breaks its lines."""
    return [one for one in (*told(page), *more) if squeezed(one) not in squeezed(shown)]


def plain(markdown: str) -> str:
    """Undo Markdown's escapes."""
    return unescape(re.sub(r"\\(.)", r"\1", markdown))


def has_whole_tables(markdown: str) -> bool:
    """Whether every row of a table has as many cells as its head."""
    tables = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    return all(
        len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1 for table in tables
    )
