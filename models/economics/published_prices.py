"""Published prices of API models as `Price` values: dated, at once, in batches, and in every other tier.

Left out, since no record of a batch job meets them: prices by time of day, audio and image tokens, web searches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

from models.catalogue.published_prices import PublishedPrices, read_published
from models.economics.pricing import ALWAYS, BATCH_SUFFIX, NANO, LongPromptPrice, Price, half_up, price_on
from models.errors import PriceUnknown

BATCH = {"processing": "batch"}


def api_prices(model: str, provider: str | None = None, cache_dir: Path | None = None) -> list[Price]:
    """Return the dated published prices of an API model, oldest first.

    They are those of the package `genai-prices`, or newer data of it in the folder `cache_dir`. `provider` is the
    package's name of who sells the model; None: its own. The prices are those of the standard tier, with
    those for long prompts.

    Raises `PriceUnknown` for a model that is not in the package or has no token price.
    """
    published = read_published(cache_dir)
    seller, info = _find(published, model, provider)
    source = published.source
    prices = [_price(seller.id, info.id, since, standard, source) for since, standard in _dated(info.prices)]
    if not prices:
        raise _unknown(model)
    return _in_turn(prices)


def published_batch_prices(
    model: str, provider: str | None = None, cache_dir: Path | None = None
) -> list[Price] | None:
    """Return what is published of the same model's prices in batches; None where nothing is.

    The package dates its batch prices by the day on which they were verified. Each holds for the whole time of
    the price at once that stood on that day; in earlier times the batches are taken to have cost the same
    share of the price at once. Raises `PriceUnknown` as `api_prices` does.
    """
    published = read_published(cache_dir)
    seller, info = _find(published, model, provider)
    variants = [one for one in info.price_variants or () if one.when == BATCH]
    if not variants:
        return None
    variant, verified = variants[0], _verified(variants[0])
    source = f"{published.source}, batch"
    standards = _dated(info.prices)
    batched = [
        (since, _with_variant(standard, variant.prices))
        for (since, standard), end in zip(standards, [*(day for day, _ in standards[1:]), None], strict=True)
        if end is None or verified < end
    ]
    prices = [
        _price(seller.id, info.id + BATCH_SUFFIX, since, standard, source) for since, standard in batched
    ]
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
    seller, info = _find(published, model, provider)
    standard = [prices for since, prices in _dated(info.prices) if since <= today]
    if not standard:
        raise _unknown(model)
    services = {"standard": standard[-1]}
    for variant in info.price_variants or ():
        if _verified(variant) <= today and vars(variant.prices):
            services.setdefault(" ".join(variant.when.values()), _with_variant(standard[-1], variant.prices))
    return [
        PublishedTier(
            service, above, _price(seller.id, info.id, ALWAYS, prices, published.source, above=above)
        )
        for service, prices in services.items()
        for above in (0, *_starts(prices))
    ]


def _starts(prices: ModelPrice) -> list[int]:
    """Return the numbers of input tokens above which a request costs more for each token."""
    tiered = [price for price in vars(prices).values() if isinstance(price, TieredPrices)]
    return sorted({tier.start for price in tiered for tier in price.tiers})


def _verified(variant: PriceVariant) -> date:
    constraint = variant.constraint
    return constraint.start_date if isinstance(constraint, StartDateConstraint) else ALWAYS


def _with_variant(standard: ModelPrice, variant: ModelPrice) -> ModelPrice:
    """Return a model's prices with those that a variant names in the place of its own."""
    given = {name: price for name, price in vars(variant).items() if price is not None}
    return ModelPrice(**(vars(standard) | given))


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
    )


def _in_turn(prices: Sequence[Price]) -> list[Price]:
    """Let each price end on the day on which the next begins."""
    ends = [later.effective_from for later in prices[1:]]
    return [replace(price, effective_to=end) for price, end in zip(prices, [*ends, None], strict=True)]


def _find(published: PublishedPrices, model: str, provider: str | None) -> tuple[Provider, ModelInfo]:
    try:
        return published.snapshot.find_provider_model(model, None, provider, None)
    except LookupError:
        raise _unknown(model) from None


def _dated(prices: ModelPrice | list[ConditionalPrice]) -> list[tuple[date, ModelPrice]]:
    if isinstance(prices, ModelPrice):
        return [(ALWAYS, prices)]
    dated: dict[date, ModelPrice] = {}
    for price in prices:  # of two for the same day, the later one wins in the package as well
        if price.constraint is None:
            dated[ALWAYS] = price.prices
        elif isinstance(price.constraint, StartDateConstraint):
            dated[price.constraint.start_date] = price.prices
    return sorted(dated.items(), key=lambda item: item[0])


def _price(
    provider: str, model: str, since: date, standard: ModelPrice, source: str, *, above: int = 0
) -> Price:
    asked, given = _nano(standard, "input_mtok", above), _nano(standard, "output_mtok", above)
    if asked is None or given is None:
        raise _unknown(model)
    return Price(
        provider=provider,
        model=model,
        effective_from=since,
        effective_to=None,
        input_nano_per_mtok=asked,
        cached_input_nano_per_mtok=_nano(standard, "cache_read_mtok", above),
        output_nano_per_mtok=given,
        source=source,
        cache_write_nano_per_mtok=_nano(standard, "cache_write_mtok", above),
        long_prompts=() if above else tuple(_long(standard, start) for start in _starts(standard)),
    )


def _long(standard: ModelPrice, start: int) -> LongPromptPrice:
    names = ("input_mtok", "cache_read_mtok", "output_mtok", "cache_write_mtok")
    asked, cached, given, written = (_nano(standard, name, start) for name in names)
    return LongPromptPrice(start, asked or 0, cached, given or 0, written)


def _nano(prices: ModelPrice, name: str, above: int) -> int | None:
    """Return a price in nano-dollars per million tokens, rounded half up; None where there is none.

    `above`: that of requests with more input tokens, as far as there is one.
    """
    price: Decimal | TieredPrices | None = getattr(prices, name, None)
    if isinstance(price, TieredPrices):
        price = next((tier.price for tier in reversed(price.tiers) if tier.start <= above), price.base)
    return None if price is None else half_up(Fraction(price) * NANO)


def _unknown(model: str) -> PriceUnknown:
    return PriceUnknown(
        f"no API price is known for {model!r}; set BREAKEVEN_API_MODEL to a model that genai-prices knows, "
        "such as gpt-6-luna, or give your price: BREAKEVEN_API_INPUT_USD_PER_MTOK and "
        "BREAKEVEN_API_OUTPUT_USD_PER_MTOK"
    )
