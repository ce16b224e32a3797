"""Enters and lists what it costs to own the machines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from db import infrastructure as ledger
from db.infrastructure import Entry
from db.session import make_engine, migrate, sessions
from models.catalog import kind_of, reference_rates
from models.economics import owning
from models.economics.month import BillingMode
from models.economics.owning import MINUTES, Bill, Days, Labour, Terms, usd_text
from models.economics.pricing import nano_to_usd
from models.errors import PriceUnknown, UsageError
from models.months import parse_month
from models.settings import Settings
from tasks.database import database_errors
from tasks.ledger import open_ledger
from tasks.output import Format, write_rows

COLUMNS = (
    "entry",
    "kind",
    "billing",
    "gpus",
    "usd",
    "per",
    "increment_seconds",
    "maintenance_hours",
    "setup_hours",
    "from",
    "to",
    "state",
    "holds",
    "entered_at",
    "note",
)
"""`usd`: the rate of one machine, a month's bill, or an hour of people's time; `per` says for how long. `to` is inclusive."""
SPARE = (
    *("increment_seconds", "entered_at", "holds", "setup_hours", "maintenance_hours", "note", "gpus"),
    *("billing", "to"),
)
"""What a table can miss where it would be too wide, the first to go first."""


def enter_terms(settings: Settings, kind: str, billing_mode: BillingMode, **given: Any) -> list[str]:  # noqa: ANN401 - those of owning.terms
    """Enter what a machine costs; without a rate, the catalogue's. Return lines that say what was entered.

    `given` are the parameters of `models.economics.owning.terms`. Raises `UsageError`, `PriceUnknown`.
    """
    kind = kind_of(owning.name(kind))
    if given.get("usd_per_hour") is None and given.get("usd_per_month") is None:
        given |= _catalogue_rate(kind, billing_mode)
    return _enter(settings, owning.terms(kind, billing_mode, **given))


def enter_end(settings: Settings, kind: str, since: date, note: str | None = None) -> list[str]:
    """Enter that a machine is gone. Raises `UsageError` where none of its kind was entered."""
    kind = kind_of(owning.name(kind))
    with open_ledger(settings) as session:
        known = sorted({entry.what.kind for entry in ledger.entries(session, Terms)})
    if kind not in known:
        msg = f"nothing is entered for {kind!r}, only for: {', '.join(known) or 'no machine'}"
        raise UsageError(msg)
    return _enter(settings, owning.no_machine(kind, since, note))


def enter_bill(settings: Settings, month: str, usd: Decimal, note: str | None = None) -> list[str]:
    """Enter a month's bill. Raises `UsageError`."""
    return _enter(settings, owning.bill(parse_month(month), usd, datetime.now(UTC).date(), note))


def enter_labour(settings: Settings, since: date, **given: Any) -> list[str]:  # noqa: ANN401 - those of owning.labour
    """Enter what people's time costs; `given` are the parameters of `models.economics.owning.labour`.

    Raises `UsageError`.
    """
    return _enter(settings, owning.labour(since, **given))


def show(settings: Settings, output_format: Format = "table") -> None:
    """Print all that was entered, in the order of its entering, and the days on which each entry holds."""
    with open_ledger(settings) as session:
        rows = [
            *_terms_rows(ledger.entries(session, Terms)),
            *_bill_rows(ledger.entries(session, Bill)),
            *_labour_rows(ledger.entries(session, Labour)),
        ]
    write_rows(rows, COLUMNS, output_format, spare=SPARE)


def _catalogue_rate(kind: str, billing_mode: BillingMode) -> Mapping[str, Decimal]:
    """Return the catalogue's rate for this way of billing, as the command's option. Raises `PriceUnknown`."""
    rate = next((one.rate for one in reference_rates(kind) if one.mode == billing_mode), None)
    if rate is None:
        options = "--usd-per-hour" + (" or --usd-per-month" if billing_mode == "reserved" else "")
        msg = f"the catalogue knows no {billing_mode.replace('_', '-')} rate of {kind!r}; give {options}"
        raise PriceUnknown(msg)
    usd, per = _usd(rate.nano_per_hour, rate.nano_per_month)
    return {f"usd_per_{per}": usd}


