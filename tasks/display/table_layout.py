"""Tables on standard output that fit the terminal, or a sensible width in a pipe; no figure is ever broken.

Where a table is too wide, headers break at underscores, then columns that can be missed are left out, then long
texts are folded at spaces. Where that is not enough, each row is printed as a block of lines.
"""

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import one_line, visible

PIPE_WIDTH = 120
"""Characters of a line where standard output is no terminal and COLUMNS is not set."""
LONGEST_WORD = 37
"""Characters of a word of text that is not broken if it can be helped: an id and a comma fit."""
GAP = 2
"""Spaces between two columns."""

_WORD_END = re.compile(r"(?<=[\s_])|(?<=[/:>,])(?=[^\W\d])")
"""Where a header or a text may be broken: after spaces and underscores, and after marks that join names."""
_FIGURE = re.compile(r"[-+~<>\u00b1$]*\d[\d.,]*( ?(%|\w{1,2}))?")
_NOTHING = {"", "-", "0", "0.000000"}
_UNKNOWN = {"unknown", *_NOTHING}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its header, its cells, and its footer if the table has one.

    `right`: aligned to the right; None: if all its cells are figures. `spare`: how soon it is left out where the
    table is too wide; the lowest number goes first, None never.
    """

    name: str
    cells: tuple[str, ...]
    footer: str = ""
    right: bool | None = None
    spare: int | None = None

    def __post_init__(self) -> None:
        """See that each cell is one line of visible characters: a line end in it would begin a row of its own."""
        object.__setattr__(self, "name", one_line(self.name))
        object.__setattr__(self, "cells", tuple(map(_one_row, self.cells)))
        object.__setattr__(self, "footer", _one_row(self.footer))

    @property
    def figures(self) -> bool:
        """Whether all cells are figures, which are never broken."""
        shown = [cell for cell in self.cells if cell not in _UNKNOWN]
        return bool(shown) and all(_FIGURE.fullmatch(cell) for cell in shown)

    @property
    def empty(self) -> bool:
        """Whether no cell says anything."""
        return all(cell in _NOTHING for cell in self.cells)

    @property
    def content(self) -> int:
        """Width of the widest cell."""
        return max((len(cell) for cell in (*self.cells, self.footer)), default=0)

    @property
    def widest(self) -> int:
        """Width without any break."""
        return max(self.content, len(self.name))

    @property
    def least(self) -> int:
        """Width below which a figure, or a word that is not very long, would be broken."""
        header = longest_word(self.name)
        if self.figures:
            return max(self.content, header)
        words = max(map(longest_word, (*self.cells, self.footer)))
        return max(min(words, LONGEST_WORD), header)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a table are shown, how wide each is, and the names of those that are left out."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...] = ()


def output_width() -> int:
    """Return how wide standard output is: the terminal's width; in a pipe COLUMNS, else 120."""
    if sys.stdout.isatty():
        return Console().width
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) else PIPE_WIDTH


def print_table(columns: Sequence[Column], *, more: str = "") -> None:
    """Print a table as wide as standard output is.

    Columns that are left out for want of width are named on standard error; `more` says where else they are.
    """
    width = output_width()
    layout = lay_out(columns, width)
    _print(_blocks(columns, width) if layout is None else _table(layout, frozenset()), width)
    if layout is not None and layout.left_out:
        wide = _total([column.widest for column in columns])
        names = ", ".join(layout.left_out)
        tell(f"not shown in {width} characters: {names} (COLUMNS={wide}{more} shows all)")


def fit_table(columns: Sequence[Column], width: int, *, strong: frozenset[int] = frozenset()) -> Table | Text:
    """Return a table of `width` characters; rows whose index is in `strong` are bold."""
    layout = lay_out(columns, width)
    return _blocks(columns, width) if layout is None else _table(layout, strong)


