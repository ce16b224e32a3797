"""What every form of the report shows, in the same order: sections of sentences, tables and pictures. Plain text."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, cast

from models.errors import visible

Colour = Literal["good", "bad", "neutral"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the first column names the row, the others hold figures unless their index is in `prose`.

    `strong`: indexes of rows that stand out. `caption` says what the table shows. `wide`: too wide for a phone, as
    every table of more than four columns is.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()
    prose: frozenset[int] = frozenset()
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure that stands beside the verdict."""

    label: str
    value: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One sentence of a list, and the word that it is marked with."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: sentences, then its picture (by name), tables and a list, each where it has one."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    chart: str | None = None
    tables: tuple[Table, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report in words. `first`: a small table that belongs to the first screen, right below the verdict.

    `documentation`: address of the page that explains every figure, if there is one; else it stands `explained_in`
    files of the project.
    """

    title: str
    heading: str
    covers: str
    colour: Colour
    answer: str
    verdict: str
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    made: tuple[str, ...]
    documentation: str | None = None
    first: Table | None = None
    explained_in: str = "docs/report.md and docs/break_even.md of breakeven"


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture: PNG bytes, and the words that stand for it where it cannot be seen."""

    png: bytes
    alternative: str


_Shown = TypeVar("_Shown")


def visible_page(page: _Shown) -> _Shown:
    """Return a document, or a part of one, all of whose texts show what nobody sees (`models.errors.visible`)."""
    shown: Any = page
    if isinstance(page, str):
        shown = visible(page)
    elif isinstance(page, tuple):
        shown = tuple(map(visible_page, page))
    elif is_dataclass(page) and not isinstance(page, type):
        parts = ((field.name, getattr(page, field.name)) for field in fields(page))
        shown = replace(page, **{name: visible_page(part) for name, part in parts})
    return cast("_Shown", shown)


Charts = Mapping[str, Chart]
"""Pictures by their name, such as `cost_by_month`; a file or a mail part is named `NAME.png`."""
