"""The first page: what was used and what it cost, over time, by route and by model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import cast

from nicegui import ui

from models.run import AUDIT, PRODUCTION, TRAINING, TRIAL
from tasks.page import charts
from tasks.page.address import address, last_days, narrow_filters
from tasks.page.formats import TOKENS, UNKNOWN, dollars, number, period, plural, share, tokens
from tasks.page.layout import (
    PageColumn,
    choice,
    draw_frame,
    figure,
    filter_form,
    note,
    purpose_choice,
    sheet,
    table,
)
from tasks.page.queries import Overview, Rows

PATH = "/"
DAYS = ("day", "month")
EVERY = "all workloads"
WHAT: Mapping[str | None, str] = {
    PRODUCTION: "production",
    TRIAL: "trials",
    AUDIT: "audits",
    TRAINING: "training",
    None: "production and all beside it",
}
BESIDE = "Beside production"
PERIODS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}
SUMS = (
    PageColumn("attempts", "attempts", "amount", "tablet"),
    PageColumn("share", "share", "amount", "tablet"),
    PageColumn("records", "records", "amount", "tablet"),
    PageColumn("input_tokens", "input tokens", "amount", "desktop"),
    PageColumn("cached_tokens", "of them cached", "amount", "desktop"),
    PageColumn("output_tokens", "output tokens", "amount", "desktop"),
    PageColumn("reasoning_tokens", "of them reasoning", "amount", "wide"),
    PageColumn("cost_usd", "cost", "amount"),
    PageColumn("counterfactual_usd", "on the API", "amount", "tablet"),
)
WHAT_COST_IS = (
    "Cost is each run's GPU time at its hourly rate plus what API attempts cost. A machine that is rented around "
    "the clock, maintenance and set-up are not in it: the monthly report counts those."
)

Sums = Mapping[str, object]


def show(overview: Overview) -> None:
    """Build the page."""
    with draw_frame(PATH, "Overview"):
        _choices(overview)
        if overview.total is None:
            with sheet("No lines"):
                ui.label("The ledger has no line here. Choose other days, or run a workload first.")
            _evaluations(overview)
            return
        _advice(overview)
        _figures(overview)
        _notes(overview)
        with sheet("Cost"):
            _chart(charts.cost(overview), 340)
            ui.label(WHAT_COST_IS).classes("soft")
        with sheet("Tokens"):
            _chart(charts.tokens(overview), 300)
        with sheet("Routes"):
            _chart(charts.routes(overview.routes), charts.height_of_routes(overview.routes))
            _table("Routes", overview, overview.routes, ["route"], "route")
        with sheet("Workloads and models"):
            _table("Workloads and models", overview, overview.models, ["workload", "model"], "model")
        _evaluations(overview)
        with sheet("By month" if overview.grain == "month" else "By day"):
            newest_first = list(reversed(overview.steps))
            _table("Steps", overview, newest_first, [overview.grain, "workload"], overview.grain)


def _choices(overview: Overview) -> None:
    """Say what is shown, and offer other purposes, workloads and periods; what is chosen is marked."""
    filters, choices = overview.filters, overview.choices
    chosen = period(filters.since, filters.until)
    what = WHAT.get(filters.purpose, "evaluations")
    ui.label(
        f"{filters.workload or 'All workloads'}, {what}, {chosen} (days are UTC days of the attempts)"
    ).classes("wrapped")
    purpose_choice(PATH, filters)
    workloads = [None, *choices.workloads]
    if len(choices.workloads) > 1 or filters.workload is not None:
        targets = {name or EVERY: address(PATH, replace(filters, workload=name)) for name in workloads}
        choice("workload", targets, filters.workload or EVERY)
    periods = {name: last_days(filters, choices, days) for days, name in PERIODS.items()}
    if choices.first_day is not None and choices.last_day is not None:
        periods["everything"] = last_days(filters, choices, (choices.last_day - choices.first_day).days + 1)
    marked = next((name for name, of in periods.items() if of == filters), None)
    if marked is None:
        periods[chosen] = filters
    choice("period", {name: address(PATH, of) for name, of in periods.items()}, marked or chosen)
    filter_form(PATH, filters, choices, ())


def _evaluations(overview: Overview) -> None:
    """Show what evaluations, trials, audits and training took in the same days, where the other sums are without them."""
    if not overview.evaluations:
        return
    with sheet(BESIDE):
        ui.label(
            "What evaluations, trials, audits and training asked and cost in these days. It is in no other figure of this page."
        ).classes("soft")
        rows, keys = overview.evaluations, ["purpose", "workload", "model"]
        _table(BESIDE, overview, rows, keys, "purpose")


def _advice(overview: Overview) -> None:
    """Show what the last monthly report says is to be done."""
    if overview.advice is None:
        return
    month, told = overview.advice
    headline, *sentences = told.splitlines()
    with sheet(f"{headline} ({month:%B %Y})"):
        for sentence in sentences:
            ui.label(sentence).classes("wrapped")
        ui.label(f"From the monthly report: breakeven report --month {month:%Y-%m}.").classes("soft")


def _figures(overview: Overview) -> None:
    total, doubts = cast("Sums", overview.total), overview.doubts
    cost, there = _money(total, "cost_usd"), _money(total, "counterfactual_usd")
    with ui.element("div").classes("figures"):
        figure("cost", dollars(cost), _at_least(cost, doubts.known_cost_usd))
        known_there = _at_least(there, doubts.known_counterfactual_usd)
        figure(charts.ON_THE_API, dollars(there), known_there or _compared(cost, there))
        figure("records", number(_whole(total, "records")), f"{number(_whole(total, 'attempts'))} attempts")
        read, cached = _whole(total, "input_tokens"), _whole(total, "cached_tokens")
        figure("input tokens", number(read), f"{share(cached, read)} from the cache")
        made, reasoned = _whole(total, "output_tokens"), _whole(total, "reasoning_tokens")
        figure("output tokens", number(made), f"{share(reasoned, made)} in reasoning" if reasoned else "")
        records = _whole(total, "records")
        each = None if cost is None or not records else cost * 1000 / records
        figure("cost of 1,000 records", dollars(each))
        if overview.evaluations:
            costs = [_money(row, "cost_usd") for row in overview.evaluations]
            known = [cost for cost in costs if cost is not None]
            asked = sum(_whole(row, "attempts") or 0 for row in overview.evaluations)
            sum_of_all = sum(known, Decimal(0)) if len(known) == len(costs) else None
            figure(
                "evaluations, audits and more, beside this",
                dollars(sum_of_all),
                plural(asked, "attempt", "attempts"),
            )


def _at_least(sum_of_all: Decimal | None, known: Decimal) -> str:
    return f"{dollars(known)} of it is known" if sum_of_all is None else ""


def _compared(cost: Decimal | None, there: Decimal | None) -> str:
    if cost is None or there is None:
        return ""
    if cost == there:
        return "as much as here"
    return f"{dollars(abs(there - cost))} {'more' if there > cost else 'less'} than here"


def _notes(overview: Overview) -> None:
    doubts = overview.doubts
    if overview.filters.purpose is None:
        note("Evaluations, trials, audits and training are in these sums, though their records are no usage.")
    if doubts.in_doubt:
        lines = plural(doubts.in_doubt, "attempt is", "attempts are")
        note(
            f"{lines} pending or of unknown outcome. They stand in the cost with the most they can have cost, "
            f"{dollars(doubts.at_most_usd)}; sums sink when they are closed."
        )
    if doubts.unknown_cost:
        lines = plural(doubts.unknown_cost, "line does", "lines do")
        note(f"{lines} not know the cost: each sum that holds one is {UNKNOWN}.")
    if doubts.unknown_counterfactual:
        lines = plural(doubts.unknown_counterfactual, "line does", "lines do")
        note(f"{lines} not know what the API would have cost: each sum that holds one is {UNKNOWN}.")
    if doubts.estimated:
        lines = plural(doubts.estimated, "line holds", "lines hold")
        note(f"{lines} an estimate of tokens or cost instead of what was reported.")


def _chart(options: charts.Options, height: int) -> None:
    ui.echart(options, renderer="svg").style(f"height: {height}px; width: 100%")


def _table(name: str, overview: Overview, rows: Rows, keys: Sequence[str], link: str) -> None:
    """Show sums by `keys`; the column `link` leads to the lines that were summed."""
    columns = [
        *(
            PageColumn(
                key, key, "nowrap" if key in DAYS else "text", "tablet" if key in keys[2:] else "phone"
            )
            for key in keys
        ),
        *SUMS,
    ]
    whole = sum(_whole(row, "attempts") or 0 for row in rows)
    shown = (
        {key: str(row[key]) for key in keys}
        | {column: number(_whole(row, column)) for column in ("attempts", "records")}
        | {column: tokens(row, column) for column in (*TOKENS, "reasoning_tokens")}
        | {column: dollars(_money(row, column)) for column in ("cost_usd", "counterfactual_usd")}
        | {"share": share(_whole(row, "attempts"), whole)}
        | {"href": address("/lines", narrow_filters(overview.filters, {key: str(row[key]) for key in keys}))}
        for row in rows
    )
    table(name, columns, shown, link=link, at_once=15)


def _money(row: Sums, name: str) -> Decimal | None:
    return cast("Decimal | None", row[name])


def _whole(row: Sums, name: str) -> int | None:
    return cast("int | None", row[name])
