"""A forecast as rows and as one document, for programs. Money is `Decimal` dollars; None is unknown."""

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from math import ceil, sqrt

from db.rows import to_dollars
from models.economics.figures_outlook import ApiWay, BreakEven
from models.economics.forecast import WAYS, ForecastMonth, OwnWay
from models.economics.month import ReferenceRate
from models.economics.quote import INTERVAL
from models.months import days_in
from tasks.forecast.make import ForecastPart, Made

COLUMNS = (
    *("month", "records", "input_tokens", "output_tokens", "api_sync_usd", "api_sync_margin_usd"),
    *("api_batch_usd", "reserved_usd", "on_demand_usd", "labour_usd", "gpus", "gpu_load"),
)
"""`api_sync_margin_usd`: half the 95 % interval. `labour_usd` is part of both ways of one's own. `gpu_load`: machines' worth."""
PLACES = 6


def month_rows(months: Iterable[ForecastMonth]) -> list[dict[str, object]]:
    """Return one row a month."""
    return [
        {
            "month": f"{month.month:%Y-%m}",
            "records": month.records,
            "input_tokens": month.tokens.input,
            "output_tokens": month.tokens.output,
            "api_sync_usd": to_dollars(month.api_sync_nano),
            "api_sync_margin_usd": to_dollars(month.margin_nano),
            "api_batch_usd": to_dollars(month.api_batch_nano),
            "reserved_usd": to_dollars(month.reserved_nano),
            "on_demand_usd": to_dollars(month.on_demand_nano),
            "labour_usd": to_dollars(month.labour_nano),
            "gpus": month.gpus,
            "gpu_load": number(month.load),
        }
        for month in months
    ]


def make_document(made: Made) -> dict[str, object]:
    """Return everything that is known of a forecast."""
    figures = made.figures
    totals = {f"{way}_usd": to_dollars(figures.totals[way]) for way in WAYS}
    return {
        "start": f"{figures.months[0].month:%Y-%m}",
        "months": month_rows(figures.months),
        "totals": {**totals, "api_sync_margin_usd": to_dollars(figures.margin_nano)},
        "setup_usd": to_dollars(figures.setup_nano),
        "cheapest": figures.cheapest,
        "break_even": [_break_even(made, *pair, found) for pair, found in figures.break_evens.items()],
        "workloads": [_workload(made, place, part) for place, part in enumerate(made.parts)],
        "api": {
            "model": made.price.model,
            "input_usd_per_mtok": to_dollars(made.price.input_nano_per_mtok),
            "output_usd_per_mtok": to_dollars(made.price.output_nano_per_mtok),
            "batch_discount": made.serving.batch_discount,
            "source": made.price.source,
        },
        "own": {
            "machine": made.machine.kind,
            "machine_chosen": made.machine.how,
            "model": made.model.name,
            "model_chosen": made.model.how,
            "load_seconds": number(Fraction(made.serving.load_ns, 10**9)),
            "load_basis": made.parts[0].speed.load_basis,
            "rates": [_rate(one) for one in list_rates(made)],
        },
    }


def list_rates(made: Made) -> list[ReferenceRate]:
    """Return the rates that are used: the first of each mode."""
    found: dict[str, ReferenceRate] = {}
    for one in made.serving.references:
        found.setdefault(one.mode, one)
    return list(found.values())


def records_a_day(made: Made, found: BreakEven) -> int | None:
    """Return the records a day at which a break-even lies, in the first month; None: nowhere."""
    return None if found.records is None else ceil(found.records / days_in(made.figures.months[0].month))


def half_width(variance: Fraction) -> float:
    """Return half of the 95 % interval of a mean with this variance."""
    return INTERVAL * sqrt(variance)


def number(value: Fraction) -> float:
    """Return a ratio as programs read it."""
    return round(float(value), PLACES)


def _break_even(made: Made, own: OwnWay, api: ApiWay, found: BreakEven) -> Mapping[str, object]:
    return {
        "own": own,
        "against": api,
        "fixed_usd": to_dollars(found.fixed_nano),
        "spend_usd": to_dollars(found.spend_nano),
        "factor": None if found.factor is None else number(found.factor),
        "records_a_day": records_a_day(made, found),
        "gpus": found.gpus,
        "first_month": _month(made.figures.first_month(own, api)),
        "paid_back": _month(made.figures.paid_back(own, api)),
    }


def _month(month: date | None) -> str | None:
    return None if month is None else f"{month:%Y-%m}"


def _workload(made: Made, place: int, part: ForecastPart) -> Mapping[str, object]:
    months = [month.workloads[place] for month in made.figures.months]
    spread, output = part.lengths.spread, part.output
    answers = "counted" if output is None else output.basis
    return {
        "name": part.name,
        "input": part.source,
        "daily": part.ask.daily,
        "growth": part.ask.growth,
        "prompts": part.counted.prompts,
        "counted": part.lengths.counted,
        "left_out": part.counted.left_out,
        "input_tokens_mean": number(part.lengths.input),
        "input_tokens_margin": None if spread is None else round(half_width(spread.input), PLACES),
        "output_tokens_mean": number(part.lengths.output),
        "output_tokens_margin": None if spread is None else round(half_width(spread.output), PLACES),
        "output_basis": answers,
        "speed_basis": part.speed.basis,
        "records": sum(month.records for month in months),
        "api_sync_usd": to_dollars(sum(month.api_sync_nano for month in months)),
        "gpu_hours": number(Fraction(sum(month.time.total_ns for month in months), 3600 * 10**9)),
    }


def _rate(one: ReferenceRate) -> Mapping[str, object]:
    return {
        "mode": one.mode,
        "usd_per_hour": to_dollars(one.rate.nano_per_hour),
        "usd_per_month": to_dollars(one.rate.nano_per_month),
        "source": one.source,
    }
