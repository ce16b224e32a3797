"""From what is asked to figures: prompts counted, prices and speeds looked up, twelve months summed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

import tiktoken
from sqlalchemy.orm import Session

from db import infrastructure
from db import throughput as ledger
from models.catalogue.assumed_terms import labour_terms
from models.catalogue.entries import ModelEntry, names_entry
from models.catalogue.model_ends import find_end
from models.economics.candidates import Candidate, candidates_of
from models.economics.demand import Demand, Lengths
from models.economics.forecast import Forecast, forecast
from models.economics.forecast_answer import ForecastAnswer, find_answer
from models.economics.forecast_break_even import BreakEvens, find_break_evens
from models.economics.forecast_candidates import CandidateCosts, cost_candidates
from models.economics.month import ReferenceRate
from models.economics.owning import EnteredTerms, Labour
from models.economics.pricing import Price, price_on, prices_of
from models.economics.projection import Serving
from models.economics.spot_basis import SpotBasis
from models.economics.throughput import OutputLength, measure_api_output
from models.engines.api.answer_length import assume_plain_output, assumed_api_output
from models.engines.api.families import choose_effort, find_family
from models.engines.api.token_count import ApiTokenCounter
from models.errors import UsageError
from models.gpu_time import NS_PER_SECOND
from models.months import next_month, parse_month
from models.settings import Settings
from models.tokens import ChatTokenCounter, load_encoding
from tasks.forecast.ask import ForecastAsk, WorkloadAsk
from tasks.forecast.inputs import (
    OpenedInput,
    count_inputs,
    for_own_model,
    lengths_here,
    open_inputs,
    runs_like,
)
from tasks.forecast.own_machine import Machine, OwnModel, choose_machine, choose_model, rates_of
from tasks.forecast.prompts import CountedPrompts
from tasks.forecast.serving_speed import EngineLimits, ServingSpeed, find_speed
from tasks.forecast.uncounted import list_uncounted
from tasks.runtime.ledger_access import ledger_if_any


@dataclass(frozen=True, slots=True)
class ForecastPart:
    """One workload as it was asked for: its input, what was counted of it, and how fast it is served.

    `counted` None: its lengths are bare numbers. `output`: the length of an answer where answers were not
    counted.
    """

    opened: OpenedInput
    counted: CountedPrompts | None
    output: OutputLength | None
    lengths: Lengths
    speed: ServingSpeed
    local_input: Fraction

    @property
    def name(self) -> str:
        """Name in the output."""
        return self.opened.name

    @property
    def ask(self) -> WorkloadAsk:
        """What was asked for."""
        return self.opened.ask

    @property
    def source(self) -> str | None:
        """Name of its input."""
        return None if self.opened.source is None else self.opened.source.name


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast and all that it stands on. `price`: the API model's on the first day.

    `warnings`: what will not hold for all months. `uncounted`: settings that do not count, each with its reason.
    """

    figures: Forecast
    answer: ForecastAnswer
    break_evens: BreakEvens
    candidates: tuple[CandidateCosts, ...]
    parts: tuple[ForecastPart, ...]
    price: Price
    serving: Serving
    machine: Machine
    model: OwnModel
    warnings: tuple[str, ...]
    uncounted: tuple[str, ...]

    @property
    def hosted(self) -> tuple[CandidateCosts, ...]:
        """The candidates that are the own model, hosted by someone else."""
        own = self.model.entry
        return tuple(one for one in self.candidates if own is not None and _is_model(one.candidate, own))


def make_forecast(ask: ForecastAsk, settings: Settings) -> Made:
    """Count, look up and sum up. What can be wrong is found before anything is counted, as far as it can be.

    Raises `UsageError` and its kinds: an input without prompts or without the column, an unknown model, GPU or
    workload, a month that is none, a price that nobody knows. `DatabaseUnavailable` for a ledger that is away.
    """
    given = settings
    settings, tokenizer = _for_api_model(settings, ask.model)
    today = datetime.now(UTC).date()
    start = next_month(today) if ask.start is None else parse_month(ask.start)
    prices = tuple(prices_of(settings))
    price_on(prices, start)  # what has no price is found before anything is counted
    asked = open_inputs(ask.workloads, settings, named=ask.local_model)
    model = choose_model(for_own_model(settings, asked, ask.local_model), ask.local_model)
    likes = [runs_like(one, model, settings) for one in asked]
    with ledger_if_any(settings) as session:
        machine = choose_machine(settings, ask.gpu, session, [like for like in likes if like.workload])
        terms, labour = _entered(session)
    rates = rates_of(settings, machine, terms)
    counter = ApiTokenCounter(ChatTokenCounter(lambda: tokenizer), settings.api_structured_output)
    counted = count_inputs(asked, ask.sample or None, settings, tokenizer)
    parts = _serve(asked, counted, likes, machine, model, settings, counter)
    serving = _serving(machine, rates, labour, parts, settings)
    figures = forecast(start, [_demand(part, prices, at_once=ask.at_once) for part in parts], serving)
    uncounted = _uncounted(for_own_model(given, asked, ask.local_model), ask, machine, model, parts)
    return Made(
        figures=figures,
        answer=find_answer(figures),
        break_evens=find_break_evens(figures),
        candidates=cost_candidates(figures, candidates_of(settings, today)),
        parts=parts,
        price=price_on(prices, start),
        serving=serving,
        machine=machine,
        model=model,
        warnings=tuple(_warn_of_end(settings.api_model, figures)),
        uncounted=tuple(uncounted),
    )


