"""A forecast for people: a table of months and the sentences below it; and what it stands on."""

from collections.abc import Iterator
from fractions import Fraction

from models.economics.figures_outlook import ApiWay
from models.economics.forecast import WAYS, OwnWay, Way
from models.economics.month import ReferenceRate
from models.months import days_in
from tasks.display.table_layout import Column
from tasks.documents.amounts import UNKNOWN, decimal, hours, percent, plural, rate, usd
from tasks.forecast.document import half_width, list_rates, records_a_day
from tasks.forecast.make import ForecastPart, Made

IN_WORDS: dict[Way, str] = {
    "api_sync": "the API at once",
    "api_batch": "the API in batches",
    "reserved": "your own machine, reserved",
    "on_demand": "your own machine, on demand",
}
COLUMNS: dict[Way, str] = {
    "api_sync": "API, at once",
    "api_batch": "API, in batches",
    "reserved": "Own, reserved",
    "on_demand": "Own, on demand",
}
APIS: tuple[ApiWay, ...] = ("api_sync", "api_batch")
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def make_table(made: Made) -> list[Column]:
    """Return the columns of a table of the months, with their sums below."""
    figures = made.figures
    months = figures.months
    records = sum(month.records for month in months)
    tokens = sum(month.tokens.total for month in months)
    return [
        Column("month", tuple(f"{month.month:%Y-%m}" for month in months), f"{len(months)} months"),
        Column("records", tuple(f"{month.records:,}" for month in months), f"{records:,}", right=True),
        Column(
            "tokens", tuple(f"{month.tokens.total:,}" for month in months), f"{tokens:,}", right=True, spare=1
        ),
        *(
            Column(
                COLUMNS[way],
                tuple(usd(month.nano(way)) for month in months),
                usd(figures.totals[way]),
                right=True,
            )
            for way in WAYS
        ),
        Column("GPUs", tuple(str(month.gpus) for month in months), right=True, spare=0),
    ]


def list_sentences(made: Made) -> Iterator[str]:
    """Yield what the figures say."""
    figures, first = made.figures, made.figures.months[0]
    day = Fraction(first.api_sync_nano, days_in(first.month))
    interval = "unknown from one prompt" if figures.margin_nano is None else usd(figures.margin_nano)
    yield (
        f"The API at once costs {usd(round(day))} a day in the first month, and {usd(figures.totals['api_sync'])} in "
        f"{len(figures.months)} months ({PLUS_MINUS} {interval}, 95% interval of the mean length)."
    )
    for own in ("reserved", "on_demand"):
        yield " ".join(_own(made, own))
    setup = f", the set-up of {usd(figures.setup_nano)} included" if figures.setup_nano else ""
    yield f"Cheapest in {len(figures.months)} months{setup}: {IN_WORDS[figures.cheapest]}."


def _own(made: Made, own: OwnWay) -> Iterator[str]:
    """Yield sentences on one way of one's own: where it begins to pay, and when the set-up is paid back."""
    figures = made.figures
    against_sync = figures.break_evens[own, "api_sync"]
    name = IN_WORDS[own]
    if against_sync.fixed_nano is None:
        yield f"{name.capitalize()}: its rate is not known."
        return
    yield f"{name.capitalize()}, costs {usd(against_sync.fixed_nano)} a month before the first record."
    for api in APIS:
        yield _begins(made, own, api)
    cheaper = [(api, figures.first_month(own, api)) for api in APIS]
    if begins := [f"{IN_WORDS[api]} in {month:%Y-%m}" for api, month in cheaper if month is not None]:
        yield f"As asked, it first costs less than {' and than '.join(begins)}."
    paid = [(api, figures.paid_back(own, api)) for api in APIS]
    against = [f"against {IN_WORDS[api]} in {month:%Y-%m}" for api, month in paid if month is not None]
    if against and figures.setup_nano:
        yield f"The set-up of {usd(figures.setup_nano)} is paid back {' and '.join(against)}."


def _begins(made: Made, own: OwnWay, api: ApiWay) -> str:
    found = made.figures.break_evens[own, api]
    daily = records_a_day(made, found)
    if daily is None or found.gpus is None:
        return f"It never pays against {IN_WORDS[api]}: a record costs less there, however many there are."
    machines = "" if found.gpus == 1 else f", with {plural(found.gpus, 'GPU')}"
    return (
        f"It pays against {IN_WORDS[api]} from {plural(daily, 'record')} a day "
        f"({usd(found.spend_nano)} a month there{machines})."
    )


def list_basis(made: Made) -> Iterator[str]:
    """Yield what the figures stand on, what is assumed among it."""
    for part in made.parts:
        yield _prompts(part)
    price = made.price
    discount = percent(Fraction(made.serving.batch_discount))
    yield (
        f"API: {price.model}, {rate(price.input_nano_per_mtok)} in and {rate(price.output_nano_per_mtok)} out for a "
        f"million tokens ({price.source}); {discount} less in batches"
    )
    yield f"model: {made.model.name} ({made.model.how}), taken to see the tokens that the API counts"
    yield f"machine: {made.machine.kind} ({made.machine.how}); {'; '.join(map(_rate, list_rates(made)))}"
    for part in made.parts:
        yield f"speed: {_named(made, part)}{_speed(part)}"
    load = made.serving.load_ns
    yield f"load: once a day, {hours(load)} ({made.parts[0].speed.load_basis})"
    labour = made.serving.labour[-1]
    assumed = ", assumed" if labour.assumed else ""
    yield (
        f"people: {_hours(labour.maintenance_minutes)} a month and {_hours(labour.setup_minutes)} for the set-up at "
        f"{usd(labour.engineer_nano_per_hour)} an hour{assumed}"
    )


def _named(made: Made, part: ForecastPart) -> str:
    return f"{part.name}: " if len(made.parts) > 1 else ""


def _prompts(part: ForecastPart) -> str:
    lengths, counted = part.lengths, part.counted
    many = f"{lengths.counted:,} of {counted.prompts:,}" if lengths.counted < counted.prompts else "all"
    margin = UNKNOWN if lengths.spread is None else f"{half_width(lengths.spread.input):,.1f}"
    answers = "counted" if part.output is None else part.output.basis
    left = f"; {plural(counted.left_out, 'row')} without text left out" if counted.left_out else ""
    growth = f", {percent(part.ask.rate_of_growth)} more each month" if part.ask.growth else ""
    which = f"{many} {plural(counted.prompts, 'prompt')}" if many == "all" else f"{many} prompts"
    return (
        f"{part.name}: {which} counted: {decimal(lengths.input, 1)} tokens ({PLUS_MINUS} {margin}); "
        f"answers {decimal(lengths.output, 1)} ({answers}){left}; {plural(part.ask.daily, 'record')} a day{growth}"
    )


def _speed(part: ForecastPart) -> str:
    speed = part.speed.throughput
    return (
        f"{decimal(Fraction(10**9) / Fraction(speed.input_ns), 0) if speed.input_ns else 'unlimited'} input and "
        f"{decimal(Fraction(10**9) / Fraction(speed.output_ns), 0) if speed.output_ns else 'unlimited'} output tokens "
        f"a second, {part.speed.basis}"
    )


def _rate(one: ReferenceRate) -> str:
    mode = "on demand" if one.mode == "on_demand" else "reserved"
    if one.rate.nano_per_month is not None:
        return f"{mode} {rate(one.rate.nano_per_month)} a month ({one.source})"
    return f"{mode} {rate(one.rate.nano_per_hour)} an hour ({one.source})"


def _hours(minutes: int) -> str:
    return f"{decimal(Fraction(minutes, 60), 1)} h"
