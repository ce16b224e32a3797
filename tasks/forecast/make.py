"""From what is asked to figures: prompts counted, prices and speeds looked up, twelve months summed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import tiktoken
from sqlalchemy.orm import Session

from db import infrastructure
from db import throughput as ledger
from models.catalogue.assumed_terms import labour_terms
from models.default_model import model_name
from models.economics.demand import Demand, Lengths
from models.economics.forecast import Forecast, Serving, forecast
from models.economics.owning import EnteredTerms, Labour
from models.economics.pricing import Price, price_on, prices_of
from models.economics.throughput import OutputLength, measure_api_output
from models.errors import UsageError
from models.months import next_month, parse_month
from models.settings import Settings
from models.tokens import ChatTokenCounter, load_encoding
from models.workloads import Workload, build
from models.workloads.answer_length import assume_plain_output, assumed_api_output
from tasks.forecast.ask import ForecastAsk, WorkloadAsk
from tasks.forecast.own_machine import (
    Machine,
    OwnModel,
    ServingSpeed,
    choose_machine,
    choose_model,
    rates_of,
    speed_of,
)
from tasks.forecast.prompts import CountedPrompts, RequestCounter, count_prompts, prompt_source, render_as_is
from tasks.forecast.token_counts import TextCounter
from tasks.reading.source import Source
from tasks.runtime.ledger_access import ledger_if_any


@dataclass(frozen=True, slots=True)
class ForecastPart:
    """One workload as it was asked for: its input, what was counted of it, and how fast it is served.

    `output`: the length of an answer where answers were not counted.
    """

    name: str
    ask: WorkloadAsk
    source: str
    counted: CountedPrompts
    output: OutputLength | None
    lengths: Lengths
    speed: ServingSpeed


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast and all that it stands on. `price`: the API model's on the first day."""

    figures: Forecast
    parts: tuple[ForecastPart, ...]
    price: Price
    serving: Serving
    machine: Machine
    model: OwnModel


@dataclass(frozen=True, slots=True)
class _Asked:
    """One workload with its input opened, before anything is counted."""

    name: str
    ask: WorkloadAsk
    workload: Workload | None
    source: Source


def make_forecast(ask: ForecastAsk, settings: Settings) -> Made:
    """Count, look up and sum up. What can be wrong is found before anything is counted, as far as it can be.

    Raises `UsageError` and its kinds: an input without prompts or without the column, an unknown model, GPU or
    workload, a month that is none, a price that nobody knows. `DatabaseUnavailable` for a ledger that is away.
    """
    settings, tokenizer = _for_api_model(settings, ask.model)
    start = next_month(datetime.now(UTC).date()) if ask.start is None else parse_month(ask.start)
    prices = tuple(prices_of(settings))
    price = price_on(prices, start)
    asked = _asked(ask.workloads, settings)
    model = choose_model(_for_own_model(settings, asked, ask.local_model), ask.local_model)
    likes = [_like(one, model, settings) for one in asked]
    with ledger_if_any(settings) as session:
        machine = choose_machine(settings, ask.gpu, session, [like for like in likes if like.workload])
        terms, labour = _entered(session)
    rates = rates_of(settings, machine, terms)
    counted = _count(asked, ask.sample or None, settings, tokenizer)
    with ledger_if_any(settings) as session:
        parts = tuple(
            _part(one, found, replace(like, machine=machine.kind), session, machine, model, tokenizer)
            for one, found, like in zip(asked, counted, likes, strict=True)
        )
    load_ns = max(part.speed.load_ns for part in parts)
    people = tuple(labour_terms(labour, settings))
    serving = Serving(machine.kind, load_ns, rates, people, settings.batch_discount)
    demands = [
        Demand(
            part.name,
            part.ask.daily,
            part.ask.rate_of_growth,
            part.lengths,
            prices,
            part.speed.throughput,
        )
        for part in parts
    ]
    return Made(forecast(start, demands, serving), parts, price, serving, machine, model)


def _for_api_model(settings: Settings, model: str | None) -> tuple[Settings, tiktoken.Encoding]:
    """Return the settings for an API model and its tokenizer; prices of the settings' own model are not another's."""
    if model is None or model == settings.api_model:
        return settings, load_encoding(settings.api_tokenizer or settings.api_model, settings.cache_dir)
    prices = ("api_input_usd_per_mtok", "api_cached_input_usd_per_mtok", "api_output_usd_per_mtok")
    settings = settings.model_copy(update={"api_model": model, **dict.fromkeys(prices)})
    prices_of(settings)  # a model without a price is found before one without a tokenizer
    try:
        return settings, load_encoding(model, settings.cache_dir)
    except UsageError:
        if settings.api_tokenizer is None:
            raise
        return settings, load_encoding(settings.api_tokenizer, settings.cache_dir)


