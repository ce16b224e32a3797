"""The end of the report in words and tables: what to know about the figures, and how they were computed."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from models.economics.figures import MonthFigures
from models.economics.gpu_run import UsedMode
from models.economics.month import InfrastructureTerms, LabourTerms, PriceUse
from models.economics.terms_in_force import DayTerms, find_terms
from tasks.documents.amounts import count, number, percent, rate, usd
from tasks.documents.page import Item, Section, Table
from tasks.report import notes
from tasks.report.month_report import MonthReport

PAID_BY_USE: Mapping[UsedMode, str] = {"on_demand": "on demand", "spot": "spot"}


def make_notes_section(figures: MonthFigures) -> Section:
    """Say what is missing, estimated or assumed in the figures."""
    items = tuple(Item(weight, text) for weight, text in notes.describe_notes(figures))
    sentences = () if items else ("Nothing: all that is needed was entered and reported.",)
    return Section("notes", "What to know about these figures", sentences, items=items)


def make_computed_section(report: MonthReport) -> Section:
    """Show the prices and terms that the figures stand on."""
    figures = report.figures
    days = find_terms(report.inputs).days[: report.inputs.days]
    tables = (*_prices(figures), *_terms(days))
    discount = percent(figures.batch_discount)
    priced = (
        "Each attempt is priced at the API's price of its UTC day, by the API model's own tokenizer; in batches"
        f" {discount} less."
    )
    sentences = (priced, _labour(days[-1].labour))
    return Section("computed", "How this was computed", sentences, tables=tables)


def _prices(figures: MonthFigures) -> tuple[Table, ...]:
    if not figures.prices:
        return ()
    columns = ("API model", "Input, a million tokens", "Output, a million tokens", "Applied", "Cost")
    return (
        Table("Prices of the API", columns, tuple(map(_price_row, figures.prices)), prose=frozenset({3})),
    )


def _price_row(one: PriceUse) -> tuple[str, ...]:
    days = (
        f"{one.first_day:%d %b} to {one.last_day:%d %b}"
        if one.first_day != one.last_day
        else f"{one.first_day:%d %b}"
    )
    return (one.model, rate(one.input_nano_per_mtok), rate(one.output_nano_per_mtok), days, usd(one.nano))


def _terms(days: Sequence[DayTerms]) -> tuple[Table, ...]:
    """Show the terms that hold on any of the days, without those that were overtaken."""
    held = dict.fromkeys(terms for day in days for terms in day.machines)
    if not held:
        return ()
    columns = ("Machine", "Paid", "Rate of one", "Number", "From", "To")
    rows = tuple(map(_terms_row, held))
    return (Table("Terms of the machines in the month", columns, rows, prose=frozenset({1})),)


def _terms_row(one: InfrastructureTerms) -> tuple[str, ...]:
    way = "reserved" if one.mode == "reserved" else f"{PAID_BY_USE[one.mode]}, by {one.increment_seconds} s"
    per_hour = one.rate.nano_per_hour is not None
    price = (
        f"{rate(one.rate.nano_per_hour)} an hour" if per_hour else f"{rate(one.rate.nano_per_month)} a month"
    )
    until = "open" if one.effective_to is None else one.effective_to.isoformat()
    return (
        one.kind,
        f"{way}{' (assumed)' if one.assumed else ''}",
        price,
        count(one.gpus),
        str(one.effective_from),
        until,
    )


def _labour(last: LabourTerms) -> str:
    maintenance = number(Fraction(last.maintenance_minutes, 60))
    setup = number(Fraction(last.setup_minutes, 60))
    time = f"{maintenance} h of maintenance a month and {setup} h of set-up once"
    assumed = " (assumed)" if last.assumed else ""
    return f"People's time: {time}, at {rate(last.engineer_nano_per_hour)} an hour{assumed}."


def describe_version(report: MonthReport) -> tuple[str, ...]:
    """Say which version of the report this is, and what it was made from."""
    when = f"{report.created_at:%Y-%m-%d %H:%M} UTC"
    return (
        f"Version {report.version}, made on {when} by breakeven {report.software}.",
        f"Fingerprint of the inputs: {report.fingerprint}",
    )


def make_changes_section(report: MonthReport) -> Section | None:
    """List what differs from the version before; None for a first version."""
    if not report.changes:
        return None
    title = f"What changed since version {report.version - 1}"
    return Section("changes", title, items=tuple(Item("", change) for change in report.changes))
