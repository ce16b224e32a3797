"""The inputs of a forecast: opened, held against each other, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tiktoken

from db import throughput as ledger
from models.default_model import model_name
from models.economics.demand import Lengths
from models.engines.api.token_count import ApiTokenCounter
from models.errors import UsageError
from models.settings import Settings
from models.tokens import ChatTokenCounter
from models.workloads import Workload, build
from tasks.forecast.ask import WorkloadAsk
from tasks.forecast.own_machine import OwnModel
from tasks.forecast.prompts import CountedPrompts, RequestCounter, count_prompts, prompt_source, render_as_is
from tasks.forecast.token_counts import TextCounter
from tasks.planning.adapter_in_force import use_adapter
from tasks.reading.source import Source

NUMBERS = "records"
"""Name of a workload that has bare numbers and none of its own."""


@dataclass(frozen=True, slots=True)
class OpenedInput:
    """One workload with its input opened, before anything is counted; `source` None: it has none, but bare numbers."""

    name: str
    ask: WorkloadAsk
    workload: Workload | None
    source: Source | None

    @property
    def batches(self) -> bool:
        """Whether its answers may take a day."""
        return self.workload is None or self.workload.settings.batch_acceptable is not False

    @property
    def may_leave(self) -> bool:
        """Whether its records may go to an API."""
        return self.workload is None or self.workload.residency != "local"


def open_inputs(
    asks: Sequence[WorkloadAsk], settings: Settings, named: str | None = None
) -> list[OpenedInput]:
    """Open every input. Raises `UsageError` where two workloads have one name. `named`: the own model, where one is asked for."""
    found = [_opened(ask, settings, named) for ask in asks]
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        msg = f"two workloads are called {twice}; give each a name of its own"
        raise UsageError(msg)
    return found


def _opened(ask: WorkloadAsk, settings: Settings, named: str | None) -> OpenedInput:
    if ask.input_tokens is not None:
        return OpenedInput(ask.name or NUMBERS, ask, None, None)
    if ask.workload is None:
        location = ask.input or ""
        source = prompt_source(location, ask.column, ask.where, ask.output_column)
        return OpenedInput(ask.name or Path(location).name, ask, None, source)
    workload = build(ask.workload, settings if named else use_adapter(settings, ask.workload, loaded=False))
    if workload.settings.query and ask.input is None:
        msg = f"{workload.name} reads a query, date by date; give a file of its prompts with --input"
        raise UsageError(msg)
    source = Source.of(
        workload.settings, workload.text_columns, workload=workload.name, location=ask.input, where=ask.where
    )
    if ask.column:
        source = replace(source, text_columns=ask.column, template=None)
    plain = prompt_source(source.location or "", source.text_columns, source.where, ask.output_column)
    plain = replace(plain, template=source.template, max_text_chars=source.max_text_chars)
    return OpenedInput(ask.name or workload.name, ask, workload, plain)


def runs_like(one: OpenedInput, model: OwnModel, settings: Settings) -> ledger.HistoryFilter:
    """Say which runs tell of a workload: those with its prompt, or of a plain prompt those with any."""
    if one.workload is None:
        return ledger.HistoryFilter(None, None, model.in_ledger, "", settings.api_model)
    own = one.workload
    return ledger.HistoryFilter(own.name, own.fingerprint, model.in_ledger, "", settings.api_model)


def for_own_model(settings: Settings, asked: Sequence[OpenedInput], named: str | None) -> Settings:
    """Return the settings of the model that serves all that is asked for, an adapter in force on it. Raises `UsageError` where there are several."""
    every = {model_name(one): one for one in (_answering(settings, it.workload, named) for it in asked)}
    if len(every) > 1 and named is None:
        msg = (
            f"these workloads have several models ({', '.join(sorted(every))}): forecast them one by one, or name one "
            "with --local-model"
        )
        raise UsageError(msg)
    return next(iter(every.values())) if len(every) == 1 else settings


def _answering(settings: Settings, workload: Workload | None, named: str | None) -> Settings:
    if workload is None:
        return settings
    return (
        settings.for_workload(workload.name) if named else use_adapter(settings, workload.name, loaded=False)
    )


def lengths_here(one: OpenedInput, lengths: Lengths, counter: ApiTokenCounter) -> Lengths:
    """Return the lengths as the own model reads them, by the API's tokenizer: less what an adapter with a prompt of its own is spared."""
    if one.workload is None:
        return lengths
    full, own = one.workload.messages(""), one.workload.local_messages("")
    spared = 0 if own == full else counter.chat.input_tokens(full) - counter.chat.input_tokens(own)
    return replace(lengths, input=lengths.input - spared, prefix=max(0, lengths.prefix - spared))


def _counter(
    one: OpenedInput, tokenizer: tiktoken.Encoding, texts: TextCounter, settings: Settings
) -> RequestCounter:
    """Make what counts an input's requests, as they go over the wire to the API."""
    on_wire = ApiTokenCounter(ChatTokenCounter(lambda: tokenizer), settings.api_structured_output)
    if one.workload is None:
        return RequestCounter(on_wire, texts, render_as_is)
    return RequestCounter(on_wire, texts, one.workload.messages, one.workload.output_format)


def count_inputs(
    asked: Sequence[OpenedInput], sample: int | None, settings: Settings, tokenizer: tiktoken.Encoding
) -> list[CountedPrompts | None]:
    """Count the prompts of each input, or of `sample` of them; None for bare numbers."""
    with TextCounter(tokenizer) as texts:
        return [
            None
            if one.source is None
            else count_prompts(
                one.source,
                _counter(one, tokenizer, texts, settings),
                answer_column=one.ask.output_column,
                sample=sample,
                seed=settings.seed,
            )
            for one in asked
        ]