def tell(message: str) -> None:
    """Write a message on standard error, of visible characters; on a terminal it is broken between words."""
    sys.stdout.flush()
    line = visible(message)
    wide = Console(stderr=True).width if sys.stderr.isatty() else None
    sys.stderr.write(f"{line if wide is None else _wrapped(line, wide)}\n")


def write_prose(lines: Iterable[str]) -> None:
    """Write sentences on standard output; on a terminal they are broken between words, in a pipe each is one line."""
    wide = Console().width if sys.stdout.isatty() else None
    sys.stdout.writelines(
        f"{line if wide is None else _wrapped(line, wide)}\n" for line in map(visible, lines)
    )
    sys.stdout.flush()


def write_data(text: str) -> None:
    """Write data on standard output: exactly to a pipe or a file; on a terminal what nobody sees is escaped."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def lay_out(columns: Sequence[Column], width: int) -> Layout | None:
    """Choose columns and their widths for `width` characters; None where even the required ones do not fit."""
    kept = list(columns)
    while _total([column.least for column in kept]) > width:
        spare = [column for column in kept if column.spare is not None]
        if not spare:
            return None
        kept.remove(min(spare, key=lambda column: (not column.empty, column.spare)))
    left_out = tuple(column.name for column in columns if column not in kept)
    return Layout(tuple(kept), _widths(kept, width), left_out)


def longest_word(text: str) -> int:
    """Return the length of the longest part of a text that is not broken."""
    return max(len(word.rstrip()) for word in _WORD_END.split(text))


def fold_text(text: str, width: int) -> str:
    """Break a text into lines of a width at the ends of words, inside a word only where it is too long itself."""
    lines = [""]
    for part in _WORD_END.split(text):
        word = part
        if len((lines[-1] + word).rstrip()) > width and lines[-1]:
            lines.append("")
        while len(word.rstrip()) > width:
            lines[-1], word = word[:width], word[width:]
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def _one_row(cell: str) -> str:
    return visible(cell).replace("\n", r"\n")


def _widths(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """Narrow headers first, then the widest text, until all fit."""
    widths = [column.widest for column in columns]
    for floors in ([max(one.least, one.content) for one in columns], [one.least for one in columns]):
        while _total(widths) > width and widths != floors:
            at = max(range(len(widths)), key=lambda i: (widths[i] > floors[i], widths[i]))
            widths[at] -= 1
    return tuple(widths)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _table(layout: Layout, strong: frozenset[int]) -> Table:
    footers = any(column.footer for column in layout.columns)
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, show_footer=footers
    )
    for column, width in zip(layout.columns, layout.widths, strict=True):
        right = column.figures if column.right is None else column.right
        table.add_column(
            Text(fold_text(column.name, width)),
            Text(column.footer),
            justify="right" if right else "left",
            overflow="fold",
            width=width,
        )
    for index, row in enumerate(zip(*(column.cells for column in layout.columns), strict=True)):
        cells = map(fold_text, row, layout.widths)
        table.add_row(*map(Text, cells), style="bold" if index in strong else "")
    return table


def _blocks(columns: Sequence[Column], width: int) -> Text:
    """Return each row as a block of `name  value` lines."""
    names = max(len(column.name) for column in columns)
    shown = list(columns)
    if any(column.footer for column in columns):
        shown = [replace(column, cells=(*column.cells, column.footer)) for column in columns]
    lines: list[str] = []
    for row in zip(*(column.cells for column in shown), strict=True):
        for column, cell in zip(shown, row, strict=True):
            first, *rest = fold_text(cell, max(width - names - GAP, LONGEST_WORD)).split("\n")
            lines.append(f"{column.name:<{names}}  {first}".rstrip())
            lines += [f"{'':<{names}}  {line}" for line in rest]
        lines.append("")
    return Text("\n".join(lines))


def _print(shown: Table | Text, width: int) -> None:
    # What was laid out fits; a block of a very narrow terminal is not cut, but left to the terminal to break.
    Console(width=width, highlight=False, soft_wrap=isinstance(shown, Text)).print(shown)


def _wrapped(line: str, width: int) -> str:
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
