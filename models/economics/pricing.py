"""API prices and exact cost arithmetic: integers of nano-dollars inside, `Decimal` dollars outside.

One nano-dollar is 1e-9 US dollars. A price of $0.15 per million tokens is 150,000,000 nano-dollars
per million tokens, so that no price in use needs a fraction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from models.errors import PriceUnknown, UsageError
from models.requests import Usage
from models.settings import Settings

NANO = 1_000_000_000
MTOK = 1_000_000
ALWAYS = date(1970, 1, 1)  # a price without a known start
BATCH_SUFFIX = ":batch"
"""Ends the model's name in the price of the same model through the Batch API."""


class LongPromptPrice(NamedTuple):
    """What every token of a request costs whose input has more than `above_tokens`, nano-dollars per million tokens."""

    above_tokens: int
    input_nano_per_mtok: int
    cached_input_nano_per_mtok: int | None
    output_nano_per_mtok: int
    cache_write_nano_per_mtok: int | None


class HourPrice(NamedTuple):
    """What is asked in some hours of each UTC day, nano-dollars per million tokens.

    They are given in seconds since midnight, `start <= second < end`; across midnight where `end` is not above `start`.
    """

    start: int
    end: int
    input_nano_per_mtok: int
    cached_input_nano_per_mtok: int | None
    output_nano_per_mtok: int
    cache_write_nano_per_mtok: int | None
    long_prompts: tuple[LongPromptPrice, ...] = ()

    def holds_at(self, second: int) -> bool:
        """Whether this is what is asked at a second of the UTC day."""
        if self.start < self.end:
            return self.start <= second < self.end
        return second >= self.start or second < self.end


