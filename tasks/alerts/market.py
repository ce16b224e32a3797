"""Prices that have changed, and models that leave their API."""

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy.orm import Session

from models.catalogue.model_ends import describe_end, find_end
from models.economics.price_changes import (
    PriceChange,
    change_of_each_model,
    find_price_changes,
    prices_in_force,
)
from models.economics.pricing import ALWAYS, Price
from models.settings import Settings
from tasks.alerts.alert import Alert
from tasks.documents.amounts import rate
from tasks.ledger.price_changes import list_price_changes
from tasks.setup.update_prices import prices_in_use


def find_price_alerts(session: Session, settings: Settings, today: date) -> Iterator[Alert]:
    """Yield an alert for each model in use whose price is another one than some time ago, or will be.

    The earlier price is the one that held then by today's data, else the one that the ledger knew then. Models in use: the API's own, and the
    candidates. Raises `PriceUnknown` and `UsageError` as their prices do.
    """
    span = timedelta(days=settings.alerts.price_days)
    used = prices_in_use(settings)
    then, now, later = (prices_in_force(used, day) for day in (today - span, today, today + span))
    known = list_price_changes(session, settings, today - span, today)
    for one in change_of_each_model([*known, *find_price_changes(then, now)]):
        since = one.now.effective_from
        yield _price_alert(one, "has changed" if since == ALWAYS else f"has changed (it holds since {since})")
    for one in change_of_each_model(find_price_changes(now, later)):
        yield _price_alert(one, f"changes on {one.now.effective_from}")


def _price_alert(change: PriceChange, how: str) -> Alert:
    name = f"{change.provider}/{change.model}"
    asked = [
        f"{what} {rate(before)} → {rate(now)}"
        for what, before, now in (
            ("input", change.before.input_nano_per_mtok, change.now.input_nano_per_mtok),
            ("cached input", change.before.cached_input_nano_per_mtok, change.now.cached_input_nano_per_mtok),
            ("cache write", change.before.cache_write_nano_per_mtok, change.now.cache_write_nano_per_mtok),
            ("output", change.before.output_nano_per_mtok, change.now.output_nano_per_mtok),
        )
        if before != now
    ]
    return Alert(
        kind="price",
        crossing=f"{name}: {'/'.join(map(str, _asked(change.now)))}",
        what=f"The price of {name} {how}, a million tokens: {', '.join(asked)}.",
        advice="`breakeven report` counts with it from its day on; `breakeven ledger reprice` says what the past would have cost at it.",
        group=name,
        level=change.now.effective_from.toordinal(),
    )


def _asked(price: Price) -> tuple[int | None, ...]:
    return (
        price.input_nano_per_mtok,
        price.cached_input_nano_per_mtok,
        price.cache_write_nano_per_mtok,
        price.output_nano_per_mtok,
    )


def find_model_end_alerts(settings: Settings, today: date) -> Iterator[Alert]:
    """Yield an alert for each model in use that leaves its API soon, and each number of days that are left at most."""
    named = {settings.api_model: "BREAKEVEN_API_MODEL"}
    for candidate in settings.api_candidates:
        named.setdefault(candidate.partition("=")[0].strip(), "BREAKEVEN_API_CANDIDATES")
    for model, setting in named.items():
        end = find_end(model)
        for days in sorted({*settings.alerts.model_end_days, 0}, reverse=True):
            if end is not None and (end.ends_on - today).days <= days:
                told = describe_end(end, today, setting=setting)
                what, _, successor = told.partition("; ")
                yield Alert(
                    kind="model_end",
                    crossing=f"{end.model}, {end.ends_on}, {days} days",
                    what=f"{what} ({end.source}).",
                    advice=f"{successor[:1].upper()}{successor[1:]}; evaluate against it before the day.",
                    group=end.model,
                    level=-days,
                )
