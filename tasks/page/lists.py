"""The pages that list: lines, runs, and prices with the machines' rates."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from nicegui import ui

from db.browse import IN_DOUBT
from tasks.page.asked import Asked, address
from tasks.page.frame import Column, counted, filter_form, framed, note, sheet, table
from tasks.page.reading import RUNS, Lines, Rates, Runs
from tasks.page.words import TOKENS, UNKNOWN, dollars, moment, number, plural, rate, tokens

LINE_COLUMNS = (
    Column("at", "at (UTC)", "nowrap"),
    Column("workload", "workload"),
    Column("record_key", "record"),
    Column("attempt", "attempt", "amount"),
    Column("route", "route"),
    Column("outcome", "outcome", "nowrap"),
    Column("model", "model"),
    Column("input_tokens", "input", "amount"),
    Column("cached_tokens", "cached", "amount"),
    Column("output_tokens", "output", "amount"),
    Column("cost_usd", "cost", "amount"),
    Column("counterfactual_usd", "on the API", "amount"),
    Column("run", "run", "nowrap"),
)
RUN_COLUMNS = (
    Column("started_at", "started (UTC)", "nowrap"),
    Column("workload", "workload"),
    Column("partition", "partition", "nowrap"),
    Column("state", "state"),
    Column("model", "model"),
    Column("records", "records", "amount"),
    Column("published", "published", "amount"),
    Column("quarantined", "quarantined", "amount"),
    Column("escalated", "escalated", "amount"),
    Column("waiting", "waiting", "amount"),
    Column("input_tokens", "input tokens", "amount"),
    Column("output_tokens", "output tokens", "amount"),
    Column("gpu_cost_usd", "GPU", "amount"),
    Column("api_cost_usd", "API", "amount"),
    Column("counterfactual_usd", "on the API", "amount"),
    Column("error", "error"),
)
PRICE_COLUMNS = (
    Column("provider", "provider"),
    Column("model", "model"),
    Column("effective_from", "from", "nowrap"),
    Column("effective_to", "to (excluded)", "nowrap"),
    Column("version", "version", "amount"),
    Column("newest", "the version that holds"),
    Column("input_usd_per_mtok", "input", "amount"),
    Column("cached_input_usd_per_mtok", "input, cached", "amount"),
    Column("output_usd_per_mtok", "output", "amount"),
    Column("lines", "lines", "amount"),
    Column("source", "source"),
)
MACHINE_COLUMNS = (
    Column("kind", "machine"),
    Column("usd_per_hour", "an hour", "amount"),
    Column("billing_mode", "billing"),
    Column("billing_increment_seconds", "increment, s", "amount"),
    Column("effective_from", "from", "nowrap"),
    Column("source", "source"),
)
RATES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok", "usd_per_hour")
LEGEND = (
    "≈ holds an estimate. ≤ the most that an attempt can have cost which is pending or of unknown outcome."
)


def show_lines(asked: Asked, found: Lines) -> None:
    """Build the page of lines."""
    with framed("/lines", "Lines"):
        names = ("workload", "engine", "model", "route", "outcome")
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
        filter_form("/runs", asked.filters, found.choices, ("workload", "state"), asked.state)
        with sheet(f"{plural(len(found.rows), 'run', 'runs')}, the newest first"):
            if found.more:
                note(f"There are older ones: this page shows {RUNS:,} at most. Choose days to see them.")
            table("Runs", RUN_COLUMNS, map(_run, found.rows), link="started_at", at_once=25)
            ui.label("A run's start leads to its lines.").classes("soft")


def show_rates(found: Rates) -> None:
    """Build the page of prices and machines."""
    with framed("/rates", "Prices"):
        with sheet("API prices, dollars per million tokens"):
            table("Prices", PRICE_COLUMNS, map(_cells, found.prices), at_once=25)
            corrections = "A correction is a new version; lines keep the one that they were priced with."
            ui.label(corrections).classes("soft")
        with sheet("Machines, dollars an hour"):
            table("Machines", MACHINE_COLUMNS, map(_cells, found.machines))


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
