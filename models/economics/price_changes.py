"""Which prices have changed between two moments: by a new dated price, or by a correction of one."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date

from models.economics.pricing import BATCH_SUFFIX, Price, nano_to_usd

PARTS = {
    "input_nano_per_mtok": "input",
    "cached_input_nano_per_mtok": "cached input",
    "cache_write_nano_per_mtok": "cache writes",
    "output_nano_per_mtok": "output",
}


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
    return (*amounts, price.long_prompts, price.hours)


def change_of_each_model(changes: Iterable[PriceChange]) -> list[PriceChange]:
    """Return one change for each provider's model, the last; that of its batches only where it changed by itself."""
    found = {(one.provider, one.model): one for one in changes}
    return [
        one
        for (provider, model), one in found.items()
        if not model.endswith(BATCH_SUFFIX) or (provider, model.removesuffix(BATCH_SUFFIX)) not in found
    ]


def describe_change(change: PriceChange) -> str:
    """Say in one sentence what changed of a price, each part of it that did."""
    parts = [
        f"{what} from {_words(getattr(change.before, name))} to {_words(getattr(change.now, name))}"
        for name, what in PARTS.items()
        if getattr(change.before, name) != getattr(change.now, name)
    ]
    told = ", ".join(parts) or "that of long prompts or of single hours"
    return f"the price of {change.provider}/{change.model} changed, for a million tokens: {told}"


def _words(nano: int | None) -> str:
    return "none of its own" if nano is None else f"${nano_to_usd(nano).normalize():f}"
