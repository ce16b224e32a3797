"""A document as Markdown for a Prefect artifact, and as the plain text of a mail for who reads no HTML."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import chain

from models.errors import visible
from tasks.documents.page import Charts, Page, Section, Table, visible_page

_SPECIAL = re.compile(r"([\\`*_\[\]#|~!&])")
_TEXT_WIDTH = 78


def render(page: Page, charts: Charts | None = None) -> str:
    """Return a document as Markdown. Each picture in `charts` is shown from `NAME.png` beside it."""
    charts, page = charts or {}, visible_page(page)
    parts = (
        f"# {escape(page.heading)}",
        escape(page.covers),
        f"**{escape(page.answer)}.** {escape(page.verdict)}",
        *map(escape, page.sentences),
        *([] if page.first is None else _tables((page.first,))),
        *chain.from_iterable(_section(section, charts) for section in page.sections),
        "---",
        *map(escape, _footer(page)),
    )
    return "\n\n".join(parts) + "\n"


def render_text(page: Page) -> str:
    """Return a document as plain text: the same words and tables without marks and pictures."""
    page = visible_page(page)
    sentences = (page.covers, f"{page.answer}.", page.verdict, *page.sentences)
    parts = (
        _underline(page.heading, "="),
        *map(_wrap, sentences),
        *([] if page.first is None else _plain_tables((page.first,))),
        *chain.from_iterable(map(_plain_section, page.sections)),
        "-" * _TEXT_WIDTH,
        *_footer(page),
    )
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Escape what Markdown, or the HTML inside of it, would read as markup; line breaks become spaces."""
    return _SPECIAL.sub(r"\\\1", visible(" ".join(text.split()))).replace("<", "&lt;").replace(">", "&gt;")


def _section(section: Section, charts: Charts) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    yield from map(escape, section.sentences)
    if section.chart is not None and section.chart in charts:
        yield f"![{escape(charts[section.chart].alternative)}]({section.chart}.png)"
    yield from _tables(section.tables)
    if section.items:
        marks = (f"**{item.mark}:** " if item.mark else "" for item in section.items)
        yield "\n".join(
            f"- {mark}{escape(item.text)}" for mark, item in zip(marks, section.items, strict=True)
        )


def _tables(tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        yield f"{escape(table.caption)}:"
        yield _table([tuple(map(escape, row)) for row in (table.columns, *table.rows)], table)


def _plain_section(section: Section) -> Iterator[str]:
    yield _underline(section.title, "-")
    yield from map(_wrap, section.sentences)
    yield from _plain_tables(section.tables)
    if section.items:
        told = (f"{item.mark}: {item.text}" if item.mark else item.text for item in section.items)
        yield "\n".join(_wrap(line, "- ") for line in told)


def _plain_tables(tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        rows = [tuple(" ".join(cell.split()) for cell in row) for row in (table.columns, *table.rows)]
        yield f"{table.caption}:\n{_table(rows, table)}"


def _table(rows: list[tuple[str, ...]], table: Table) -> str:
    """Write a table so that it also reads well as it stands: columns are padded to their width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = table.prose | {0}
    rule = [f"{'-' * (width - 1)}{'-' if index in left else ':'}" for index, width in enumerate(widths)]
    head, *body = (_line(row, widths, left) for row in rows)
    return "\n".join((head, f"| {' | '.join(rule)} |", *body))


def _line(row: tuple[str, ...], widths: list[int], left: frozenset[int]) -> str:
    sized = enumerate(zip(row, widths, strict=True))
    cells = (cell.ljust(width) if index in left else cell.rjust(width) for index, (cell, width) in sized)
    return f"| {' | '.join(cells)} |"


def _underline(title: str, rule: str) -> str:
    return f"{title}\n{rule * len(title)}"


def _wrap(sentence: str, lead: str = "") -> str:
    return textwrap.fill(sentence, _TEXT_WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead))


def _footer(page: Page) -> tuple[str, ...]:
    documentation = page.documentation or page.explained_in
    return (*page.made, f"What each figure means and how it is computed: {documentation}")
