"""Who sells an API's model: the setting says so, or the endpoint's address, or the model has one maker.

A name alone decides nothing where several sell it: the same open weights cost four times as much here as there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from genai_prices.data_snapshot import DataSnapshot, find_provider_by_id
from genai_prices.types import ModelInfo, Provider, TieredPrices

from models.catalogue.published_prices import PublishedPrices
from models.errors import PriceUnknown
from models.nearest import nearest

OPENAI_URL = "https://api.openai.com/v1"
GATEWAY = "litellm"
"""What genai-prices calls a gateway whose model names begin with the seller: `groq/llama-3.1-8b-instant`."""
HUGGING_FACE = "huggingface_"
"""Begins genai-prices' names of those that serve open weights behind Hugging Face's router."""
ROUTER = "router.huggingface.co"
"""Takes the host behind the model's name: `openai/gpt-oss-120b:cerebras`, see
https://huggingface.co/docs/inference-providers (read 2026-11-30)."""
SHOWN = 12
"""Sellers, or models of a seller, that a message names; more are only counted."""
OWN_PRICE = "give your price: BREAKEVEN_API_INPUT_USD_PER_MTOK and BREAKEVEN_API_OUTPUT_USD_PER_MTOK (dollars a million tokens)"


@dataclass(frozen=True, slots=True)
class Offer:
    """A model as one seller has it."""

    seller: Provider
    model: ModelInfo


def find_offer(
    published: PublishedPrices, model: str, provider: str | None = None, url: str | None = None
) -> Offer:
    """Return who sells a model: `provider` where that is given, else who answers at `url`.

    `provider` is genai-prices' name of the seller, `url` the address that is asked; None: OpenAI's own. An address that
    genai-prices does not know (a gateway, a server of one's own) says nothing: then it is the model's maker, if
    its weights are not to be had elsewhere, or what all of several sellers ask for it.

    Raises `PriceUnknown` in one line that says which setting decides.
    """
    snapshot = published.snapshot
    if provider and provider.strip():
        return _named(snapshot, published.source, model, provider.strip())
    address = url.strip() if url and url.strip() else None
    name, colon, host = model.partition(":")
    if colon and address is not None and _host_of(address) == ROUTER:
        seller = find_provider_by_id(snapshot.providers, HUGGING_FACE + host)
        if seller is None:  # `:fastest` and `:cheapest` leave it to the router
            return _undecided(snapshot, name, elsewhere=True)
        return _sold_by(snapshot, published.source, name, seller, "the name of the model")
    if address is not None and (seller := _at(snapshot, address)) is not None:
        return _sold_by(snapshot, published.source, model, seller, "BREAKEVEN_API_BASE_URL")
    if address is None and (found := _direct(_at(snapshot, OPENAI_URL), model)) is not None:
        return found
    return _undecided(snapshot, model, elsewhere=address is not None)


def _named(snapshot: DataSnapshot, source: str, model: str, provider: str) -> Offer:
    prefix, slash, rest = model.partition("/")
    if provider.lower() == GATEWAY:
        seller = find_provider_by_id(snapshot.providers, prefix) if slash else None
        if seller is None:
            return _undecided(snapshot, model, elsewhere=True)
        return _sold_by(snapshot, source, rest, seller, "the name of the model")
    seller = find_provider_by_id(snapshot.providers, provider)
    if seller is None:
        names = [one.id for one in snapshot.providers]
        found = nearest(provider, names)
        meant = "" if found is None else f"did you mean {found}? "
        msg = f"BREAKEVEN_API_PROVIDER: genai-prices knows no seller {provider!r}; {meant}there are: {', '.join(names)}"
        raise PriceUnknown(msg)
    return _sold_by(snapshot, source, model, seller, "BREAKEVEN_API_PROVIDER")


