"""What is going to be asked: so many prompts a day, of such lengths, growing each month.

Lengths are means over prompts that were counted, which are taken to be a random sample of those to come: so the
mean itself is uncertain, by s²/n. Everything else (a length, a rate of growth, a price) is taken as it is given.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Literal

from models.economics.month import PriceUse, WorkloadUsage
from models.economics.pricing import MTOK, Price, cost_nano, half_up, price_on
from models.economics.throughput import OutputLength, Throughput
from models.gpu_time import GpuTime
from models.months import days_in
from models.requests import Usage


@dataclass(frozen=True, slots=True)
class LengthSpread:
    """Variances of the two mean lengths and their covariance, tokens²; 0 for an answer's length that was given."""

    input: Fraction
    output: Fraction
    both: Fraction


CACHED_FROM = 1024
"""Tokens of a prefix from which on OpenAI caches it; it is taken to stay cached through a day's records."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Mean tokens of a request and of its answer, over `counted` prompts; `spread` None: one shows none.

    `prefix`: tokens at the beginning of each request that are the same in all.
    """

    counted: int
    input: Fraction
    output: Fraction
    spread: LengthSpread | None
    prefix: int = 0

    @classmethod
    def given(cls, inputs: int, outputs: int, prefix: int = 0) -> "Lengths":
        """Take lengths that are known: nothing was counted, and nothing is uncertain. Raises `ValueError`."""
        if not 0 <= prefix <= inputs:
            msg = f"no prefix of {prefix} tokens in a request of {inputs}"
            raise ValueError(msg)
        exact = LengthSpread(Fraction(0), Fraction(0), Fraction(0))
        return cls(0, Fraction(inputs), Fraction(outputs), exact, prefix)

    @classmethod
    def of(cls, inputs: Sequence[int], outputs: Sequence[int] | OutputLength) -> "Lengths":
        """Take the lengths of prompts and of their answers, or of answers as they are known from elsewhere.

        Raises `ValueError` for no prompts at all, and for answers that are not one a prompt.
        """
        if not inputs or not (isinstance(outputs, OutputLength) or len(outputs) == len(inputs)):
            msg = f"no mean of {len(inputs)} prompts and their answers"
            raise ValueError(msg)
        count = len(inputs)
        if isinstance(outputs, OutputLength):
            given = Fraction(outputs.tokens, outputs.answers)
            own = _covariance(inputs, inputs)
            spread = None if own is None else LengthSpread(own, Fraction(0), Fraction(0))
            return cls(count, Fraction(sum(inputs), count), given, spread)
        pairs = (inputs, inputs), (outputs, outputs), (inputs, outputs)
        found = [one for left, right in pairs if (one := _covariance(left, right)) is not None]
        return cls(
            count,
            Fraction(sum(inputs), count),
            Fraction(sum(outputs), count),
            LengthSpread(*found) if found else None,
        )

    def variance(self, per_input: Fraction, per_output: Fraction) -> Fraction:
        """Return the variance of mean input x `per_input` + mean output x `per_output`; 0 where no spread is known."""
        if self.spread is None:
            return Fraction(0)
        return (
            per_input * per_input * self.spread.input
            + per_output * per_output * self.spread.output
            + 2 * per_input * per_output * self.spread.both
        )


def _covariance(left: Sequence[int], right: Sequence[int]) -> Fraction | None:
    """Return the covariance of the means of two lists (of one with itself: s²/n); None for a single value."""
    count = len(left)
    if count < 2:  # noqa: PLR2004  a spread needs two values
        return None
    products = sum(one * other for one, other in zip(left, right, strict=True))
    return Fraction(products * count - sum(left) * sum(right), count * count * (count - 1))


