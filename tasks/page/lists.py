"""The pages that list: lines, runs, and prices with the machines' rates."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from nicegui import ui

from db.browse import IN_DOUBT
from tasks.page.address import Asked, address
from tasks.page.formats import TOKENS, UNKNOWN, dollars, moment, number, plural, rate, tokens
from tasks.page.layout import (
    NEVER,
    Column,
    counted,
    filter_form,
    framed,
    heading,
    note,
    purpose_choice,
    sheet,
    table,
)
from tasks.page.queries import RUNS, Lines, Rates, Runs

LINE_COLUMNS = (
    Column("outcome", "outcome"),
    Column("record_key", "record"),
    Column("attempt", "attempt", "amount", "tablet"),
    Column("at", "at (UTC)", "time", "tablet"),
    Column("workload", "workload", "text", "desktop"),
    Column("route", "route", "text", "tablet"),
    Column("model", "model", "text", "desktop"),
    Column("input_tokens", "input tokens", "amount", "wide"),
    Column("cached_tokens", "cached tokens", "amount", "wide"),
    Column("output_tokens", "output tokens", "amount", "wide"),
    Column("cost_usd", "cost", "amount"),
    Column("counterfactual_usd", "on the API", "amount", "desktop"),
    Column("run", "run", "nowrap", "tablet"),
    Column("purpose", "purpose", "text", NEVER),
    Column("prompt_version", "prompt version", "text", NEVER),
    Column("run_id", "run id", "text", NEVER),
)
RUN_COLUMNS = (
    Column("state", "state", "nowrap"),
    Column("started_at", "started (UTC)", "time"),
    Column("workload", "workload"),
    Column("partition", "partition", "nowrap", "tablet"),
    Column("records", "records", "amount", "tablet"),
    Column("published", "published", "amount", "desktop"),
    Column("quarantined", "quarantined", "amount", "desktop"),
    Column("waiting", "waiting", "amount", "wide"),
    Column("model", "model", "text", "wide"),
    Column("cost_usd", "cost", "amount", "tablet"),
    Column("counterfactual_usd", "on the API", "amount", "desktop"),
    Column("error", "error", "text brief", "tablet"),
    Column("escalated", "escalated", "amount", NEVER),
    Column("input_tokens", "input tokens", "amount", NEVER),
    Column("output_tokens", "output tokens", "amount", NEVER),
    Column("gpu_cost_usd", "GPU", "amount", NEVER),
    Column("api_cost_usd", "API", "amount", NEVER),
    Column("purpose", "purpose", "text", NEVER),
    Column("prompt_version", "prompt version", "text", NEVER),
    Column("infrastructure", "machine", "text", NEVER),
    Column("ended_at", "ended (UTC)", "text", NEVER),
    Column("id", "run id", "text", NEVER),
)
PRICE_COLUMNS = (
    Column("model", "model"),
    Column("provider", "provider", "text", "desktop"),
    Column("effective_from", "from", "nowrap", "tablet"),
    Column("effective_to", "to (excluded)", "nowrap", "tablet"),
    Column("version", "version", "amount", "desktop"),
    Column("newest", "the version that holds", "text", "wide"),
    Column("input_usd_per_mtok", "input", "amount"),
    Column("cached_input_usd_per_mtok", "input, cached", "amount", "tablet"),
    Column("output_usd_per_mtok", "output", "amount"),
    Column("lines", "lines", "amount", "desktop"),
    Column("source", "source", "text", "desktop"),
)
MACHINE_COLUMNS = (
    Column("kind", "machine"),
    Column("usd_per_hour", "an hour", "amount"),
    Column("billing_mode", "billing"),
    Column("billing_increment_seconds", "increment, s", "amount", "tablet"),
    Column("effective_from", "from", "nowrap", "tablet"),
    Column("source", "source", "text", "desktop"),
)
_HOLDS = (
    Column("state", "state"),
    Column("holds", "holds on", "text", "desktop"),
    Column("entered_at", "entered (UTC)", "time", "desktop"),
    Column("note", "note", "text", "desktop"),
)
TERMS_COLUMNS = (
    Column("kind", "machine"),
    Column("gpus", "how many", "amount", "tablet"),
    Column("billing", "billing", "text", "tablet"),
    Column("usd", "rate", "amount"),
    Column("per", "per"),
    Column("increment_seconds", "increment, s", "amount", "desktop"),
    Column("from", "from", "nowrap", "tablet"),
    Column("to", "to (included)", "nowrap", "tablet"),
    *_HOLDS,
)
BILL_COLUMNS = (Column("per", "month", "nowrap"), Column("usd", "bill", "amount"), _HOLDS[0], *_HOLDS[2:])
LABOUR_COLUMNS = (
    Column("from", "from", "nowrap"),
    Column("maintenance_hours", "hours a month", "amount", "tablet"),
    Column("setup_hours", "hours of set-up", "amount", "tablet"),
    Column("usd", "an hour", "amount"),
    *_HOLDS,
)
COMMANDS = {"Entered machines": "set", "Entered bills": "bill", "Entered labour": "labour"}
ENTERED = (
    ("Entered machines", TERMS_COLUMNS, ("machine", "no machine")),
    ("Entered bills", BILL_COLUMNS, ("bill",)),
    ("Entered labour", LABOUR_COLUMNS, ("labour",)),
)
RATES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok", "usd_per_hour", "usd")
LEGEND = (
    "≈ holds an estimate. ≤ the most that an attempt can have cost which is pending or of unknown outcome."
)


def show_lines(asked: Asked, found: Lines) -> None:
    """Build the page of lines."""
    with framed("/lines", "Lines"):
        names = ("workload", "engine", "model", "route", "outcome")
        purpose_choice("/lines", asked.filters)
        filter_form("/lines", asked.filters, found.choices, names)
        with sheet(counted(found.matching)):
            if asked.filters.run_id is not None:
                ui.label(f"of run {asked.filters.run_id}").classes("soft")
            table("Lines", LINE_COLUMNS, map(_line, found.page.rows), link="run")
            with ui.element("div").classes("paging"):
                if asked.after is not None:
                    ui.link("First page", address("/lines", asked.filters))
                if found.page.following is not None:
                    ui.link("Next page", address("/lines", asked.filters, after=found.page.following))
            ui.label(f"The newest run first, in a run by record. {LEGEND}").classes("soft")


def show_runs(asked: Asked, found: Runs) -> None:
    """Build the page of runs."""
    with framed("/runs", "Runs"):
        purpose_choice("/runs", asked.filters, asked.state)
        filter_form("/runs", asked.filters, found.choices, ("workload", "state"), asked.state)
        with sheet(f"{plural(len(found.rows), 'run', 'runs')}, the newest first"):
            if found.more:
                note(f"There are older ones: this page shows {RUNS:,} at most. Choose days to see them.")
            table("Runs", RUN_COLUMNS, map(_run, found.rows), link="started_at", at_once=25)
            ui.label("A run's start leads to its lines. Cost is what machine and API cost together.").classes(
                "soft"
            )


def show_rates(found: Rates) -> None:
    """Build the page of prices and machines."""
    with framed("/rates", "Prices"):
        with sheet("API prices, dollars per million tokens"):
            table("Prices", PRICE_COLUMNS, map(_cells, found.prices), at_once=25)
            corrections = "A correction is a new version; lines keep the one that they were priced with."
            ui.label(corrections).classes("soft")
        with sheet("Machines"):
            _machines(found)


def _machines(found: Rates) -> None:
    """Show what was entered, and the rates that runs were charged at."""
    for name, columns, entries in ENTERED:
        rows = [row for row in found.entered if row["entry"] in entries]
        heading(name, 3)
        if rows:
            table(name, columns, map(_entry, rows), at_once=15)
        else:
            ui.label(f"None. Enter them with: breakeven infrastructure {COMMANDS[name]}").classes("soft")
    ui.label(
        "In the order of entering. A correction is another entry; both stay, and the state says which holds."
    ).classes("soft")
    heading("Rates that runs were charged at", 3)
    table("Machines", MACHINE_COLUMNS, map(_cells, found.machines), at_once=15)


def _entry(row: Mapping[str, object]) -> dict[str, str]:
    cells = _cells(row)
    return cells | {"gpus": "0, gone"} if row["entry"] == "no machine" else cells


def _line(row: Mapping[str, object]) -> dict[str, str]:
    cells = _cells(row) | {name: tokens(row, name) for name in TOKENS}
    if row["outcome"] in IN_DOUBT:
        cells["cost_usd"] = f"≤ {cells['cost_usd']}"
    elif row["estimated"]:
        for name in (*TOKENS, "cost_usd"):
            cells[name] = cells[name] if row[name] is None else f"≈ {cells[name]}"
    if row["failure"]:
        cells["outcome"] = f"{cells['outcome']} ({cells['failure']})"
    run = str(row["run_id"])
    return cells | {"run": f"…{run[-8:]}", "href": f"/lines?run={run}"}


def _run(row: Mapping[str, object]) -> dict[str, str]:
    return _cells(row) | {"href": f"/lines?run={row['id']}"}


def _cells(row: Mapping[str, object]) -> dict[str, str]:
    return {name: _cell(name, value) for name, value in row.items()}


def _cell(name: str, value: object) -> str:
    if value is None:
        return UNKNOWN if name.endswith(("_usd", "_usd_per_mtok", "tokens")) else "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return rate(value) if name in RATES else dollars(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int):
        return number(value)
    return str(value)
