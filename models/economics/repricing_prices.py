"""Prices to reprice at: those that are known now, and those that are supposed on the command line."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation

from models.economics.pricing import ALWAYS, BATCH_SUFFIX, Price, batch_prices, usd_to_nano
from models.errors import UsageError


def parse_supposed_price(text: str) -> Price:
    """Read `MODEL=IN/OUT`, `MODEL=IN/OUT/CACHED` or `MODEL=IN/OUT/CACHED/WRITE`, dollars per million tokens.

    It becomes a price that always held. Without CACHED there is no discount for cached input, and without WRITE
    input that is written to a cache costs what any other does. Its provider is empty: it stands for any. Raises
    `UsageError`.
    """
    model, equals, prices = text.rpartition("=")
    amounts = prices.split("/")
    if not (equals and model and len(amounts) in {2, 3, 4}):
        msg = (
            f"{text!r} is no price: write MODEL=IN/OUT, MODEL=IN/OUT/CACHED or MODEL=IN/OUT/CACHED/WRITE "
            "in dollars per million tokens"
        )
        raise UsageError(msg)
    asked, given, *other = (_rate(text, amount) for amount in amounts)
    cached, written = [*other, None, None][:2]
    return Price("", model, ALWAYS, None, asked, cached, given, "supposed", written)


def _rate(text: str, amount: str) -> int:
    try:
        usd = Decimal(amount.strip())
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or usd < 0:
        msg = f"{amount.strip()!r} in {text!r} is no price: give dollars per million tokens, 0 or more"
        raise UsageError(msg)
    return usd_to_nano(usd)


class RepricingPrices:
    """What each model's price is, as it is known now, or supposed to be.

    `known` are dated prices in any order, where a later version stands behind the one that it corrects.
    Of several that began by a day the one that began last holds, as for a new line. A price of
    `supposed` holds on every day instead, for its model and, less the discount, for the model's batches.
    """

    def __init__(
        self, known: Iterable[Price], supposed: Sequence[Price] = (), batch_discount: Decimal = Decimal(0)
    ) -> None:
        dated: defaultdict[tuple[str, str], dict[date, Price]] = defaultdict(dict)
        for price in known:
            dated[price.provider, price.model][price.effective_from] = price
        self._known = {name: sorted(of.values(), key=_start, reverse=True) for name, of in dated.items()}
        self._supposed = {price.model: price for price in supposed}
        at_once = [price for price in supposed if not price.model.endswith(BATCH_SUFFIX)]
        self._discounted = {price.model: price for price in batch_prices(at_once, batch_discount)}
        self._found: dict[tuple[str, str, date], Price | None] = {}
        if unheard := [price.model for price in supposed if not self.providers(price.model)]:
            models = sorted({model for _, model in self._known if not model.endswith(BATCH_SUFFIX)})
            msg = f"the ledger has no price of {', '.join(unheard)}; it has prices of {', '.join(models) or 'no model'}"
            raise UsageError(msg)

    def on(self, provider: str, model: str, day: date) -> Price | None:
        """Return what a model's price is on a UTC day; None where none is known."""
        key = (provider, model, day)
        if key not in self._found:
            self._found[key] = self._supposed_for(provider, model) or self._known_on(*key)
        return self._found[key]

    def providers(self, name: str) -> list[tuple[str, str]]:
        """Return provider and model of the known prices that `MODEL` or `PROVIDER/MODEL` stands for."""
        return sorted(key for key in self._known if name in _names(*key))

    def entered(self, since: date, source: str) -> list[Price]:
        """Turn the supposed prices into prices that hold from a UTC day on, until the next that is known."""
        meant = sorted({key for name in (*self._supposed, *self._discounted) for key in self._meant(name)})
        return [
            replace(
                price,
                provider=provider,
                model=model,
                effective_from=since,
                effective_to=self._next_start(provider, model, since),
                source=f"{source}{price.source.removeprefix('supposed')}",
            )
            for provider, model in meant
            if (price := self._supposed_for(provider, model)) is not None
        ]

    def _meant(self, name: str) -> list[tuple[str, str]]:
        base = name.removesuffix(BATCH_SUFFIX)
        return self.providers(name) or [
            (provider, model + BATCH_SUFFIX) for provider, model in self.providers(base)
        ]

    def _next_start(self, provider: str, model: str, day: date) -> date | None:
        starts = [price.effective_from for price in self._known.get((provider, model), ())]
        return min((start for start in starts if start > day), default=None)

    def _supposed_for(self, provider: str, model: str) -> Price | None:
        named = (
            of.get(name) for of in (self._supposed, self._discounted) for name in _names(provider, model)
        )
        return next((price for price in named if price is not None), None)

    def _known_on(self, provider: str, model: str, day: date) -> Price | None:
        began = (price for price in self._known.get((provider, model), ()) if price.effective_from <= day)
        last = next(began, None)
        return last if last is not None and last.holds_on(day) else None


def _names(provider: str, model: str) -> tuple[str, str]:
    return f"{provider}/{model}", model


def _start(price: Price) -> date:
    return price.effective_from
