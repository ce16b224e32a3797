"""What a forecast stands on, a line each: what was counted, what was assumed, and what does not count."""

from collections.abc import Iterator
from fractions import Fraction

from models.economics.demand import CACHED_FROM
from models.economics.month import ReferenceRate
from models.gpu_time import NS_PER_SECOND
from tasks.documents.amounts import UNKNOWN, decimal, hours, percent, plural, rate, usd
from tasks.forecast.document import half_width, list_rates
from tasks.forecast.make import ForecastPart, Made
from tasks.forecast.text import PLUS_MINUS


def list_basis(made: Made) -> Iterator[str]:
    """Yield what the figures stand on, what is assumed among it."""
    for part in made.parts:
        yield _prompts(part)
        if part.lengths.prefix:
            yield f"{part.name}: {_prefix(made, part)}"
    price = made.price
    discount = percent(Fraction(made.serving.batch_discount))
    yield (
        f"API: {price.model}, {rate(price.input_nano_per_mtok)} in and {rate(price.output_nano_per_mtok)} out for a "
        f"million tokens ({price.source}); {discount} less in batches"
    )
    yield from made.warnings
    for part in made.parts:
        if not part.opened.may_leave:
            yield f"{part.name}: its records may not leave (data_residency = local), so the API is shown for comparison only"
        elif not part.opened.batches:
            yield f"{part.name}: its answers cannot wait (batch_acceptable = false), so it is asked at once in every way"
    yield f"model: {made.model.name} ({made.model.how}), taken to see the tokens that the API counts"
    yield f"machine: {made.machine.kind} ({made.machine.how}); {'; '.join(map(_rate, list_rates(made)))}"
    for part in made.parts:
        yield f"speed: {_named(made, part)}{_speed(part)}"
    load = made.serving.load_ns
    yield f"load: once a day, {hours(load)} ({made.parts[0].speed.load_basis})"
    if (spot := made.serving.spot) is not None:
        lost = decimal(Fraction(spot.commit_ns + (spot.load_ns or 0), NS_PER_SECOND), 0)
        yield f"spot: {spot.per_hour} interruptions in an hour of a machine, assumed, each of which loses {lost} s"
    labour = made.serving.labour[-1]
    assumed = ", assumed" if labour.assumed else ""
    yield (
        f"people: {_hours(labour.maintenance_minutes)} a month and {_hours(labour.setup_minutes)} for the set-up at "
        f"{usd(labour.engineer_nano_per_hour)} an hour{assumed}"
    )
    if made.candidates:
        yield "candidates: tokens as the API's model counts them, without the reasoning that some of them add"
    for line in made.uncounted:
        yield f"not counted: {line}"


def _named(made: Made, part: ForecastPart) -> str:
    return f"{part.name}: " if len(made.parts) > 1 else ""


def _prompts(part: ForecastPart) -> str:
    lengths, counted = part.lengths, part.counted
    growth = f", {percent(part.ask.rate_of_growth)} more each month" if part.ask.growth else ""
    daily = f"{plural(part.ask.daily, 'record')} a day{growth}"
    if counted is None:
        return f"{part.name}: {decimal(lengths.input, 1)} tokens, answers {decimal(lengths.output, 1)} (as given); {daily}"
    many = f"{lengths.counted:,} of {counted.prompts:,}" if lengths.counted < counted.prompts else "all"
    margin = UNKNOWN if lengths.spread is None else f"{half_width(lengths.spread.input):,.1f}"
    answers = "counted" if part.output is None else part.output.basis
    left = f"; {plural(counted.left_out, 'row')} without text left out" if counted.left_out else ""
    which = f"{many} {plural(counted.prompts, 'prompt')}" if many == "all" else f"{many} prompts"
    return (
        f"{part.name}: {which} counted: {decimal(lengths.input, 1)} tokens ({PLUS_MINUS} {margin}); "
        f"answers {decimal(lengths.output, 1)} ({answers}){left}; {daily}"
    )


def _prefix(made: Made, part: ForecastPart) -> str:
    """Say who caches a shared prefix, and at what price."""
    cached = made.price.cached_input_nano_per_mtok
    if part.lengths.prefix < CACHED_FROM:
        api = f"not by the API, which caches from {CACHED_FROM:,} on"
    elif cached is None:
        api = "not by the API, which has no price for it"
    else:
        api = f"by the API at {rate(cached)} a million"
    return (
        f"{part.lengths.prefix:,} tokens of each request are a shared prefix, cached by the own engine; {api}"
    )


def _speed(part: ForecastPart) -> str:
    speed, error = part.speed.throughput, part.speed.error
    off = "" if error is None else f"; published runs differ by up to {error.factor:.2f} x"
    return (
        f"{decimal(Fraction(10**9) / Fraction(speed.input_ns), 0) if speed.input_ns else 'unlimited'} input and "
        f"{decimal(Fraction(10**9) / Fraction(speed.output_ns), 0) if speed.output_ns else 'unlimited'} output tokens "
        f"a second, {part.speed.basis}{off}"
    )


def _rate(one: ReferenceRate) -> str:
    mode = one.mode.replace("_", " ")
    if one.rate.nano_per_month is not None:
        return f"{mode} {rate(one.rate.nano_per_month)} a month ({one.source})"
    return f"{mode} {rate(one.rate.nano_per_hour)} an hour ({one.source})"


def _hours(minutes: int) -> str:
    return f"{decimal(Fraction(minutes, 60), 1)} h"
