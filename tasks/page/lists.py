"""The pages that list: lines, runs, and prices with the machines' rates."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from nicegui import ui

from db.browse import IN_DOUBT
from tasks.page.address import PageQuery, address
from tasks.page.formats import TOKENS, UNKNOWN, dollars, moment, number, plural, rate, tokens
from tasks.page.layout import (
    NEVER,
    PageColumn,
    describe_count,
    draw_frame,
    draw_heading,
    filter_form,
    note,
    purpose_choice,
    sheet,
    table,
)
from tasks.page.queries import RUNS, Lines, RateTables, Runs

LINE_COLUMNS = (
    PageColumn("outcome", "outcome"),
    PageColumn("record_key", "record"),
    PageColumn("attempt", "attempt", "amount", "tablet"),
    PageColumn("at", "at (UTC)", "time", "tablet"),
    PageColumn("workload", "workload", "text", "desktop"),
    PageColumn("route", "route", "text", "tablet"),
    PageColumn("model", "model", "text", "desktop"),
    PageColumn("input_tokens", "input tokens", "amount", "wide"),
    PageColumn("cached_tokens", "cached tokens", "amount", "wide"),
    PageColumn("output_tokens", "output tokens", "amount", "wide"),
    PageColumn("reasoning_tokens", "of them reasoning", "amount", "wide"),
    PageColumn("cost_usd", "cost", "amount"),
    PageColumn("counterfactual_usd", "on the API", "amount", "desktop"),
    PageColumn("run", "run", "nowrap", "tablet"),
    PageColumn("purpose", "purpose", "text", NEVER),
    PageColumn("prompt_version", "prompt version", "text", NEVER),
    PageColumn("run_id", "run id", "text", NEVER),
    PageColumn("provider_usd", "by the provider", "amount", NEVER),
    PageColumn("served_model", "served as", "text", NEVER),
    PageColumn("service_tier", "tier of service", "text", NEVER),
    PageColumn("doubted_usage", "reported, in doubt", "text", NEVER),
)
RUN_COLUMNS = (
    PageColumn("state", "state", "nowrap"),
    PageColumn("started_at", "started (UTC)", "time"),
    PageColumn("workload", "workload"),
    PageColumn("partition", "partition", "nowrap", "tablet"),
    PageColumn("records", "records", "amount", "tablet"),
    PageColumn("published", "published", "amount", "desktop"),
    PageColumn("quarantined", "quarantined", "amount", "desktop"),
    PageColumn("waiting", "waiting", "amount", "wide"),
    PageColumn("model", "model", "text", "wide"),
    PageColumn("cost_usd", "cost", "amount", "tablet"),
    PageColumn("counterfactual_usd", "on the API", "amount", "desktop"),
    PageColumn("error", "error", "text brief", "tablet"),
    PageColumn("escalated", "escalated", "amount", NEVER),
    PageColumn("input_tokens", "input tokens", "amount", NEVER),
    PageColumn("output_tokens", "output tokens", "amount", NEVER),
    PageColumn("gpu_cost_usd", "GPU", "amount", NEVER),
    PageColumn("api_cost_usd", "API", "amount", NEVER),
    PageColumn("purpose", "purpose", "text", NEVER),
    PageColumn("prompt_version", "prompt version", "text", NEVER),
    PageColumn("infrastructure", "machine", "text", NEVER),
    PageColumn("ended_at", "ended (UTC)", "text", NEVER),
    PageColumn("id", "run id", "text", NEVER),
)
PRICE_COLUMNS = (
    PageColumn("model", "model"),
    PageColumn("provider", "provider", "text", "desktop"),
    PageColumn("effective_from", "from", "nowrap", "tablet"),
    PageColumn("effective_to", "to (excluded)", "nowrap", "tablet"),
    PageColumn("version", "version", "amount", "desktop"),
    PageColumn("newest", "the version that holds", "text", "wide"),
    PageColumn("input_usd_per_mtok", "input", "amount"),
    PageColumn("cached_input_usd_per_mtok", "input, cached", "amount", "tablet"),
    PageColumn("cache_write_usd_per_mtok", "input, written to a cache", "amount", "wide"),
    PageColumn("output_usd_per_mtok", "output", "amount"),
    PageColumn("lines", "lines", "amount", "desktop"),
    PageColumn("source", "source", "text", "desktop"),
)
MACHINE_COLUMNS = (
    PageColumn("kind", "machine"),
    PageColumn("usd_per_hour", "an hour", "amount"),
    PageColumn("billing_mode", "billing"),
    PageColumn("billing_increment_seconds", "increment, s", "amount", "tablet"),
    PageColumn("effective_from", "from", "nowrap", "tablet"),
    PageColumn("source", "source", "text", "desktop"),
)
_HOLDS = (
    PageColumn("state", "state"),
    PageColumn("holds", "holds on", "text", "desktop"),
    PageColumn("entered_at", "entered (UTC)", "time", "desktop"),
    PageColumn("note", "note", "text", "desktop"),
)
TERMS_COLUMNS = (
    PageColumn("kind", "machine"),
    PageColumn("gpus", "how many", "amount", "tablet"),
    PageColumn("billing", "billing", "text", "tablet"),
    PageColumn("usd", "rate", "amount"),
    PageColumn("per", "per"),
    PageColumn("increment_seconds", "increment, s", "amount", "desktop"),
    PageColumn("from", "from", "nowrap", "tablet"),
    PageColumn("to", "to (included)", "nowrap", "tablet"),
    *_HOLDS,
)
BILL_COLUMNS = (
    PageColumn("per", "month", "nowrap"),
    PageColumn("usd", "bill", "amount"),
    _HOLDS[0],
    *_HOLDS[2:],
)
LABOUR_COLUMNS = (
    PageColumn("from", "from", "nowrap"),
    PageColumn("maintenance_hours", "hours a month", "amount", "tablet"),
    PageColumn("setup_hours", "hours of set-up", "amount", "tablet"),
    PageColumn("usd", "an hour", "amount"),
    *_HOLDS,
)
COMMANDS = {"Entered machines": "set", "Entered bills": "bill", "Entered labour": "labour"}
ENTERED = (
    ("Entered machines", TERMS_COLUMNS, ("machine", "no machine")),
    ("Entered bills", BILL_COLUMNS, ("bill",)),
    ("Entered labour", LABOUR_COLUMNS, ("labour",)),
)
RATES = (
    *("input_usd_per_mtok", "cached_input_usd_per_mtok", "cache_write_usd_per_mtok"),
    *("output_usd_per_mtok", "usd_per_hour", "usd"),
)
LEGEND = (
    "≈ holds an estimate. ≤ the most that an attempt can have cost which is pending or of unknown outcome."
)


def show_lines(asked: PageQuery, found: Lines) -> None:
    """Build the page of lines."""
    with draw_frame("/lines", "Lines"):
        names = ("workload", "engine", "model", "route", "outcome")
        purpose_choice("/lines", asked.filters)
        filter_form("/lines", asked.filters, found.choices, names)
        with sheet(describe_count(found.matching)):
            if asked.filters.run_id is not None:
                ui.label(f"of run {asked.filters.run_id}").classes("soft")
            if found.page.following is not None and not found.page.rows:
                note("None among the lines that were read for this page; the next one goes on from there.")
            table("Lines", LINE_COLUMNS, map(_line, found.page.rows), link="run")
            with ui.element("div").classes("paging"):
                if asked.after is not None:
                    ui.link("First page", address("/lines", asked.filters))
                if found.page.following is not None:
                    ui.link("Next page", address("/lines", asked.filters, after=found.page.following))
            ui.label(f"The newest run first, in a run by record. {LEGEND}").classes("soft")


def show_runs(asked: PageQuery, found: Runs) -> None:
    """Build the page of runs."""
    with draw_frame("/runs", "Runs"):
        purpose_choice("/runs", asked.filters, asked.state)
        filter_form("/runs", asked.filters, found.choices, ("workload", "state"), asked.state)
        with sheet(f"{plural(len(found.rows), 'run', 'runs')}, the newest first"):
            if found.more:
                note(f"There are older ones: this page shows {RUNS:,} at most. Choose days to see them.")
            table("Runs", RUN_COLUMNS, map(_run, found.rows), link="started_at", at_once=25)
            ui.label("A run's start leads to its lines. Cost is what machine and API cost together.").classes(
                "soft"
            )


def show_rates(found: RateTables) -> None:
    """Build the page of prices and machines."""
    with draw_frame("/rates", "Prices"):
        with sheet("API prices, dollars per million tokens"):
            table("Prices", PRICE_COLUMNS, map(_cells, found.prices), at_once=25)
            corrections = "A correction is a new version; lines keep the one that they were priced with."
            ui.label(corrections).classes("soft")
        with sheet("Machines"):
            _machines(found)


def _machines(found: RateTables) -> None:
    """Show what was entered, and the rates that runs were charged at."""
    for name, columns, entries in ENTERED:
        rows = [row for row in found.entered if row["entry"] in entries]
        draw_heading(name, 3)
        if rows:
            table(name, columns, map(_entry, rows), at_once=15)
        else:
            ui.label(f"None. Enter them with: breakeven infrastructure {COMMANDS[name]}").classes("soft")
    ui.label(
        "In the order of entering. A correction is another entry; both stay, and the state says which holds."
    ).classes("soft")
    draw_heading("Rates that runs were charged at", 3)
    table("Machines", MACHINE_COLUMNS, map(_cells, found.machines), at_once=15)


def _entry(row: Mapping[str, object]) -> dict[str, str]:
    cells = _cells(row)
    return cells | {"gpus": "0, gone"} if row["entry"] == "no machine" else cells


def _line(row: Mapping[str, object]) -> dict[str, str]:
    cells = _cells(row) | {name: tokens(row, name) for name in TOKENS}
    cells["reasoning_tokens"] = "-" if row["reasoning_tokens"] is None else f"{row['reasoning_tokens']:,}"
    if row["provider_usd"] is None:  # it does not say it: nothing is unknown
        cells["provider_usd"] = "-"
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