@dataclass(frozen=True, slots=True)
class Price:
    """What one provider asks for one model in the days `effective_from <= day < effective_to`.

    The prices are nano-dollars per million tokens. `cached_input_nano_per_mtok` is None where the provider
    gives no discount for cached input, `cache_write_nano_per_mtok` None where it charges input that is
    written to a cache as any other; `effective_to` is None while the price holds. `long_prompts` are the prices of
    longer requests, by rising length; sums over many requests stand at the price below them. `hours` are the prices of
    hours in which other amounts are asked; the price's own amounts are then the highest of the day, at which stands
    whatever does not know the hour: upper bounds, budgets, and sums over many requests.
    """

    provider: str
    model: str
    effective_from: date
    effective_to: date | None
    input_nano_per_mtok: int
    cached_input_nano_per_mtok: int | None
    output_nano_per_mtok: int
    source: str
    cache_write_nano_per_mtok: int | None = None
    long_prompts: tuple[LongPromptPrice, ...] = ()
    hours: tuple[HourPrice, ...] = ()

    def at(self, moment: datetime) -> "Price":
        """Return the price of an attempt that was opened at a moment."""
        if not self.hours:
            return self
        utc = moment.astimezone(UTC)
        second = 3600 * utc.hour + 60 * utc.minute + utc.second
        found = next((one for one in self.hours if one.holds_at(second)), None)
        if found is None:
            return replace(self, hours=())
        amounts = {name: value for name, value in found._asdict().items() if name not in {"start", "end"}}
        return replace(self, **amounts, hours=())

    def of_request(self, input_tokens: int) -> "Price":
        """Return the price of one request with so many input tokens."""
        tier = next((one for one in reversed(self.long_prompts) if input_tokens > one.above_tokens), None)
        if tier is None:
            return self
        amounts = {name: value for name, value in tier._asdict().items() if name != "above_tokens"}
        return replace(self, **amounts, long_prompts=())

    def holds_on(self, day: date) -> bool:
        """Whether this price is the one asked on `day`."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


def half_up(value: Fraction | int) -> int:
    """Round half up to a whole number, as all money is."""
    return floor(value + Fraction(1, 2))


def nano_to_usd(nano: int) -> Decimal:
    """Nano-dollars as dollars, exactly, with nine decimal places."""
    return Decimal(f"{nano}E-9")


def usd_to_nano(usd: Decimal) -> int:
    """Dollars as nano-dollars, exactly. Raises `UsageError` for an amount finer than a nano-dollar."""
    if not usd.is_finite():
        msg = f"{usd} is no amount of dollars"
        raise UsageError(msg)
    numerator, denominator = usd.as_integer_ratio()
    nano, rest = divmod(numerator * NANO, denominator)
    if rest:
        msg = f"${usd} is finer than a nano-dollar; give at most nine decimal places"
        raise UsageError(msg)
    return nano


def request_cost_nano(price: Price, usage: Usage, at: datetime | None = None) -> int:
    """Cost of one attempt in nano-dollars, at the price for a prompt of its length; else as `cost_nano`.

    `at` is when its line was opened, which decides where a price differs by the hour; None: the highest of the day.
    """
    price = price if at is None else price.at(at)
    return cost_nano(price.of_request(usage.input_tokens) if price.long_prompts else price, usage)


def cost_nano(price: Price, usage: Usage) -> int:
    """Cost of tokens in nano-dollars: exact, rounded half up once, on the total.

    Cached tokens, and those that were written to a cache, are parts of the input tokens and are charged at
    their own prices (at the input price where there is none). Raises `ValueError` for counts that cannot be.
    """
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    if min(usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens, plain) < 0:
        msg = f"impossible token counts: {usage}"
        raise ValueError(msg)
    return (2 * cost_of_mtok(price, usage) + MTOK) // (2 * MTOK)


def cost_of_mtok(price: Price, usage: Usage) -> int:
    """Cost of a million times as many tokens, nano-dollars: always a whole number, so nothing is rounded."""
    full, cached, written = (
        price.input_nano_per_mtok,
        price.cached_input_nano_per_mtok,
        price.cache_write_nano_per_mtok,
    )
    return (
        (usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens) * full
        + usage.cached_tokens * (full if cached is None else cached)
        + usage.cache_write_tokens * (full if written is None else written)
        + usage.output_tokens * price.output_nano_per_mtok
    )


def price_on(prices: Sequence[Price], day: date) -> Price:
    """Return the price that holds on `day`. Raises `PriceUnknown` where none does."""
    for price in prices:
        if price.holds_on(day):
            return price
    name = prices[0].model if prices else "the model"
    msg = f"no price of {name} is known for {day}; add a dated price"
    raise PriceUnknown(msg)


def prices_of(settings: Settings) -> list[Price]:
    """Return the prices of the API model: the settings' own where they give one, else the package's.

    Who sells it is told by `api_provider`, else by the address that is asked (`models.economics.sellers`). A price of 0
    stands only where the settings say 0 (a server of your own): nothing is free by accident. Raises `UsageError` for
    a price that is given in part, `PriceUnknown` where there is none.
    """
    asked, given = settings.api_input_usd_per_mtok, settings.api_output_usd_per_mtok
    cached, written = settings.api_cached_input_usd_per_mtok, settings.api_cache_write_usd_per_mtok
    if asked is None and given is None and cached is None and written is None:
        from models.economics.published_prices import api_prices  # noqa: PLC0415  reads all that is published

        return api_prices(
            settings.api_model, settings.api_provider, settings.cache_dir, url=settings.api_base_url
        )
    if asked is None or given is None:
        msg = (
            "a price of your own needs both BREAKEVEN_API_INPUT_USD_PER_MTOK and BREAKEVEN_API_OUTPUT_USD_PER_MTOK "
            "(dollars a million tokens; 0 for a server that charges nothing)"
        )
        raise UsageError(msg)
    price = Price(
        provider="settings",
        model=settings.api_model,
        effective_from=ALWAYS,
        effective_to=None,
        input_nano_per_mtok=usd_to_nano(asked),
        cached_input_nano_per_mtok=None if cached is None else usd_to_nano(cached),
        output_nano_per_mtok=usd_to_nano(given),
        source="settings",
        cache_write_nano_per_mtok=None if written is None else usd_to_nano(written),
    )
    return [price]


def prices_of_tier(settings: Settings, tier: str) -> list[Price]:
    """Return the published prices of the API's model in a tier of service, none where there are none.

    A price that the settings give is that of every tier.
    """
    if settings.api_input_usd_per_mtok is not None:
        return []
    from models.economics.published_prices import tier_prices  # noqa: PLC0415  reads all that is published

    url = settings.api_base_url
    return tier_prices(settings.api_model, tier, settings.api_provider, settings.cache_dir, url=url)


def batch_prices(prices: Sequence[Price], discount: Decimal) -> list[Price]:
    """Return the same prices less the Batch API's discount (0.5 is 50 %), for the model `NAME:batch`.

    Each is rounded half up to a whole nano-dollar per million tokens. Raises `ValueError` for a discount
    outside 0 <= discount < 1, which would make a request free or dearer.
    """
    if not 0 <= discount < 1:
        msg = f"a batch discount lies in 0 <= discount < 1, not {discount}"
        raise ValueError(msg)
    note = f"less {(100 * discount).normalize():f} % (batch)"
    return [
        replace(
            map_amounts(price, lambda nano: _less(nano, discount)),
            model=price.model + BATCH_SUFFIX,
            source=f"{price.source}, {note}",
        )
        for price in prices
    ]


AMOUNTS = (
    *("input_nano_per_mtok", "cached_input_nano_per_mtok"),
    *("output_nano_per_mtok", "cache_write_nano_per_mtok"),
)
"""What a price asks, of whichever hour and length of prompt."""


def map_amounts(price: Price, change: Callable[[int], int]) -> Price:
    """Return a price with each of its amounts changed, those of long prompts and of single hours as well."""

    def changed(one: Price | HourPrice | LongPromptPrice) -> dict[str, Any]:
        values = {name: getattr(one, name) for name in AMOUNTS}
        return {name: None if nano is None else change(nano) for name, nano in values.items()}

    def longer(tiers: Sequence[LongPromptPrice]) -> tuple[LongPromptPrice, ...]:
        return tuple(tier._replace(**changed(tier)) for tier in tiers)

    hours = tuple(
        hour._replace(**changed(hour), long_prompts=longer(hour.long_prompts)) for hour in price.hours
    )
    return replace(price, **changed(price), long_prompts=longer(price.long_prompts), hours=hours)


def _less(nano: int, discount: Decimal) -> int:
    numerator, denominator = (1 - discount).as_integer_ratio()
    return (2 * nano * numerator + denominator) // (2 * denominator)