def _enter(settings: Settings, what: Terms | Bill | Labour) -> list[str]:
    """Write an entry, making or updating the ledger."""
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with database_errors():
            migrate(engine)
            with sessions(engine).begin() as session:
                ledger.add(session, what)
                used = ledger.kinds_used(session)
    finally:
        engine.dispose()
    lines = [f"entered: {described(what)}"]
    if isinstance(what, Terms) and used and what.kind not in {kind_of(kind) for kind in used}:
        lines.append(f"note: no run has used {what.kind} so far; there were runs on: {', '.join(used)}")
    return lines


def described(what: Terms | Bill | Labour) -> str:
    """Say in one line what was entered."""
    if isinstance(what, Bill):
        return f"the bill of {what.month:%Y-%m} is {usd_text(what.nano_usd)}"
    if isinstance(what, Labour):
        return (
            f"from {what.effective_from} on, {_hours(what.maintenance_minutes)} h a month of maintenance, "
            f"{_hours(what.setup_minutes)} h of set-up, at {usd_text(what.engineer_nano_per_hour)} an hour"
        )
    if not what.gpus:
        return f"from {what.effective_from} on there is no {what.kind}"
    usd, per = _usd(what.nano_usd_per_hour, what.nano_usd_per_month)
    rate = f"{usd_text(int(usd.scaleb(9)))} a machine and {per}"
    until = f" to {what.effective_to - timedelta(days=1)}" if what.effective_to else " on"
    return f"from {what.effective_from}{until}, {what.gpus} x {what.kind} {_billing(what)} at {rate}"


def _terms_rows(entries: Sequence[Entry[Terms]]) -> list[dict[str, object]]:
    held = owning.days_held([entry.what for entry in entries])
    return [_terms_row(entry, days) for entry, days in zip(entries, held, strict=True)]


def _terms_row(entry: Entry[Terms], held: Sequence[Days]) -> dict[str, object]:
    what = entry.what
    own = Days(what.effective_from, what.effective_to)
    shown = {**_span(own), **_held(held, whole=list(held) == [own]), "kind": what.kind}
    if not what.gpus:
        return _row(entry, "no machine", **shown)
    usd, per = _usd(what.nano_usd_per_hour, what.nano_usd_per_month)
    return _row(
        entry,
        "machine",
        **shown,
        billing=_billing(what),
        gpus=what.gpus,
        usd=usd,
        per=per,
        increment_seconds=what.billing_increment_seconds,
    )


def _bill_rows(entries: Sequence[Entry[Bill]]) -> list[dict[str, object]]:
    held = owning.bills_held([entry.what for entry in entries])
    return [
        _row(
            entry,
            "bill",
            usd=nano_to_usd(entry.what.nano_usd),
            per=f"{entry.what.month:%Y-%m}",
            state="holds" if holds else "overtaken",
        )
        for entry, holds in zip(entries, held, strict=True)
    ]


def _labour_rows(entries: Sequence[Entry[Labour]]) -> list[dict[str, object]]:
    held = owning.labour_held([entry.what for entry in entries])
    return [
        _row(
            entry,
            "labour",
            usd=nano_to_usd(entry.what.engineer_nano_per_hour),
            per="hour",
            maintenance_hours=_hours(entry.what.maintenance_minutes),
            setup_hours=_hours(entry.what.setup_minutes),
            **_span(Days(entry.what.effective_from, None)),
            **_held([] if days is None else [days], whole=days is not None),
        )
        for entry, days in zip(entries, held, strict=True)
    ]


def _row(entry: Entry[Any], name: str, **shown: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(COLUMNS)
    return {**row, "entry": name, "entered_at": entry.entered_at, "note": entry.what.note, **shown}


def _span(days: Days) -> dict[str, object]:
    return {"from": days.first, "to": days.last}


def _held(days: Sequence[Days], *, whole: bool) -> dict[str, object]:
    state = "holds" if whole else "partly overtaken" if days else "overtaken"
    return {"state": state, "holds": ", ".join(map(str, days)) or None}


def _usd(nano_per_hour: int | None, nano_per_month: int | None) -> tuple[Decimal, str]:
    if nano_per_hour is not None:
        return nano_to_usd(nano_per_hour), "hour"
    return nano_to_usd(nano_per_month or 0), "month"


def _billing(what: Terms) -> str:
    return what.billing_mode.replace("_", "-")


def _hours(minutes: int) -> str:
    """Write minutes as hours, exactly: 2, 2.25, 0.1; of thirds, the fraction is rounded to the minute it is."""
    return f"{(Decimal(minutes) / MINUTES).quantize(Decimal('0.0001')).normalize():f}"
