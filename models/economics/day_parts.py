"""What a model costs in the parts of a UTC day, as genai-prices has it: some sellers ask more in their peak hours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from models.economics.pricing import ALWAYS, NANO, HourPrice, LongPromptPrice, half_up


@dataclass(frozen=True, slots=True)
class DayPart:
    """What a model costs from `start` to `end`, seconds of the UTC day; across midnight where `end` is not above `start`."""

    start: int
    end: int
    prices: ModelPrice


def dated_parts(model: ModelInfo) -> list[tuple[date, list[DayPart]]]:
    """Return what a model costs from each day on; the package itself says what holds in each part of that day."""
    conditions = model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]
    starts = {
        one.constraint.start_date if isinstance(one.constraint, StartDateConstraint) else ALWAYS
        for one in conditions
    }
    return [(day, list(_parts_of(model, day, conditions))) for day in sorted(starts)]


def _parts_of(model: ModelInfo, day: date, conditions: Sequence[ConditionalPrice]) -> Iterator[DayPart]:
    """Cut a UTC day where another price begins."""
    times = (one.constraint for one in conditions if isinstance(one.constraint, TimeOfDateConstraint))
    cuts = sorted({_second_of(moment) for one in times for moment in (one.start_time, one.end_time)}) or [0]
    midnight = datetime.combine(day, time.min, UTC)
    for start, end in zip(cuts, [*cuts[1:], cuts[0]], strict=True):
        yield DayPart(start, end, model.get_prices(midnight + timedelta(seconds=start)))


def _second_of(moment: time) -> int:
    """Return the second of the UTC day; a time without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    utc = datetime.combine(date(2000, 1, 1), aware).astimezone(UTC)
    return 3600 * utc.hour + 60 * utc.minute + utc.second


def with_variant(parts: Sequence[DayPart], variant: ModelPrice) -> list[DayPart]:
    """Return a model's prices with those that a variant names in the place of its own."""
    given = {name: price for name, price in vars(variant).items() if price is not None}
    return [replace(part, prices=ModelPrice(**(vars(part.prices) | given))) for part in parts]


def list_starts(parts: Sequence[DayPart]) -> list[int]:
    """Return the numbers of input tokens above which a request costs more for each token."""
    values = (price for part in parts for price in vars(part.prices).values())
    tiered = [price for price in values if isinstance(price, TieredPrices)]
    return sorted({tier.start for price in tiered for tier in price.tiers})


Amounts = tuple[int, int | None, int, int | None]
"""Nano-dollars per million tokens: input, cached input, output, what is written to a cache."""


def highest_amounts(parts: Sequence[DayPart], above: int) -> Amounts | None:
    """Return the highest amounts of some parts of a day; None where one of them has no price of tokens.

    `above`: those of requests with more input tokens, as far as there are any.
    """
    asked, given = (_nano(parts, name, above) for name in ("input_mtok", "output_mtok"))
    if asked is None or given is None:
        return None
    cached, written = (_dearest(parts, name, above) for name in ("cache_read_mtok", "cache_write_mtok"))
    return asked, cached, given, written


def list_hours(parts: Sequence[DayPart]) -> tuple[HourPrice, ...]:
    """Return what is asked in each part of a day in which it is not the highest of the day."""
    highest = (highest_amounts(parts, 0), highest_long_prompts(parts))
    single = ((part, highest_amounts([part], 0), highest_long_prompts([part])) for part in parts)
    return tuple(
        HourPrice(part.start, part.end, *amounts, longer)
        for part, amounts, longer in single
        if amounts is not None and (amounts, longer) != highest
    )


def _dearest(parts: Sequence[DayPart], name: str, above: int) -> int | None:
    """Return the highest amount of what some hours may charge as any other input; None where all do."""
    single = [_nano([part], name, above) for part in parts]
    if all(one is None for one in single):
        return None
    plain = [_nano([part], "input_mtok", above) for part in parts]
    return max((own if own is not None else whole or 0) for own, whole in zip(single, plain, strict=True))


def highest_long_prompts(parts: Sequence[DayPart]) -> tuple[LongPromptPrice, ...]:
    """Return the highest prices of long prompts of some parts of a day."""
    found = ((start, highest_amounts(parts, start)) for start in list_starts(parts))
    return tuple(LongPromptPrice(start, *amounts) for start, amounts in found if amounts is not None)


def _nano(parts: Sequence[DayPart], name: str, above: int) -> int | None:
    """Return the highest of the parts' prices, nano-dollars per million tokens, rounded half up; None where one has none."""
    found = [_of_length(getattr(part.prices, name, None), above) for part in parts]
    known = [one for one in found if one is not None]
    return half_up(Fraction(max(known)) * NANO) if len(known) == len(found) else None


def _of_length(price: Decimal | TieredPrices | None, above: int) -> Decimal | None:
    if isinstance(price, TieredPrices):
        return next((tier.price for tier in reversed(price.tiers) if tier.start <= above), price.base)
    return price