def _serve(
    asked: Sequence[OpenedInput],
    counted: Sequence[CountedPrompts | None],
    likes: Sequence[ledger.HistoryFilter],
    machine: Machine,
    model: OwnModel,
    settings: Settings,
    counter: ApiTokenCounter,
) -> tuple[ForecastPart, ...]:
    """Say how long the answers of each workload are, and how fast the model serves it on the machine."""
    limits = EngineLimits.of(settings)
    on_machine = [replace(like, machine=machine.kind) for like in likes]
    with ledger_if_any(settings) as session:
        return tuple(
            _part(one, found, like, session, machine, model, limits, counter)
            for one, found, like in zip(asked, counted, on_machine, strict=True)
        )


def _serving(
    machine: Machine,
    rates: tuple[ReferenceRate, ...],
    labour: Sequence[Labour],
    parts: Sequence[ForecastPart],
    settings: Settings,
) -> Serving:
    """Say what serves all of them: one machine, whose load is the longest of theirs."""
    load_ns = max(part.speed.load_ns for part in parts)
    people = tuple(labour_terms(labour, settings))
    commit_ns = round(settings.commit_seconds * NS_PER_SECOND)
    spot = SpotBasis(settings.spot.interruptions_per_hour, commit_ns, load_ns=load_ns)
    known = any(one.mode == "spot" for one in rates)
    return Serving(machine.kind, load_ns, rates, people, settings.batch_discount, spot if known else None)


def _demand(part: ForecastPart, prices: tuple[Price, ...], *, at_once: bool) -> Demand:
    error = part.speed.error
    fast, slow = (1.0, 1.0) if error is None else (1 / error.fastest, 1 / error.slowest)
    return Demand(
        name=part.name,
        daily=part.ask.daily,
        growth=part.ask.rate_of_growth,
        lengths=part.lengths,
        prices=prices,
        speed=part.speed.throughput,
        batches=part.opened.batches and not at_once,
        may_leave=part.opened.may_leave,
        times=(Fraction(fast), Fraction(slow)),
        local_input=part.local_input,
    )


def _is_model(candidate: Candidate, own: ModelEntry) -> bool:
    """Whether a candidate is this model, by the last part of the name that people give it or of its seller's."""
    return any(names_entry(name.rpartition("/")[2], own) for name in (candidate.name, candidate.model))


def _warn_of_end(model: str, figures: Forecast) -> Iterator[str]:
    """Say that the API's model ends before the last month is over."""
    end = find_end(model)
    if end is not None and end.ends_on < next_month(figures.months[-1].month):
        successor = (
            "" if end.successor is None else f"; its successor: {end.successor} (--model {end.successor})"
        )
        yield f"{model} leaves its API on {end.ends_on}, before these months are over{successor} ({end.source})"


def _uncounted(
    settings: Settings, ask: ForecastAsk, machine: Machine, model: OwnModel, parts: Sequence[ForecastPart]
) -> Iterator[str]:
    estimated = any(part.speed.error is not None for part in parts)
    yield from list_uncounted(settings, ask.model, machine, model, estimated=estimated)
    asked = ask.model or settings.api_model
    family, effort = find_family(asked), choose_effort(asked, settings.api_reasoning_effort)
    if family is not None and family.reasons and effort != "none":
        yield f"reasoning of {asked} (effort {effort or 'its own'}): it is billed as output, and known from runs only"
    for part in parts:
        if part.opened.workload is not None and part.opened.workload.settings.policy is not None:
            yield f"the policy of {part.name}: what it sends to the API shows in runs; the ways with 60 to 95% kept are beside"


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


def _part(
    one: OpenedInput,
    counted: CountedPrompts | None,
    like: ledger.HistoryFilter,
    session: Session | None,
    machine: Machine,
    model: OwnModel,
    limits: EngineLimits,
    counter: ApiTokenCounter,
) -> ForecastPart:
    output = None
    if counted is None:
        lengths = Lengths.given(one.ask.input_tokens or 0, one.ask.output_tokens or 0, one.ask.shared_prefix)
    else:
        output = None if counted.outputs is not None else _output(one, like, session, counter)
        lengths = Lengths.of(counted.inputs, output or counted.outputs or ())
        if one.ask.shared_prefix > min(counted.inputs):
            msg = f"a shared_prefix of {one.ask.shared_prefix:,} tokens does not fit the shortest of {one.name}: {min(counted.inputs):,}"
            raise UsageError(msg)
        lengths = replace(lengths, prefix=one.ask.shared_prefix or _cached(one, counter))
    here = lengths_here(one, lengths, counter)
    speed = find_speed(machine, model, limits, here, like, session)
    return ForecastPart(one, counted, output, lengths, speed, here.input)


def _cached(one: OpenedInput, counter: ApiTokenCounter) -> int:
    """Return how many tokens of a workload's prompt the API has in its cache; those of plain prompts are not known."""
    if one.workload is None:
        return 0
    return counter.cached_tokens(one.workload.messages(""), one.workload.output_format)


def _output(
    one: OpenedInput, like: ledger.HistoryFilter, session: Session | None, counter: ApiTokenCounter
) -> OutputLength:
    """Return the length of an answer: as given, else as earlier runs had it, else assumed."""
    if one.ask.output_tokens is not None:
        return OutputLength(one.ask.output_tokens, 1, "as given")
    if one.workload is None:
        return assume_plain_output()
    earlier = [] if session is None else ledger.list_earlier_runs(session, like, any_machine=True)
    return measure_api_output(earlier) or assumed_api_output(one.workload, counter)


def _entered(session: Session | None) -> tuple[list[EnteredTerms], list[Labour]]:
    """Return what was entered of machines and of people's time."""
    if session is None:
        return [], []
    return (
        [entry.what for entry in infrastructure.list_entries(session, EnteredTerms)],
        [entry.what for entry in infrastructure.list_entries(session, Labour)],
    )
