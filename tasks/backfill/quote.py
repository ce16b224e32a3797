"""Quotes partitions before they are run: their records counted, priced by today's prices and earlier runs."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from statistics import median

from sqlalchemy.orm import Session

from db import calibration
from db import throughput as ledger
from models.default_model import is_default, uses_server
from models.default_model import prepare as prepare_default_model
from models.economics.calibration import TokenCalibration
from models.economics.pricing import batch_prices, cost_nano, price_on
from models.economics.quote import Estimate, PartitionQuote, Sent, empty_quote, estimate_total
from models.economics.throughput import (
    OutputLength,
    Throughput,
    fit_throughput,
    measure_api_output,
    measure_output,
)
from models.engines.api.answer_length import assumed_api_output
from models.engines.api.token_count import ApiTokenCounter, is_cached_by_itself
from models.engines.server.token_estimate import EstimatedModel, EstimatedTokenizer
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.tokenizer import LocalModel, load_local_model
from models.gpu_time import GpuTime
from models.machine import gpu_name
from models.records import Quarantined
from models.requests import Choice, Usage
from models.routing import rules
from models.run import RunResult
from models.settings import Settings
from models.tokens import ChatTokenCounter
from models.workloads.base import Workload
from tasks.backfill.already_done import Begun, open_begun
from tasks.backfill.distinct_sample import TextSample
from tasks.backfill.in_shards import sharded_work
from tasks.backfill.prompt_counter import PromptCounter, TextTokens
from tasks.planning.checks import Checked, check
from tasks.planning.history import history_filter, is_paid_by_use
from tasks.planning.request import RunRequest
from tasks.planning.shards import find_kept_cut
from tasks.reading.stopwatch import Stopwatch
from tasks.runtime.ledger_access import ledger_if_any

ESTIMATED = "estimated by tiktoken"
"""What is said of tokens of a model whose own tokenizer is not here."""

Samples = Sequence[tuple[int, Sequence[tuple[int, TextTokens]]]]
"""For each group of texts: the number of distinct texts, and for a sample of them the occurrences and the tokens."""


@dataclass(frozen=True, slots=True)
class QuoteBasis:
    """What is known before a partition is read: the local model, and what earlier runs tell.

    `local` is None where nothing goes to the local engine; `throughput` and `load_ns` (the usual time of a
    load and the warm-up after it, nanoseconds) where no earlier run tells. `calibration` corrects the API's tokens. `paid_by_use`: whether
    a further worker costs its time.
    """

    local: LocalModel | EstimatedModel | None
    output: OutputLength
    api_output: OutputLength
    throughput: Throughput | None
    load_ns: int | None
    calibration: TokenCalibration | None = None
    paid_by_use: bool = True


def quote_partition(request: RunRequest, settings: Settings) -> PartitionQuote:
    """Quote what is left of one partition: what a begun version has done, or a refresh takes over, is not in it.

    What a begun version left waiting for the API is in it as what goes there, unless a live batch asks it.

    Changes nothing but the output folder, which is made, and an old ledger's version.

    Input tokens are counted by the local model's own tokenizer (those of a server's model, which is not here, are
    estimated by the API's) and by the API's, for each distinct text, or
    for a seeded sample of `settings.quote_texts` of them, with an interval. Output tokens are the mean of
    earlier runs of this prompt and model, else assumed; GPU time is that of earlier runs on this machine,
    else unknown. What goes to the API without being asked here (all of it, what a rule calls complex, what is too
    long here) is quoted at the API's price of today, in the mode that is set; what the policy would send on after
    the local engine's answer is not known before, and is not in it.

    Raises what `tasks.planning.checks.check` raises, `UsageError` for a model without a tokenizer, and
    `DatabaseUnavailable`.
    """
    checked = check(request, settings)
    if isinstance(checked, RunResult):
        return empty_quote(request.partition)
    with ExitStack() as stack:
        with ledger_if_any(settings, update=True) as session:
            known = look_up(checked, session)
            begun = stack.enter_context(open_begun(checked, session))
            goes_on = session is not None and find_kept_cut(checked, session) is not None
        quoted = quote_checked(checked, known, begun)
        return replace(quoted, sharded=None) if goes_on else quoted


def quote_checked(checked: Checked, known: QuoteBasis, begun: Begun) -> PartitionQuote:
    """Quote a partition by what is known. Raises `InputError` where its input turns out to be damaged."""
    settings = checked.settings
    new = TextSample(settings.quote_texts, settings.seed, PromptCounter(checked, known.local))
    waiting = TextSample(settings.quote_texts, settings.seed, PromptCounter(checked, None))
    reading = Stopwatch()
    records, bad = _read(checked, reading, new, waiting, begun)
    samples = [(sample.distinct, sample.result()) for sample in (new, waiting)]
    texts, counted = sum(of for of, _ in samples), sum(len(some) for _, some in samples)
    requests = _total(samples, lambda _, one: one.requests)
    tokens = _total(samples, lambda _, one: one.input_tokens)
    rejected = _total(samples, lambda times, one: times * one.rejected)
    api_tokens = _total(samples, lambda _, one: one.api_input_tokens)
    output, api_output = known.output.total(requests.value), known.api_output.total(texts)
    cached = _total(samples, lambda _, one: one.api_cached_tokens).value
    at_once, in_batches = _api_nano(checked, known, Usage(api_tokens.value, cached, api_output), texts)
    time = _time(known, requests, tokens, output)
    return PartitionQuote(
        checked.request.partition,
        records,
        Estimate(bad) + rejected,
        requests,
        tokens,
        output,
        texts,
        api_tokens,
        api_output,
        time,
        known.load_ns,
        checked.machine.nano_usd_per_hour,
        at_once,
        in_batches,
        basis(known, tokens if known.local is not None else api_tokens, counted, texts) + _first(checked),
        _sent(checked, known, samples),
        sends_on=requests.value > 0 and rules.sends_after_answer(checked.policy),
        sharded=sharded_work(
            checked, time, known.load_ns, requests.value, reading.ns, paid_by_use=known.paid_by_use
        ),
    )


def basis(known: QuoteBasis, tokens: Estimate, counted: int, texts: int) -> str:
    """Say in a few words what a quote stands on."""
    exact = not isinstance(known.local, EstimatedModel)
    input_ = "input: counted" if exact else f"input: {ESTIMATED}"
    if counted < texts:
        share = 100 * tokens.margin / max(tokens.value, 1)
        input_ = f"input: {counted:,} of {texts:,} texts, ±{share:.1g} %"
        input_ += "" if exact else f", {ESTIMATED}"
    if known.local is None:
        return f"{input_}; output: {known.api_output.basis}"
    runs = 0 if known.throughput is None else known.throughput.runs
    time = f"time: {runs} run{'s' * (runs > 1)}" if runs else "time: unknown, no run here so far"
    output = f"output: {known.output.basis}"
    if known.api_output.basis != known.output.basis:
        output += f" (API: {known.api_output.basis})"
    return f"{input_}; {output}; {time}"


def _first(checked: Checked) -> str:
    return (
        ""
        if checked.classifier is None
        else f"; the most that it takes: {checked.classifier.name} is asked first"
    )


def look_up(checked: Checked, session: Session | None) -> QuoteBasis:
    """Load the tokenizer and ask the ledger, if there is one: the same for all partitions of one workload."""
    local = None if checked.engine == "openai" else known_model(checked.settings, checked.counter)
    counter = ApiTokenCounter(checked.counter, checked.settings.api_structured_output)
    output, api_output = assume_output(checked.workload, counter, local)
    if session is None:
        return QuoteBasis(local, output, api_output, None, None)
    name, model = checked.workload.name, checked.settings.api_model
    like = history_filter(checked)
    anywhere = ledger.list_earlier_runs(session, like, any_machine=True)
    loads = ledger.list_load_times(session, like.model, like.machine)
    speed = fit_throughput(ledger.list_earlier_runs(session, like))
    warm_up = 0 if speed is None else speed.warm_up_ns
    return QuoteBasis(
        local,
        measure_output(anywhere) or output,
        measure_api_output(anywhere) or api_output,
        speed,
        round(median(loads)) + warm_up if loads else None,
        calibration.find(session, name, None, model, counter.name),
        is_paid_by_use(checked, session),
    )


def assume_output(
    workload: Workload, counter: ApiTokenCounter, local: LocalModel | EstimatedModel | None
) -> tuple[OutputLength, OutputLength]:
    """Return the length of an answer of which nothing is known, for the local engine and for the API.

    A label is as long as the labels are on average, with the token that ends it on the local engine's side;
    an object is half as long as it may be.
    """
    api = assumed_api_output(workload, counter)
    if local is None or not isinstance(workload.output_format, Choice):
        return api, api
    labels = workload.output_format.labels
    tokens = sum(local.tokenizer.text_tokens(label) + 1 for label in labels)
    return OutputLength(tokens, len(labels), api.basis), api


def known_model(settings: Settings, counter: ChatTokenCounter) -> LocalModel | EstimatedModel:
    """Return what counts the local engine's tokens: the model's own tokenizer; of a server, tiktoken. Raises `UsageError`."""
    if uses_server(settings):
        return EstimatedModel(EstimatedTokenizer(counter), settings.max_model_len)
    return local_model(settings)


def local_model(settings: Settings) -> LocalModel:
    """Return the tokenizer of the model that the settings name, loaded once. Raises `UsageError`."""
    if is_default(settings):
        prepare_default_model(settings.cache_dir)
    return _load(VllmOptions.from_settings(settings, on_cpu=gpu_name() is None))


@lru_cache(maxsize=1)
def _load(options: VllmOptions) -> LocalModel:
    return load_local_model(options)


def _read(
    checked: Checked,
    reading: Stopwatch,
    new: TextSample[TextTokens],
    waiting: TextSample[TextTokens],
    begun: Begun,
) -> tuple[int, int]:
    """Show each record that is to be done to one of the samples; return how many rows those are, and how many are bad."""
    rows = bad = 0
    for batch in reading.over(checked.reader.batches()):
        passed, waits = begun.passed_over(batch), begun.waiting(batch)
        for item in batch:
            if item.key in passed:
                continue
            rows += 1
            if isinstance(item, Quarantined):
                bad += 1
            else:
                (waiting if item.key in waits else new).add(item)
    return rows, bad


def _total(samples: Samples, value: Callable[[int, TextTokens], int]) -> Estimate:
    """Estimate the sum of a value over all texts from the occurrences and the tokens of a sample."""
    total = Estimate(0)
    for texts, counted in samples:
        total += estimate_total([value(times, one) for times, one in counted], texts)
    return total


def _sent(checked: Checked, known: QuoteBasis, samples: Samples) -> Sent:
    """Quote what surely goes to the API."""
    requests = _total(samples, lambda _, one: int(one.sent))
    tokens = _total(samples, lambda _, one: one.api_input_tokens * one.sent)
    output = known.api_output.total(requests.value)
    cached = _total(samples, lambda _, one: one.api_cached_tokens * one.sent).value
    at_once, in_batches = _api_nano(checked, known, Usage(tokens.value, cached, output), requests.value)
    batched = checked.api is not None and checked.api.mode == "batch"
    return Sent(requests, tokens, output, in_batches if batched else at_once)


def _time(known: QuoteBasis, requests: Estimate, tokens: Estimate, output: int) -> GpuTime | None:
    if not requests.value:
        return GpuTime()
    if known.throughput is None:
        return None
    return known.throughput.time(requests.value, tokens.value, output)


def _api_nano(checked: Checked, known: QuoteBasis, usage: Usage, requests: int) -> tuple[int, int]:
    """Price estimated tokens of some requests at what the API asks today, at once and in batches.

    They are corrected as a run's are; an output that earlier runs measured is so already.
    """
    today = datetime.now(UTC).date()
    if known.calibration is not None:
        corrected = known.calibration.apply(usage, requests)
        measured = not known.api_output.basis.startswith("assumed")
        usage = (
            replace(corrected, output_tokens=usage.output_tokens, reasoning_tokens=0)
            if measured
            else corrected
        )
    elif not is_cached_by_itself(price_on(checked.prices, today)):
        usage = replace(usage, cached_tokens=0)
    discounted = batch_prices(checked.prices, checked.settings.batch_discount)
    return cost_nano(price_on(checked.prices, today), usage), cost_nano(price_on(discounted, today), usage)
