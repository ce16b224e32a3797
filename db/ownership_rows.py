"""What was entered of machines, bills and labour as rows: for `breakeven infrastructure list` and for the page."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from db import infrastructure as ledger
from db.infrastructure import Entry
from models.economics import owning
from models.economics.owning import MINUTES, Bill, Days, EnteredTerms, Labour
from models.economics.pricing import nano_to_usd

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


def list_entered_rows(session: Session) -> list[dict[str, object]]:
    """Return all that was entered, in the order of its entering, and the days on which each entry holds."""
    return [
        *_terms_rows(ledger.list_entries(session, EnteredTerms)),
        *_bill_rows(ledger.list_entries(session, Bill)),
        *_labour_rows(ledger.list_entries(session, Labour)),
    ]


def _terms_rows(entries: Sequence[Entry[EnteredTerms]]) -> list[dict[str, object]]:
    held = owning.find_days_held([entry.what for entry in entries])
    return [_terms_row(entry, days) for entry, days in zip(entries, held, strict=True)]


def _terms_row(entry: Entry[EnteredTerms], held: Sequence[Days]) -> dict[str, object]:
    what = entry.what
    own = Days(what.effective_from, what.effective_to)
    shown = {**_span(own), **_held(held, whole=list(held) == [own]), "kind": what.kind}
    if not what.gpus:
        return _row(entry, "no machine", **shown)
    usd, per = rate_usd(what.nano_usd_per_hour, what.nano_usd_per_month)
    return _row(
        entry,
        "machine",
        **shown,
        billing=describe_billing(what),
        gpus=what.gpus,
        usd=usd,
        per=per,
        increment_seconds=what.billing_increment_seconds,
    )


def _bill_rows(entries: Sequence[Entry[Bill]]) -> list[dict[str, object]]:
    held = owning.find_bills_held([entry.what for entry in entries])
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
    held = owning.find_labour_held([entry.what for entry in entries])
    return [
        _row(
            entry,
            "labour",
            usd=nano_to_usd(entry.what.engineer_nano_per_hour),
            per="hour",
            maintenance_hours=hours(entry.what.maintenance_minutes),
            setup_hours=hours(entry.what.setup_minutes),
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


def rate_usd(nano_per_hour: int | None, nano_per_month: int | None) -> tuple[Decimal, str]:
    """Return a rate in dollars, and what it is for: an hour or a month."""
    if nano_per_hour is not None:
        return nano_to_usd(nano_per_hour), "hour"
    return nano_to_usd(nano_per_month or 0), "month"


def describe_billing(what: EnteredTerms) -> str:
    """Write how a machine is billed, as the command takes it."""
    return what.billing_mode.replace("_", "-")


def hours(minutes: int) -> str:
    """Write minutes as hours, exactly: 2, 2.25, 0.1; of thirds, the fraction is rounded to the minute it is."""
    return f"{(Decimal(minutes) / MINUTES).quantize(Decimal('0.0001')).normalize():f}"
