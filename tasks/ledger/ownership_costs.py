"""Enters and lists what it costs to own the machines."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from db import infrastructure as ledger
from db.ownership_rows import COLUMNS, describe_billing, hours, list_entered_rows, rate_usd
from models.catalogue.rates import kind_of, reference_rates
from models.economics import owning
from models.economics.gpu_run import BillingMode
from models.economics.owning import Bill, EnteredTerms, Labour
from models.errors import PriceUnknown, UsageError
from models.months import parse_month
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.tables import write_rows
from tasks.documents.amounts import rate
from tasks.runtime.ledger_access import reading_ledger, writing_ledger

SPARE = (
    *("increment_seconds", "entered_at", "holds", "setup_hours", "maintenance_hours", "note", "gpus"),
    *("billing", "to"),
)
"""What a table can miss where it would be too wide, the first to go first."""


def enter_terms(settings: Settings, kind: str, billing_mode: BillingMode, **given: Any) -> list[str]:  # noqa: ANN401 - those of owning.check_terms
    """Enter what a machine costs; without a rate, the catalogue's. Return lines that say what was entered.

    `given` are the parameters of `models.economics.owning.check_terms`. Raises `UsageError`, `PriceUnknown`.
    """
    kind = kind_of(owning.check_kind(kind))
    if given.get("usd_per_hour") is None and given.get("usd_per_month") is None:
        given |= _catalogue_rate(kind, billing_mode)
    return _enter(settings, owning.check_terms(kind, billing_mode, **given))


def enter_end(settings: Settings, kind: str, since: date, note: str | None = None) -> list[str]:
    """Enter that a machine is gone. Raises `UsageError` where none of its kind was entered."""
    kind = kind_of(owning.check_kind(kind))
    with reading_ledger(settings) as session:
        known = sorted({entry.what.kind for entry in ledger.list_entries(session, EnteredTerms)})
    if kind not in known:
        msg = f"nothing is entered for {kind!r}, only for: {', '.join(known) or 'no machine'}"
        raise UsageError(msg)
    return _enter(settings, owning.no_machine(kind, since, note))


def enter_bill(settings: Settings, month: str, usd: Decimal, note: str | None = None) -> list[str]:
    """Enter a month's bill. Raises `UsageError`."""
    return _enter(settings, owning.check_bill(parse_month(month), usd, datetime.now(UTC).date(), note))


def enter_labour(settings: Settings, since: date, **given: Any) -> list[str]:  # noqa: ANN401 - those of owning.check_labour
    """Enter what people's time costs; `given` are the parameters of `models.economics.owning.check_labour`.

    Raises `UsageError`.
    """
    return _enter(settings, owning.check_labour(since, **given))


def show(settings: Settings, output_format: TableFormat = "table") -> None:
    """Print all that was entered, in the order of its entering, and the days on which each entry holds."""
    with reading_ledger(settings) as session:
        rows = list_entered_rows(session)
    write_rows(rows, COLUMNS, output_format, spare=SPARE)


def _catalogue_rate(kind: str, billing_mode: BillingMode) -> Mapping[str, Decimal]:
    """Return the catalogue's rate for this way of billing, as the command's option. Raises `PriceUnknown`."""
    rate = next((one.rate for one in reference_rates(kind) if one.mode == billing_mode), None)
    if rate is None:
        options = "--usd-per-hour" + (" or --usd-per-month" if billing_mode == "reserved" else "")
        msg = f"the catalogue knows no {billing_mode.replace('_', '-')} rate of {kind!r}; give {options}"
        raise PriceUnknown(msg)
    usd, per = rate_usd(rate.nano_per_hour, rate.nano_per_month)
    return {f"usd_per_{per}": usd}


def _enter(settings: Settings, what: EnteredTerms | Bill | Labour) -> list[str]:
    """Write an entry, making or updating the ledger."""
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        ledger.add(session, what)
        used = ledger.list_kinds_used(session)
    lines = [f"entered: {describe_entry(what)}"]
    if isinstance(what, EnteredTerms) and used and what.kind not in {kind_of(kind) for kind in used}:
        lines.append(f"note: no run has used {what.kind} so far; there were runs on: {', '.join(used)}")
    return lines


def describe_entry(what: EnteredTerms | Bill | Labour) -> str:
    """Say in one line what was entered."""
    if isinstance(what, Bill):
        return f"the bill of {what.month:%Y-%m} is {rate(what.nano_usd)}"
    if isinstance(what, Labour):
        return (
            f"from {what.effective_from} on, {hours(what.maintenance_minutes)} h a month of maintenance, "
            f"{hours(what.setup_minutes)} h of set-up, at {rate(what.engineer_nano_per_hour)} an hour"
        )
    if not what.gpus:
        return f"from {what.effective_from} on there is no {what.kind}"
    usd, per = rate_usd(what.nano_usd_per_hour, what.nano_usd_per_month)
    price = f"{rate(int(usd.scaleb(9)))} a machine and {per}"
    until = f" to {what.effective_to - timedelta(days=1)}" if what.effective_to else " on"
    return f"from {what.effective_from}{until}, {what.gpus} x {what.kind} {describe_billing(what)} at {price}"
