"""What usage would have cost at other prices: worked out from sums of tokens, without touching a line.

Lines round their own cost; a repriced sum is worked out exactly over all its tokens and rounded once, half
up. So at the prices that the lines were written at it differs from the written sum by at most half a
nano-dollar for each line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from models.economics.pricing import (
    MTOK,
    Price,
    cost_of_mtok,
    half_up,
)
from models.economics.repricing_prices import RepricingPrices
from models.requests import Usage


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """Sums over the lines of one UTC day that stand on the same prices. Money is nano-dollars.

    `price` is None where no API's price is behind the cost: a share of GPU time, a reuse.
    `upper_bound_nano` is the part of `cost_nano` of lines that know no tokens. Token sums are over the
    `known_tokens` lines that know theirs; `unknown_*` counts lines without a cost.
    """

    day: date
    price: Price | None
    counterfactual_price: Price | None
    attempts: int
    known_tokens: int
    estimated: int
    tokens: Usage
    cost_nano: int
    upper_bound_nano: int
    unknown_cost: int
    counterfactual_tokens: Usage
    counterfactual_nano: int
    unknown_counterfactual: int


@dataclass(frozen=True, slots=True)
class Repriced:
    """A sum as it was written and as it is repriced, nano-dollars; None: an attempt in it is unknown.

    `upper_bound_nano` is the part of `repriced_nano` that is the most its attempts can cost, since nobody
    knows their tokens: their written upper bound, scaled by what the price rose most. `bounded`, `estimated`
    and `unknown` count attempts: those of that part, those whose tokens or cost are an estimate, and those
    that make a sum unknown.
    """

    attempts: int
    cost_nano: int | None
    repriced_nano: int | None
    counterfactual_nano: int | None
    repriced_counterfactual_nano: int | None
    upper_bound_nano: int
    bounded: int
    estimated: int
    unknown: int

    @property
    def difference_nano(self) -> int | None:
        """Repriced less written cost."""
        return _less(self.repriced_nano, self.cost_nano)

    @property
    def counterfactual_difference_nano(self) -> int | None:
        """Repriced less written counterfactual cost."""
        return _less(self.repriced_counterfactual_nano, self.counterfactual_nano)


def reprice(usage: Iterable[PricedUsage], book: RepricingPrices) -> Repriced:
    """Sum usage as it was written and at the prices of a book, each sum rounded once."""
    sums = _Sums()
    for one in usage:
        sums.add(one, book)
    return sums.rounded()


def cost_at(usage: Iterable[PricedUsage], prices: Sequence[Price]) -> int | None:
    """Return what the records of some usage cost at the dated prices of one model, nano-dollars, rounded once.

    It stands on the counterfactual tokens, those that the API's own model would have counted. None where they are
    not known, or a day has no price.
    """
    total = 0
    for one in usage:
        price = next((price for price in prices if price.holds_on(one.day)), None)
        if one.unknown_counterfactual or (price is None and one.counterfactual_tokens.input_tokens):
            return None
        total += 0 if price is None else cost_of_mtok(price, one.counterfactual_tokens)
    return half_up(Fraction(total, MTOK))


class _Sums:
    """Exact sums over usage; those of tokens are a million times the cost."""

    def __init__(self) -> None:
        self.attempts = self.estimated = self.bounded = self.unknown = 0
        self.cost = self.counterfactual = 0  # nano-dollars, as written
        self.kept = 0  # nano-dollars of cost that no price is behind
        self.repriced = self.repriced_counterfactual = 0
        self.bounds = Fraction(0)
        self.known = {"cost": True, "repriced": True, "counterfactual": True, "repriced_counterfactual": True}

    def add(self, usage: PricedUsage, book: RepricingPrices) -> None:
        """Add one day's usage."""
        self.attempts += usage.attempts
        self.estimated += usage.estimated
        self.cost += usage.cost_nano
        self.counterfactual += usage.counterfactual_nano
        unknown = [
            self._miss(usage.unknown_cost, "cost"),
            self._miss(self._add_cost(usage, book), "repriced"),
            self._miss(usage.unknown_counterfactual, "counterfactual"),
            self._miss(self._add_counterfactual(usage, book), "repriced_counterfactual"),
        ]
        self.unknown += max(unknown)

    def _miss(self, attempts: int, what: str) -> int:
        if attempts:
            self.known[what] = False
        return attempts

    def _add_cost(self, usage: PricedUsage, book: RepricingPrices) -> int:
        """Add what was spent; return how many attempts cannot be repriced."""
        if usage.price is None:
            self.kept += usage.cost_nano
            return usage.unknown_cost
        new = book.on(usage.price.provider, usage.price.model, usage.day)
        if new is None:
            return usage.attempts
        self.repriced += cost_of_mtok(new, usage.tokens)
        blind = usage.attempts - usage.known_tokens
        if not blind:
            return 0
        rise = find_largest_rise(usage.price, new)
        if usage.unknown_cost or rise is None:
            return blind
        self.bounded += blind
        self.bounds += rise * usage.upper_bound_nano
        return 0

    def _add_counterfactual(self, usage: PricedUsage, book: RepricingPrices) -> int:
        price = usage.counterfactual_price
        if price is None:
            return max(usage.unknown_counterfactual, usage.attempts if usage.counterfactual_nano else 0)
        new = book.on(price.provider, price.model, usage.day)
        if new is None:
            return usage.attempts
        self.repriced_counterfactual += cost_of_mtok(new, usage.counterfactual_tokens)
        return usage.unknown_counterfactual

    def rounded(self) -> Repriced:
        """Round each sum once; one that an unknown attempt belongs to is None."""
        repriced = self.kept + self.bounds + Fraction(self.repriced, MTOK)
        values = {
            "cost": self.cost,
            "repriced": half_up(repriced),
            "counterfactual": self.counterfactual,
            "repriced_counterfactual": half_up(Fraction(self.repriced_counterfactual, MTOK)),
        }
        written, again, other, other_again = (
            value if self.known[name] else None for name, value in values.items()
        )
        return Repriced(
            self.attempts,
            written,
            again,
            other,
            other_again,
            half_up(self.bounds),
            self.bounded,
            self.estimated,
            self.unknown,
        )


def find_largest_rise(old: Price, new: Price) -> Fraction | None:
    """Return by what an upper bound at the old price is scaled to be one at the new price.

    Nobody knows how the bound is made up of input and output, so it is the larger ratio of the two. None
    where something that was free is not any more: nothing bounds that.
    """
    ratios = [
        Fraction(after, before) if before else None if after else Fraction(0)
        for before, after in (
            (_dearest_input(old), _dearest_input(new)),
            (old.output_nano_per_mtok, new.output_nano_per_mtok),
        )
    ]
    known = [ratio for ratio in ratios if ratio is not None]
    return max(known) if len(known) == len(ratios) else None


def _dearest_input(price: Price) -> int:
    parts = price.cached_input_nano_per_mtok, price.cache_write_nano_per_mtok
    return max(price.input_nano_per_mtok, *(part or 0 for part in parts))


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before