def _at(snapshot: DataSnapshot, url: str) -> Provider | None:
    """Return who answers at an address, whatever its case, user, port and query."""
    host = _host_of(url)
    if host is None:
        return None
    try:
        return snapshot.find_provider(None, None, f"https://{host}{urlsplit(url).path}")
    except LookupError:
        return None


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _sold_by(snapshot: DataSnapshot, source: str, model: str, seller: Provider, named_in: str) -> Offer:
    found = seller.find_model(model, all_providers=snapshot.providers)
    if found is not None:
        return Offer(seller, found)
    names = [one.id for one in seller.models]
    closest = nearest(model, names)
    shown = [closest] if closest else names[:SHOWN]
    more = len(names) - len(shown)
    msg = (
        f"{seller.id}, which {named_in} names, sells no {model!r} that {source} knows: set BREAKEVEN_API_MODEL to one that it "
        f"sells, such as {', '.join(shown)}{f' ({more} more)' if more else ''}, BREAKEVEN_API_PROVIDER to another seller, or {OWN_PRICE}"
    )
    raise PriceUnknown(msg)


def _undecided(snapshot: DataSnapshot, model: str, *, elsewhere: bool) -> Offer:
    """Find who sells a model where no address says it. `elsewhere`: it is asked at an address that nobody knows."""
    makers = [one for seller in snapshot.providers if (one := _made_by(seller, model)) is not None]
    if len(makers) == 1 and not (elsewhere and _has_open_weights(snapshot, model)):
        return makers[0]
    offers = [one for seller in snapshot.providers if (one := _direct(seller, model)) is not None]
    priced = [(amounts, one) for one in offers if (amounts := _amounts(one.model)) is not None]
    if not priced:
        raise unknown(model)
    alone = len(priced) == 1
    if len({amounts for amounts, _ in priced}) == 1 and not (alone and elsewhere):
        return priced[0][1]
    priced.sort(key=lambda one: one[0])
    shown = ", ".join(f"{one.seller.id} ${asked:f}/${given:f}" for (asked, given), one in priced[:SHOWN])
    more = f" and {len(priced) - SHOWN} more" if len(priced) > SHOWN else ""
    sellers = "a seller, and nothing says that it" if alone else "several sellers, and nothing says which one"
    msg = (
        f"{model!r} has {sellers} is asked: {shown}{more} (dollars a million tokens, in/out). "
        f"Set BREAKEVEN_API_PROVIDER to the one that sends the bill, or {OWN_PRICE}"
    )
    raise PriceUnknown(msg)


def _made_by(seller: Provider, model: str) -> Offer | None:
    match = seller.model_match
    return _direct(seller, model) if match is not None and match.is_match(model.lower()) else None


def _direct(seller: Provider | None, model: str) -> Offer | None:
    """Return a model that the seller itself has a price of, and not only another one for it."""
    found = None if seller is None else seller.find_model(model)
    return None if seller is None or found is None else Offer(seller, found)


def _has_open_weights(snapshot: DataSnapshot, model: str) -> bool:
    """Whether anybody may serve a model: hosts of open weights do."""
    name = _base_name(model)
    hosts = (one for one in snapshot.providers if one.id.startswith(HUGGING_FACE))
    return any(_base_name(one.id) == name for host in hosts for one in host.models)


def _base_name(model: str) -> str:
    return model.lower().rpartition("/")[2]


def _amounts(model: ModelInfo) -> tuple[Decimal, Decimal] | None:
    """Return what a model costs now, in and out, dollars per million tokens; None where it has no price of tokens."""
    prices = model.get_prices(datetime.now(UTC))
    asked, given = _plain(getattr(prices, "input_mtok", None)), _plain(getattr(prices, "output_mtok", None))
    return None if asked is None or given is None else (asked, given)


def _plain(price: Decimal | TieredPrices | None) -> Decimal | None:
    return price.base if isinstance(price, TieredPrices) else price


def unknown(model: str) -> PriceUnknown:
    """Say that nobody is known to sell a model."""
    return PriceUnknown(
        f"no API price is known for {model!r}; set BREAKEVEN_API_MODEL to a model that genai-prices knows, "
        f"such as gpt-6-luna, or {OWN_PRICE}"
    )