SpeedCase = Literal["estimated", "fast", "slow"]
"""A machine as fast as is estimated, as fast as it can be, or as slow."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One workload to come: `daily` records on each day of the first month, `growth` more each month (1/20: 5 %).

    `prices` are the API model's, dated; `speed` is that of the local model on its machine. The local model is
    taken to see the tokens that the API counts, less those that an adapter with a prompt of its own is spared: `local_input` is its mean. `batches`: whether its records can wait for a batch's answer.
    `may_leave`: whether its records may go to an API.
    `times`: the least and the most by which its GPU time is to be multiplied, as an estimated speed can be off.
    Raises `ValueError` for volumes that cannot be.
    """

    name: str
    daily: int
    growth: Fraction
    lengths: Lengths
    prices: tuple[Price, ...]
    speed: Throughput
    batches: bool = True
    may_leave: bool = True
    times: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))
    local_input: Fraction | None = None

    def time_factor(self, speed: SpeedCase) -> Fraction:
        """Return by what its GPU time is multiplied with a machine that is so fast."""
        fast, slow = self.times
        return {"estimated": Fraction(1), "fast": fast, "slow": slow}[speed]

    @property
    def measured(self) -> bool:
        """Whether its speed was measured, so that no error of an estimate is in it."""
        return self.times == (Fraction(1), Fraction(1))

    def __post_init__(self) -> None:
        if self.daily < 1 or self.growth <= -1:
            msg = f"{self.daily} records a day, growing by {self.growth} a month, cannot be"
            raise ValueError(msg)

    def usage(self, month: date, place: int) -> WorkloadUsage:
        """Return what it asks in a month, the `place`-th one counted from 0. Raises `PriceUnknown`."""
        return WorkloadUsage(
            self.name,
            records=self._records(place, days_in(month)),
            counterfactual=tuple(self._at(*span, place) for span in self._spans(month)),
            batch_acceptable=self.batches,
            may_leave=self.may_leave,
        )

    def time(self, month: date, place: int) -> GpuTime:
        """Return how long the local model is busy with a month of it."""
        records = self._records(place, days_in(month))
        each = self.lengths.input if self.local_input is None else self.local_input
        inputs, outputs = half_up(records * each), half_up(records * self.lengths.output)
        return self.speed.time(records, inputs, outputs)

    def variance(self, months: Iterable[tuple[date, int]]) -> Fraction:
        """Return the variance of what the API at once costs in some months (with their places), nano-dollars².

        It is that of the mean lengths, which are the same in all of them.
        """
        inputs = outputs = Fraction(0)
        for month, place in months:
            for price, _, days in self._spans(month):
                records = self._records(place, days)
                inputs += Fraction(price.input_nano_per_mtok * records, MTOK)
                outputs += Fraction(price.output_nano_per_mtok * records, MTOK)
        return self.lengths.variance(inputs, outputs)

    def _records(self, place: int, days: int) -> int:
        return half_up(self.daily * days * (1 + self.growth) ** place)

    def _spans(self, month: date) -> Iterator[tuple[Price, date, int]]:
        """Yield each price that holds in a month, its first day there, and for how many days."""
        days = [month + timedelta(days=place) for place in range(days_in(month))]
        for price, held in groupby(days, key=lambda day: price_on(self.prices, day)):
            some = list(held)
            yield price, some[0], len(some)

    def _at(self, price: Price, first: date, days: int, place: int) -> PriceUse:
        records = self._records(place, days)
        inputs, outputs = half_up(records * self.lengths.input), half_up(records * self.lengths.output)
        prefix = self.lengths.prefix if self.lengths.prefix >= CACHED_FROM else 0
        written = min(days, records) * prefix  # the first request of a day finds nothing in the cache
        usage = Usage(inputs, records * prefix - written, outputs, cache_write_tokens=written)
        return PriceUse(
            price.provider,
            price.model,
            price.effective_from,
            price.input_nano_per_mtok,
            price.cached_input_nano_per_mtok,
            price.output_nano_per_mtok,
            price.source,
            first,
            first + timedelta(days=days - 1),
            inputs,
            outputs,
            cost_nano(price, usage),
        )
