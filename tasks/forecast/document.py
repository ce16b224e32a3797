"""A forecast as rows and as one document, for programs. Money is `Decimal` dollars; None is unknown."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from math import sqrt

from db.rows import to_dollars
from models.economics.figures_outlook import ApiWay
from models.economics.forecast_answer import WayRange
from models.economics.forecast_break_even import MonthlyBreakEven
from models.economics.forecast_candidates import CandidateCosts
from models.economics.month import ReferenceRate
from models.economics.quote import INTERVAL
from models.economics.ways import HYBRIDS, PURE, OwnWay
from tasks.forecast.make import ForecastPart, Made

COLUMNS = (
    *("month", "records", "input_tokens", "output_tokens", "api_sync_usd", "api_sync_margin_usd"),
    *("api_batch_usd", "reserved_usd", "on_demand_usd", "spot_usd", "labour_usd", "gpus", "gpu_load"),
    *(f"{way.name}_usd" for way in HYBRIDS),
)
"""`api_sync_margin_usd`: half the 95 % interval. `labour_usd` is part of every way with a machine. `gpu_load`: machines' worth.

`reserved_80_api_batch_usd`: 80 % of the records on a reserved machine, the rest on the API in batches. After these,
each candidate has a column at once and one in batches.
"""
PLACES = 6


def columns_of(made: Made) -> tuple[str, ...]:
    """Return the columns of a row a month, those of the candidates among them."""
    return (*COLUMNS, *(name for one in made.candidates for name in _candidate_columns(one)))


def _candidate_columns(one: CandidateCosts) -> tuple[str, str]:
    return f"{one.candidate.name}_sync_usd", f"{one.candidate.name}_batch_usd"


def month_rows(made: Made) -> list[dict[str, object]]:
    """Return one row a month."""
    return [
        {
            "month": f"{month.month:%Y-%m}",
            "records": month.records,
            "input_tokens": month.tokens.input,
            "output_tokens": month.tokens.output,
            "api_sync_usd": to_dollars(month.api_sync_nano),
            "api_sync_margin_usd": to_dollars(month.margin_nano),
            "api_batch_usd": to_dollars(month.nano("api_batch")),
            "reserved_usd": to_dollars(month.nano("reserved")),
            "on_demand_usd": to_dollars(month.nano("on_demand")),
            "spot_usd": to_dollars(month.nano("spot")),
            "labour_usd": to_dollars(month.labour_nano),
            "gpus": month.gpus,
            "gpu_load": number(month.load),
            **{f"{way.name}_usd": to_dollars(month.nano(way.name)) for way in HYBRIDS},
            **_candidates_in(made, place),
        }
        for place, month in enumerate(made.figures.months)
    ]


def _candidates_in(made: Made, place: int) -> dict[str, object]:
    costs: dict[str, object] = {}
    for one in made.candidates:
        at_once, batch = _candidate_columns(one)
        costs[at_once] = to_dollars(one.api_sync_nano[place])
        costs[batch] = to_dollars(one.api_batch_nano[place])
    return costs


def make_document(made: Made) -> dict[str, object]:
    """Return everything that is known of a forecast."""
    figures = made.figures
    totals = {f"{way.name}_usd": to_dollars(figures.totals[way.name]) for way in PURE}
    return {
        "start": f"{figures.months[0].month:%Y-%m}",
        "answer": _answer(made),
        "ways": [_way(one) for one in made.answer.ways],
        "months": month_rows(made),
        "totals": {**totals, "api_sync_margin_usd": to_dollars(figures.margin_nano)},
        "setup_usd": to_dollars(figures.setup_nano),
        "cheapest": figures.cheapest.name,
        "break_even": [_break_even(made, *pair, found) for pair, found in made.break_evens.items()],
        "candidates": [_candidate(made, one) for one in made.candidates],
        "workloads": [_workload(made, place, part) for place, part in enumerate(made.parts)],
        "api": {
            "model": made.price.model,
            "input_usd_per_mtok": to_dollars(made.price.input_nano_per_mtok),
            "output_usd_per_mtok": to_dollars(made.price.output_nano_per_mtok),
            "batch_discount": made.serving.batch_discount,
            "source": made.price.source,
            "warnings": list(made.warnings),
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
        "not_counted": list(made.uncounted),
    }


def _answer(made: Made) -> Mapping[str, object]:
    """Return what to do: the cheapest way, against the cheapest of the other kind, and what the error leaves open."""
    answer = made.answer
    return {
        "way": answer.way.name,
        "total_usd": to_dollars(answer.total_nano),
        "against": None if answer.against is None else answer.against.name,
        "saving_usd": to_dollars(answer.saving_nano),
        "saving_low_usd": to_dollars(answer.low_nano),
        "saving_high_usd": to_dollars(answer.high_nano),
        "too_close_to_call": answer.close,
        "conditional_on": [made.model.name] if answer.way.own is not None else [],
    }


def _way(one: WayRange) -> Mapping[str, object]:
    return {
        "way": one.way.name,
        "kept": number(one.way.kept),
        "total_usd": to_dollars(one.nano),
        "low_usd": to_dollars(one.low_nano),
        "high_usd": to_dollars(one.high_nano),
        "gpus": one.gpus,
    }


def _candidate(made: Made, one: CandidateCosts) -> Mapping[str, object]:
    return {
        "name": one.candidate.name,
        "provider": one.candidate.provider,
        "model": one.candidate.model,
        "same_as_own": one in made.hosted,
        "sync_usd": to_dollars(one.total_sync_nano),
        "batch_usd": to_dollars(one.total_batch_nano),
        "source": one.candidate.prices[-1].source,
    }


def list_rates(made: Made) -> list[ReferenceRate]:
    """Return the rates that are used: the first of each mode."""
    found: dict[str, ReferenceRate] = {}
    for one in made.serving.references:
        found.setdefault(one.mode, one)
    return list(found.values())


def half_width(variance: Fraction) -> float:
    """Return half of the 95 % interval of a mean with this variance."""
    return INTERVAL * sqrt(variance)


def number(value: Fraction) -> float:
    """Return a ratio as programs read it."""
    return round(float(value), PLACES)


def _break_even(
    made: Made, own: OwnWay, api: ApiWay, months: Sequence[MonthlyBreakEven]
) -> Mapping[str, object]:
    first = months[0]
    found = first.found
    return {
        "own": own,
        "against": api,
        "fixed_usd": to_dollars(found.fixed_nano),
        "spend_usd": to_dollars(found.spend_nano),
        "factor": None if found.factor is None else number(found.factor),
        "records_a_day": first.daily(found.factor),
        "records_a_day_fast": first.daily(first.fast),
        "records_a_day_slow": first.daily(first.slow),
        "too_close_to_call": first.uncertain,
        "never": found.never,
        "gpus": found.gpus,
        "first_month": _month(made.figures.first_month(own, api)),
        "paid_back": _month(made.figures.paid_back(own, api)),
        "by_month": [
            {
                "month": _month(one.month),
                "records_a_day": one.daily(one.found.factor),
                "spend_usd": to_dollars(one.found.spend_nano),
            }
            for one in months
        ],
    }


def _month(month: date | None) -> str | None:
    return None if month is None else f"{month:%Y-%m}"


def _workload(made: Made, place: int, part: ForecastPart) -> Mapping[str, object]:
    months = [month.workloads[place] for month in made.figures.months]
    spread, output = part.lengths.spread, part.output
    answers = "as given" if part.counted is None else "counted" if output is None else output.basis
    return {
        "name": part.name,
        "input": part.source,
        "daily": part.ask.daily,
        "growth": part.ask.growth,
        "prompts": None if part.counted is None else part.counted.prompts,
        "counted": part.lengths.counted,
        "left_out": None if part.counted is None else part.counted.left_out,
        "shared_prefix": part.lengths.prefix,
        "input_tokens_mean": number(part.lengths.input),
        "input_tokens_margin": None if spread is None else round(half_width(spread.input), PLACES),
        "output_tokens_mean": number(part.lengths.output),
        "output_tokens_margin": None if spread is None else round(half_width(spread.output), PLACES),
        "output_basis": answers,
        "speed_basis": part.speed.basis,
        "speed_error": None if part.speed.error is None else round(part.speed.error.factor, 2),
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