def _for_own_model(settings: Settings, asked: Sequence[_Asked], named: str | None) -> Settings:
    """Return the settings of the model that serves all that is asked for. Raises `UsageError` where there are several."""
    every = {
        model_name(one): one
        for one in (
            settings if it.workload is None else settings.for_workload(it.workload.name) for it in asked
        )
    }
    if len(every) > 1 and named is None:
        msg = (
            f"these workloads have several models ({', '.join(sorted(every))}): forecast them one by one, or name one "
            "with --local-model"
        )
        raise UsageError(msg)
    return next(iter(every.values())) if len(every) == 1 else settings


def _asked(asks: Sequence[WorkloadAsk], settings: Settings) -> list[_Asked]:
    """Open every input. Raises `UsageError` where two workloads have one name."""
    found = [_opened(ask, settings) for ask in asks]
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        msg = f"two workloads are called {twice}; give each a name of its own"
        raise UsageError(msg)
    return found


def _opened(ask: WorkloadAsk, settings: Settings) -> _Asked:
    if ask.workload is None:
        location = ask.input or ""
        source = prompt_source(location, ask.column, ask.where, ask.output_column)
        return _Asked(ask.name or Path(location).name, ask, None, source)
    workload = build(ask.workload, settings)
    if workload.settings.query and ask.input is None:
        msg = f"{workload.name} reads a query, date by date; give a file of its prompts with --input"
        raise UsageError(msg)
    source = Source.of(
        workload.settings, workload.text_columns, workload=workload.name, location=ask.input, where=ask.where
    )
    if ask.column:
        source = replace(source, text_columns=ask.column, template=None)
    plain = prompt_source(source.location or "", source.text_columns, source.where, ask.output_column)
    return _Asked(ask.name or workload.name, ask, workload, replace(plain, template=source.template))


def _like(one: _Asked, model: OwnModel, settings: Settings) -> ledger.HistoryFilter:
    """Say which runs tell of a workload: those with its prompt, or of a plain prompt those with any."""
    if one.workload is None:
        return ledger.HistoryFilter(None, None, model.in_ledger, "", settings.api_model)
    own = one.workload
    return ledger.HistoryFilter(own.name, own.fingerprint, model.in_ledger, "", settings.api_model)


def _count(
    asked: Sequence[_Asked], sample: int | None, settings: Settings, tokenizer: tiktoken.Encoding
) -> list[CountedPrompts]:
    with TextCounter(tokenizer) as texts:
        return [
            count_prompts(
                one.source,
                RequestCounter(
                    tokenizer, texts, render_as_is if one.workload is None else one.workload.messages
                ),
                answer_column=one.ask.output_column,
                sample=sample,
                seed=settings.seed,
            )
            for one in asked
        ]


def _part(
    one: _Asked,
    counted: CountedPrompts,
    like: ledger.HistoryFilter,
    session: Session | None,
    machine: Machine,
    model: OwnModel,
    tokenizer: tiktoken.Encoding,
) -> ForecastPart:
    output = None if counted.outputs is not None else _output(one, like, session, tokenizer)
    lengths = Lengths.of(counted.inputs, output or counted.outputs or ())
    speed = speed_of(machine, model, lengths, one.ask.daily, like, session)
    return ForecastPart(one.name, one.ask, one.source.name, counted, output, lengths, speed)


def _output(
    one: _Asked, like: ledger.HistoryFilter, session: Session | None, tokenizer: tiktoken.Encoding
) -> OutputLength:
    """Return the length of an answer: as given, else as earlier runs had it, else assumed."""
    if one.ask.output_tokens is not None:
        return OutputLength(one.ask.output_tokens, 1, "as given")
    if one.workload is None:
        return assume_plain_output()
    earlier = [] if session is None else ledger.list_earlier_runs(session, like, any_machine=True)
    return measure_api_output(earlier) or assumed_api_output(
        one.workload, ChatTokenCounter(lambda: tokenizer)
    )


def _entered(session: Session | None) -> tuple[list[EnteredTerms], list[Labour]]:
    """Return what was entered of machines and of people's time."""
    if session is None:
        return [], []
    return (
        [entry.what for entry in infrastructure.list_entries(session, EnteredTerms)],
        [entry.what for entry in infrastructure.list_entries(session, Labour)],
    )
