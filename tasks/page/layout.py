"""What the pages are put together from: the frame, sheets, figures, tables, the form of filters.

Everything that comes from the ledger is handed to NiceGUI as text, never as HTML, so that names are shown as
they are written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from nicegui import ui

from db.browse import Choices, Matching
from db.browse_filters import Filters
from models.run import AUDIT, EVALUATION, PRODUCTION, TRAINING, TRIAL
from tasks.page.address import address, encode_address, parameters
from tasks.page.formats import plural

PLACES = (("/", "Overview"), ("/lines", "Lines"), ("/runs", "Runs"), ("/rates", "Prices"))
LINK_COLOUR = "#005a8c"
ANY = ""
STATES = ("running", "waiting", "completed", "failed", "interrupted")

NAMES_OF_PURPOSES: Mapping[str | None, str] = {
    PRODUCTION: "production",
    EVALUATION: "evaluations",
    TRIAL: "trials",
    AUDIT: "audits",
    TRAINING: "training",
    None: "all",
}
NEVER = "never"
"""A column that stands among all of a row's fields alone."""

# A row, and below it, once its button was pressed, all of its fields in full, also those for which the window is too narrow.
_ROW = """<q-tr :props="props">
<q-td v-for="(col, place) in props.cols" :key="col.name" :props="props">
<button v-if="place === 0" type="button" class="expand" :aria-expanded="props.expand ? 'true' : 'false'"
 :aria-label="'All of row ' + (props.row.row + 1)" @click="props.expand = !props.expand"></button>
<a v-if="col.link && props.row.href" class="cut" :href="props.row.href" :title="col.value">{{ col.value }}</a>
<span v-else class="cut" :title="col.value">{{ col.value }}</span></q-td></q-tr>
<q-tr v-if="props.expand" class="whole"><q-td colspan="100%"><dl>
<div v-for="col in props.cols" :key="col.name"><dt>{{ col.label }}</dt><dd>{{ col.value }}</dd></div>
</dl></q-td></q-tr>"""


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A column of a table: which field of the rows, under which heading.

    `kind` and `width` are classes of page.css: how the column looks, and how wide a window must be to show it
    ("phone": always; `NEVER`: it is shown with the whole row alone).
    """

    field: str
    heading: str
    kind: str = "text"
    width: str = "phone"

    def definition(self, link: str | None) -> dict[str, str | bool]:
        """Return the column as the table wants it: figures stand at the right; `link` names the one of links."""
        return {
            "name": self.field,
            "label": self.heading,
            "field": self.field,
            "align": "right" if self.kind == "amount" else "left",
            "classes": f"{self.kind} {self.width}",
            "headerClasses": self.width,
            "link": self.field == link,
        }


@contextmanager
def draw_frame(path: str, title: str) -> Iterator[None]:
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
    draw_heading(title)
    yield


def draw_heading(text: str, level: int = 1) -> None:
    """Write a heading of the page (1), of a sheet (2) or within one (3)."""
    kind = {1: "title", 2: "subtitle", 3: "subject"}[level]
    ui.label(text).classes(kind).props(f"role=heading aria-level={level}")


@contextmanager
def sheet(title: str) -> Iterator[None]:
    """Put what follows on a sheet with a heading."""
    with ui.element("section").classes("sheet"):
        draw_heading(title, 2)
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
    columns: Sequence[PageColumn],
    rows: Iterable[Mapping[str, str]],
    *,
    link: str | None = None,
    at_once: int | None = None,
) -> None:
    """Show rows of text under their headings; the column `link` leads to the `href` of its row.

    Long texts are cut; the button of a row shows all of it.
    `at_once`: rows that are shown at a time where there are more; None: all.
    """
    numbered = [{"row": number, **row} for number, row in enumerate(rows)]
    several = at_once if at_once is not None and len(numbered) > at_once else None
    shown = ui.table(
        columns=[column.definition(link) for column in columns],
        rows=numbered,
        row_key="row",
        pagination=several,
    )
    shown.classes("full-width").props('flat dense rows-per-page-label="rows at a time" no-data-label="None."')
    shown.props["aria-label"] = name
    shown.add_slot("body", _ROW)


def choice(name: str, targets: Mapping[str, str], chosen: str | None) -> None:
    """Offer links by what they are called; the chosen one is marked."""
    with ui.element("nav").classes("choice").props(f'aria-label="{name}"'):
        for text, target in targets.items():
            link = ui.link(text, target)
            if text == chosen:
                link.props("aria-current=true")


def purpose_choice(path: str, filters: Filters, state: str | None = None) -> None:
    """Offer production, evaluations, trials and all of them; the one that is shown is marked."""
    chosen = NAMES_OF_PURPOSES.get(filters.purpose, filters.purpose)
    targets = {
        name: address(path, replace(filters, purpose=purpose), state=state)
        for purpose, name in NAMES_OF_PURPOSES.items()
    }
    if filters.purpose not in NAMES_OF_PURPOSES:
        targets[str(chosen)] = address(path, filters, state=state)
    choice("purpose", targets, chosen)


def show_error(path: str, message: str) -> None:
    """Say in words why there is nothing to show."""
    with draw_frame(path, "Nothing to show"), ui.element("section").classes("sheet"):
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


def describe_count(matching: Matching) -> str:
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
    return encode_address(
        path, parameters(filters) | {name: str(field.value or "") for name, field in inputs.items()}
    )
