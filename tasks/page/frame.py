"""What the pages are put together from: the frame, sheets, figures, tables, the form of filters.

Everything that comes from the ledger is handed to NiceGUI as text, never as HTML, so that names are shown as
they are written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from nicegui import ui

from db.browse import Choices, Filters, Matching
from tasks.page.asked import encoded
from tasks.page.words import plural

PLACES = (("/", "Overview"), ("/lines", "Lines"), ("/runs", "Runs"), ("/rates", "Prices"))
LINK_COLOUR = "#005a8c"
ANY = ""
STATES = ("running", "waiting", "completed", "failed", "interrupted")

_LINK = """<q-td :props="props"><a v-if="props.row.href" :href="props.row.href">{{ props.value }}</a>
<template v-else>{{ props.value }}</template></q-td>"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: which field of the rows, under which heading; `kind` is a class of page.css."""

    field: str
    heading: str
    kind: str = "text"

    @property
    def definition(self) -> dict[str, str]:
        """The column as the table wants it: figures stand at the right."""
        return {
            "name": self.field,
            "label": self.heading,
            "field": self.field,
            "align": "right" if self.kind == "amount" else "left",
            "classes": self.kind,
        }


@contextmanager
def framed(path: str, title: str) -> Iterator[None]:
    """Put what follows into the frame of a page: the way to the others, and when it was read."""
    ui.colors(primary=LINK_COLOUR)
    ui.page_title(f"{title} · breakeven ledger")
    with ui.element("nav").classes("head"):
        ui.label("breakeven ledger").classes("name")
        for target, name in PLACES:
            link = ui.link(name, target)
            if target == path:
                link.props("aria-current=page")
        with ui.element("div").classes("read"):
            ui.label(f"read at {datetime.now(UTC):%H:%M:%S} UTC").style("display: inline-block")
            ui.button("Refresh", on_click=ui.navigate.reload).props("flat dense no-caps")
    heading(title)
    yield


def heading(text: str, level: int = 1) -> None:
    """Write a heading of the page (1) or of a sheet (2)."""
    kind = "title" if level == 1 else "subtitle"
    ui.label(text).classes(kind).props(f"role=heading aria-level={level}")


@contextmanager
def sheet(title: str) -> Iterator[None]:
    """Put what follows on a sheet with a heading."""
    with ui.element("section").classes("sheet"):
        heading(title, 2)
        yield


def note(text: str) -> None:
    """Say what the figures should not be read without."""
    ui.label(text).classes("note")


def figure(label: str, value: str, more: str = "") -> None:
    """Show one figure, large."""
    with ui.element("div").classes("figure"):
        ui.label(label).classes("label")
        ui.label(value).classes("value")
        if more:
            ui.label(more).classes("more")


def table(
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, str]],
    *,
    link: str | None = None,
    at_once: int | None = None,
) -> None:
    """Show rows of text under their headings; the column `link` leads to the `href` of its row.

    `at_once`: rows that are shown at a time where there are more; None: all.
    """
    numbered = [{"row": number, **row} for number, row in enumerate(rows)]
    several = at_once if at_once is not None and len(numbered) > at_once else None
    shown = ui.table(
        columns=[column.definition for column in columns], rows=numbered, row_key="row", pagination=several
    )
    shown.classes("full-width").props('flat dense rows-per-page-label="rows at a time"')
    shown.props["aria-label"] = name
    if link is not None:
        shown.add_slot(f"body-cell-{link}", _LINK)


def sorry(path: str, message: str) -> None:
    """Say in words why there is nothing to show."""
    with framed(path, "Nothing to show"), ui.element("section").classes("sheet"):
        ui.label(message[:1].upper() + message[1:]).props("role=alert")


def filter_form(
    path: str, filters: Filters, choices: Choices, names: Sequence[str], state: str | None = None
) -> None:
    """Offer the filters of a page; "Show" asks for the page with what was chosen."""
    given = {
        "workload": choices.workloads,
        "engine": choices.engines,
        "model": choices.models,
        "route": choices.routes,
        "outcome": choices.outcomes,
        "state": list(STATES),
    }
    inputs: dict[str, ui.select | ui.date_input] = {}
    with ui.element("section").classes("sheet"), ui.element("form").classes("asking") as form:
        for name in names:
            value = state if name == "state" else getattr(filters, name)
            inputs[name] = _select(name, given[name], value)
        for name in ("since", "until"):
            day = getattr(filters, name)
            inputs[name] = ui.date_input(name, value="" if day is None else day.isoformat())
            inputs[name].props("dense outlined")

        def show() -> None:
            ui.navigate.to(_chosen(path, filters, inputs))

        form.on("submit.prevent", show)
        with ui.element("div").classes("buttons"):
            ui.button("Show").props("type=submit unelevated no-caps color=primary")
            ui.link("Clear", path)


def counted(matching: Matching) -> str:
    """Say how many lines match."""
    text = plural(matching.here, "line", "lines")
    if matching.archived:
        text += f"; {plural(matching.archived, 'more is', 'more are')} in archive files"
    return text


def _select(name: str, options: Sequence[str], value: str | None) -> ui.select:
    shown = {ANY: "any", **{option: option for option in options}}
    if value is not None:
        shown[value] = value  # one that no line carries any more, or never did
    chosen = ui.select(shown, label=name, value=value or ANY)
    return chosen.props("dense outlined options-dense")


def _chosen(path: str, filters: Filters, inputs: Mapping[str, ui.select | ui.date_input]) -> str:
    """Return the address that asks for what was chosen; what the form does not offer stays as it is."""
    run = {} if filters.run_id is None else {"run": str(filters.run_id)}
    return encoded(path, run | {name: str(field.value or "") for name, field in inputs.items()})
