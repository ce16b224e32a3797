"""An evaluation on the terminal: the verdict, and the tables of its short form."""

import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.evaluation.figures import Evaluation
from tasks.display.table_layout import Column, fit_table, output_width
from tasks.documents import page as view
from tasks.documents.page import visible_page
from tasks.evaluation_report import page as contents

WIDE = 10_000
"""Characters in which every table fits."""


def show(evaluation: Evaluation) -> None:
    """Print an evaluation on standard output; in a pipe each sentence is one line."""
    width = output_width()
    console = Console(width=width, soft_wrap=not sys.stdout.isatty(), highlight=False)
    for part in render_parts(evaluation, width):
        console.print(part)


def render_parts(evaluation: Evaluation, width: int = WIDE) -> Iterator[Text | Table]:
    """Yield what is printed, in order: the verdict first. Tables are as wide as `width` at most."""
    page = visible_page(contents.short(evaluation))
    yield Text(f"{page.heading}: {page.covers}")
    yield Text(page.verdict, "bold")
    yield from map(Text, page.sentences)
    for section in page.sections:
        yield Text(f"\n{section.title}", "bold")
        for table in section.tables:
            yield fit_table(list(_columns(table)), width, strong=table.strong)
            yield Text()
        yield from map(Text, section.sentences)
        yield from (Text(f"- {item.text}") for item in section.items)


def _columns(shown: view.Table) -> Iterator[Column]:
    for index, name in enumerate(shown.columns):
        cells = tuple(row[index] for row in shown.rows)
        yield Column(name, cells, right=index != 0 and index not in shown.prose)
