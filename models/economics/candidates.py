"""Models of others that could answer the same records, each at its dated prices, at once and in batches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from models.catalogue.hosted_models import HostedModel, find_hosted, list_hosted
from models.economics.pricing import ALWAYS, Price, batch_prices, price_on, prices_of, usd_to_nano
from models.economics.published_prices import api_prices, published_batch_prices
from models.economics.repricing_prices import parse_supposed_price
from models.errors import PriceUnknown, UsageError
from models.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model as one provider sells it. `name` is what the setting `api_candidates` calls it.

    `prices` are those of an answer at once, oldest first; `batch_prices` those in batches, None where the
    seller is not known to take this model in batches.
    """

    name: str
    provider: str
    model: str
    prices: tuple[Price, ...]
    batch_prices: tuple[Price, ...] | None


def candidates_of(settings: Settings, today: date) -> list[Candidate]:
    """Return the candidates that the settings name, in their order, each once.

    The API's own model stands at the settings' own price and batch discount. Raises `PriceUnknown` for a name
    that has no price today, and `UsageError` for a price that cannot be read.
    """
    names = dict.fromkeys(name.strip() for name in settings.api_candidates)
    return [_candidate(name, settings, today) for name in names]


def _candidate(text: str, settings: Settings, today: date) -> Candidate:
    if "=" in text:
        supposed = parse_supposed_price(text)
        return _made(supposed.model, [_named(supposed)], None)
    if own := _own(text, settings):
        return own
    hosted = find_hosted(text)
    try:
        candidate = (
            _published(text, settings.cache_dir)
            if hosted is None
            else _offered(text, hosted, settings.cache_dir)
        )
        price_on(candidate.prices, today)
    except PriceUnknown as error:
        msg = (
            f"no price is known for {text!r} of api_candidates: name it MODEL or PROVIDER/MODEL as genai-prices does, or "
            f"one of {', '.join(list_hosted())}, or give your price in dollars per million tokens: {text}=IN/OUT"
        )
        raise PriceUnknown(msg) from error
    except UsageError as error:
        msg = f"the candidate {text!r}: {error}"
        raise UsageError(msg) from error
    return candidate


def _own(text: str, settings: Settings) -> Candidate | None:
    """Return the API's own model, where the name is its, by itself or after its provider."""
    _, _, model = text.rpartition("/")
    if settings.api_model not in {text, model}:
        return None
    prices = prices_of(settings)
    if text not in {settings.api_model, f"{prices[0].provider}/{settings.api_model}"}:
        return None
    return _made(text, prices, batch_prices(prices, settings.batch_discount))


def _published(text: str, cache_dir: Path) -> Candidate:
    """Find a model by PROVIDER/MODEL, or by its name alone. Raises `PriceUnknown`."""
    provider, slash, model = text.partition("/")
    if slash:
        try:
            return _made(
                text,
                api_prices(model, provider, cache_dir),
                published_batch_prices(model, provider, cache_dir),
            )
        except PriceUnknown:  # some models have a slash in their name
            pass
    at_once, batched = api_prices(text, None, cache_dir), published_batch_prices(text, None, cache_dir)
    return _made(text, at_once, batched)


def _offered(text: str, hosted: HostedModel, cache_dir: Path) -> Candidate:
    """Return what a seller of the reviewed data offers. Raises `PriceUnknown` where its price cannot be found."""
    source = f"{hosted.source}; read {hosted.date:%Y-%m}"
    if hosted.priced_as is not None:
        provider, _, model = hosted.priced_as.partition("/")
        prices = api_prices(model, provider, cache_dir)
    else:
        asked, given = hosted.input_usd_per_mtok, hosted.output_usd_per_mtok
        if asked is None or given is None:
            msg = f"{text} has no price"
            raise PriceUnknown(msg)
        nano = (usd_to_nano(asked), None, usd_to_nano(given))
        prices = [Price(hosted.provider, hosted.model, ALWAYS, None, *nano, source)]
    discount = hosted.batch_discount
    return _made(text, prices, None if discount is None else batch_prices(prices, discount))


def _named(price: Price) -> Price:
    provider, slash, model = price.model.partition("/")
    who, name = (provider, model) if slash else ("settings", price.model)
    return replace(price, provider=who, model=name, source="settings")


def _made(name: str, prices: Sequence[Price], batched: Sequence[Price] | None) -> Candidate:
    last = prices[-1]
    return Candidate(
        name, last.provider, last.model, tuple(prices), None if batched is None else tuple(batched)
    )
