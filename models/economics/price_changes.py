"""Which prices have changed between two moments: by a new dated price, or by a correction of one."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date

from models.economics.pricing import Price, nano_to_usd


@dataclass(frozen=True, slots=True)
class PriceChange:
    """What a provider asked for a model, and what it asks now."""

    provider: str
    model: str
    before: Price
    now: Price


def prices_in_force(prices: Iterable[Price], day: date) -> list[Price]:
    """Return the price of each provider's model that holds on a UTC day.

    Of several that began by then the one that began last holds; of one date, a later one in the order given
    corrects the earlier.
    """
    found: dict[tuple[str, str], Price] = {}
    for price in prices:
        key = (price.provider, price.model)
        if price.holds_on(day) and (key not in found or price.effective_from >= found[key].effective_from):
            found[key] = price
    return list(found.values())


def find_price_changes(before: Iterable[Price], now: Iterable[Price]) -> list[PriceChange]:
    """Return the models whose price in force is another one now, by provider and name.

    `before` and `now` hold one price for each provider's model, as `prices_in_force` returns them. A model that
    only one of them knows has not changed; days and sources are no part of a price.
    """
    old = {(price.provider, price.model): price for price in before}
    new = {(price.provider, price.model): price for price in now}
    return [
        PriceChange(*key, old[key], new[key])
        for key in sorted(old.keys() & new.keys())
        if _asked(old[key]) != _asked(new[key])
    ]


def _asked(price: Price) -> tuple[object, ...]:
    amounts = (getattr(price, one.name) for one in fields(price) if one.name.endswith("_per_mtok"))
    return (*amounts, price.long_prompts)


def describe_change(change: PriceChange) -> str:
    """Say in one sentence what a price was and what it is now."""
    return f"the price of {change.provider}/{change.model} was {_words(change.before)} and is {_words(change.now)}"


def _words(price: Price) -> str:
    asked, given = (
        f"${nano_to_usd(nano).normalize():f}"
        for nano in (price.input_nano_per_mtok, price.output_nano_per_mtok)
    )
    return f"{asked} in and {given} out for a million tokens"
