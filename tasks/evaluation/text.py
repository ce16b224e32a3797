"""An evaluation on the terminal: the verdict, and the tables of its short form."""

import sys
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.evaluation.figures import Evaluation
from tasks.evaluation import contents
from tasks.report import view


def show(evaluation: Evaluation) -> None:
    """Print an evaluation on standard output."""
    # A pipe has no width: let the tables be as wide as they are, so that no figure is cut.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    for part in parts(evaluation):
        console.print(part)


def parts(evaluation: Evaluation) -> Iterator[Text | Table]:
    """Yield what is printed, in order: the verdict first."""
    page = contents.short(evaluation)
    yield Text(f"{page.heading}: {page.covers}")
    yield Text(page.verdict, "bold")
    yield from map(Text, page.sentences)
    for section in page.sections:
        yield Text(f"\n{section.title}", "bold")
        yield from map(_table, section.tables)
        yield from map(Text, section.sentences)
        yield from (Text(f"- {item.text}") for item in section.items)


def _table(shown: view.Table) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(shown.columns):
        left = index == 0 or index in shown.prose
        table.add_column(Text(column), justify="left" if left else "right", overflow="fold")
    for index, row in enumerate(shown.rows):
        table.add_row(*map(Text, row), style="bold" if index in shown.strong else "")
    return table
