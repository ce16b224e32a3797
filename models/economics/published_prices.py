"""Published prices of API models as `Price` values: dated, at once, in batches, and in every other tier.

Left out, since no record meets them: audio and image tokens, web searches, routes of a gateway (`route`), and what a
request must ask for by itself (`speed`, `search_type`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path

from genai_prices.types import ModelPrice, PriceVariant, StartDateConstraint

from models.catalogue.published_prices import read_published
from models.economics.day_parts import (
    DayPart,
    dated_parts,
    highest_amounts,
    highest_long_prompts,
    list_hours,
    list_starts,
    with_variant,
)
from models.economics.pricing import ALWAYS, BATCH_SUFFIX, Price, half_up, price_on
from models.economics.sellers import Offer, find_offer, unknown

BATCH = {"processing": "batch"}


def api_prices(
    model: str, provider: str | None = None, cache_dir: Path | None = None, *, url: str | None = None
) -> list[Price]:
    """Return the dated published prices of an API model, oldest first.

    They are those of the package `genai-prices`, or newer data of it in the folder `cache_dir`. `provider` is the
    package's name of who sells the model, `url` the address that is asked; see `find_offer` for what they decide. The
    prices are those of the standard tier, with those for long prompts and by the hour.

    Raises `PriceUnknown` for a model that is not in the package or has no token price, or whose seller nothing tells.
    """
    published = read_published(cache_dir)
    offer = find_offer(published, model, provider, url)
    prices = [_price(offer, since, parts, published.source) for since, parts in dated_parts(offer.model)]
    if not prices:
        raise unknown(model)
    return _in_turn(prices)


def tier_prices(
    model: str,
    tier: str,
    provider: str | None = None,
    cache_dir: Path | None = None,
    *,
    url: str | None = None,
) -> list[Price]:
    """Return the dated published prices of a model in a tier of service (`priority`, `flex`); none where there are none.

    The package dates them by the day on which they were verified; they are taken to have held all the time that the
    standard price of that day did. Raises `PriceUnknown` as `api_prices` does.
    """
    published = read_published(cache_dir)
    offer = find_offer(published, model, provider, url)
    variant = next((one for one in _variants(offer) if one.when == {"service_tier": tier}), None)
    if variant is None:
        return []
    days = _from(dated_parts(offer.model), _verified(variant), variant.prices)
    source = f"{published.source}, {tier}"
    return _in_turn([_price(offer, since, parts, source, suffix=f":{tier}") for since, parts in days])


def published_batch_prices(
    model: str, provider: str | None = None, cache_dir: Path | None = None
) -> list[Price] | None:
    """Return what is published of the same model's prices in batches; None where nothing is.

    The package dates its batch prices by the day on which they were verified. Each holds for the whole time of
    the price at once that stood on that day; in earlier times the batches are taken to have cost the same
    share of the price at once. Raises `PriceUnknown` as `api_prices` does.
    """
    published = read_published(cache_dir)
    offer = find_offer(published, model, provider)
    variant = next((one for one in _variants(offer) if one.when == BATCH), None)
    if variant is None:
        return None
    days = _from(dated_parts(offer.model), _verified(variant), variant.prices)
    source = f"{published.source}, batch"
    prices = [_price(offer, since, parts, source, suffix=BATCH_SUFFIX) for since, parts in days]
    at_all_times = api_prices(model, provider, cache_dir)
    earlier = [one for one in at_all_times if one.effective_from < prices[0].effective_from]
    at_once = price_on(at_all_times, prices[0].effective_from)
    return _in_turn([*(_in_proportion(one, prices[0], at_once) for one in earlier), *prices])


@dataclass(frozen=True, slots=True)
class PublishedTier:
    """What a model costs in one tier of service, for requests of more than `above` input tokens."""

    service: str
    above: int
    price: Price


def published_tiers(
    model: str, provider: str | None = None, cache_dir: Path | None = None, *, today: date
) -> list[PublishedTier]:
    """Return what is published of a model's price today: standard, batch, flex, priority, and on long prompts.

    Raises `PriceUnknown` as `api_prices` does.
    """
    published = read_published(cache_dir)
    offer = find_offer(published, model, provider)
    standard = [parts for since, parts in dated_parts(offer.model) if since <= today]
    if not standard:
        raise unknown(model)
    services = {"standard": standard[-1]}
    for variant in _variants(offer):
        if _verified(variant) <= today:
            services.setdefault(" ".join(variant.when.values()), with_variant(standard[-1], variant.prices))
    return [
        PublishedTier(service, above, _price(offer, ALWAYS, parts, published.source, above=above))
        for service, parts in services.items()
        for above in (0, *list_starts(parts))
    ]


def _variants(offer: Offer) -> list[PriceVariant]:
    """Return what the model costs when it is asked for otherwise; one that changes no price is none."""
    return [one for one in offer.model.price_variants or () if vars(one.prices)]


def _from(
    dated: Sequence[tuple[date, Sequence[DayPart]]], verified: date, variant: ModelPrice
) -> list[tuple[date, Sequence[DayPart]]]:
    """Return the days on which a variant is known to hold: those of the price of its day, and later ones."""
    ends = [*(day for day, _ in dated[1:]), None]
    return [
        (since, with_variant(parts, variant))
        for (since, parts), end in zip(dated, ends, strict=True)
        if end is None or verified < end
    ]


def _verified(variant: PriceVariant) -> date:
    constraint = variant.constraint
    return constraint.start_date if isinstance(constraint, StartDateConstraint) else ALWAYS


def _in_proportion(price: Price, batch: Price, at_once: Price) -> Price:
    """Return an earlier price, less what a batch takes off a later one."""

    def scaled(amount: int, part: int, whole: int) -> int:
        return half_up(Fraction(amount * part, whole)) if whole else amount

    cached, written = price.cached_input_nano_per_mtok, price.cache_write_nano_per_mtok
    share = (batch.input_nano_per_mtok, at_once.input_nano_per_mtok)
    return replace(
        price,
        model=batch.model,
        input_nano_per_mtok=scaled(price.input_nano_per_mtok, *share),
        cached_input_nano_per_mtok=None if cached is None else scaled(cached, *share),
        output_nano_per_mtok=scaled(
            price.output_nano_per_mtok, batch.output_nano_per_mtok, at_once.output_nano_per_mtok
        ),
        source=batch.source,
        cache_write_nano_per_mtok=None if written is None else scaled(written, *share),
        long_prompts=batch.long_prompts,
        hours=(),
    )


def _in_turn(prices: Sequence[Price]) -> list[Price]:
    """Let each price end on the day on which the next begins."""
    ends = [later.effective_from for later in prices[1:]]
    return [replace(price, effective_to=end) for price, end in zip(prices, [*ends, None], strict=True)]


def _price(
    offer: Offer, since: date, parts: Sequence[DayPart], source: str, *, above: int = 0, suffix: str = ""
) -> Price:
    """Make the price of a day: the highest of its hours, and each hour in which less is asked."""
    amounts = highest_amounts(parts, above)
    if amounts is None:
        raise unknown(offer.model.id)
    asked, cached, given, written = amounts
    longer = () if above else highest_long_prompts(parts)
    return Price(
        provider=offer.seller.id,
        model=offer.model.id + suffix,
        effective_from=since,
        effective_to=None,
        input_nano_per_mtok=asked,
        cached_input_nano_per_mtok=cached,
        output_nano_per_mtok=given,
        source=source,
        cache_write_nano_per_mtok=written,
        long_prompts=longer,
        hours=() if above else list_hours(parts),
    )
