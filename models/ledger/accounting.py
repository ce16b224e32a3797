"""From finished requests to ledger lines: the part of a commit that only computes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple
from uuid import UUID

from models.economics.calibration import TokenCalibration
from models.economics.pricing import Price, request_cost_nano
from models.engines.api.permit import ApiRequest, OpenAttempt
from models.gpu_time import GpuTime, gpu_cost_nano, split_exactly
from models.ledger.counterfactual import CounterfactualTokens
from models.ledger.line import Closing, EngineName, LedgerLine
from models.requests import ClosedAttempt, Completion, Usage

ANSWER_HASH_BYTES = 8
"""Enough to compare answers of one record; short, because every line carries it."""


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """Keys of the API's model and of the price that its attempts are charged at, and that price."""

    model_id: int
    price_id: int
    price: Price


@dataclass(frozen=True, slots=True)
class LineKeys:
    """Keys of the rows that every line of a run refers to, and the prices behind them.

    `counterfactual_price` is the API's price for an answer at once, `api_batch` holds the Batch API's.
    `calibration` corrects the estimated tokens of the counterfactual.
    """

    run_id: UUID
    prompt_id: int
    model_id: int
    infrastructure_id: int
    nano_usd_per_hour: int
    counterfactual_price_id: int
    counterfactual_price: Price
    api: ApiKeys | None = None
    api_batch: ApiKeys | None = None
    calibration: TokenCalibration | None = None


@dataclass(frozen=True, slots=True)
class LinePrices:
    """The prices that a line of an API's attempt refers to: its own, and that of the same answer at once."""

    own: Price
    counterfactual: Price


@dataclass(frozen=True, slots=True)
class Finished:
    """A request that an engine answered, and what became of the answer.

    `reason` is why the record went on to the API, or went there at once; None where it did not.
    `prices` are those that its line was opened at, maybe days ago and in a batch; None: this run's own.
    """

    completion: Completion
    at: datetime
    outcome: Literal["ok", "invalid_output", "escalated", "triage"]
    reason: str | None = None
    prices: LinePrices | None = None

    @property
    def by_local_engine(self) -> bool:
        """Whether the local engine spent time on it."""
        return self.completion.reuses is None and not isinstance(self.completion.request, ApiRequest)


class GpuMeter:
    """Turns laps of GPU time into nano-dollars so that their sum is the run's total, rounded once."""

    def __init__(self, nano_usd_per_hour: int) -> None:
        self._rate = nano_usd_per_hour
        self.time = GpuTime()
        self.cost_nano = 0

    def add(self, lap: GpuTime) -> int:
        """Add a lap and return what it costs."""
        self.time += lap
        total = gpu_cost_nano(self.time.total_ns, self._rate)
        lap_cost, self.cost_nano = total - self.cost_nano, total
        return lap_cost


def ledger_lines(
    finished: Sequence[Finished], lap_ns: int, lap_nano: int, keys: LineKeys, counter: CounterfactualTokens
) -> list[LedgerLine]:
    """Account for the requests of one commit that the local engine answered, and for all that were reused.

    The lines of an API's attempts are there already; `closings` says how they end. The lap's GPU time
    and cost are split over the attempts of the local engine in proportion to the time each spent in it,
    to the nanosecond and the nano-dollar; a reuse costs nothing (I10, I11). Without a reported usage the
    tokens are estimated, and the line says so (I4).
    """
    own = [item for item in finished if item.completion.attempt is None]
    local = [item for item in own if item.by_local_engine]
    weights = [item.completion.engine_ns for item in local]
    shares = iter(
        zip(split_exactly(lap_ns, weights), split_exactly(lap_nano, weights), strict=True) if local else ()
    )
    return [
        _line(item, keys, _inferred(item, keys, counter, *next(shares)))
        if item.by_local_engine
        else _line(item, keys, REUSED)
        for item in own
    ]


class _Figures(NamedTuple):
    """What tells one attempt's accounting from another's."""

    engine: EngineName
    reason: str | None
    usage: Usage | None
    gpu_ns: int
    cost_nano: int
    counterfactual: Usage
    counterfactual_nano: int
    estimated: bool = False


NOTHING = Usage(0, 0, 0)
NOT_SERVED = ("escalated", "triage", "invalid_output")
"""Outcomes of attempts that an API pipeline would not have made, or whose record nobody knows that it would have served."""
REUSED = _Figures("reuse", "identical", NOTHING, 0, 0, NOTHING, 0)


def _inferred(
    item: Finished, keys: LineKeys, counter: CounterfactualTokens, gpu_ns: int, cost: int
) -> _Figures:
    completion = item.completion
    served = item.outcome not in NOT_SERVED
    estimated = completion.usage is None  # a server of one's own need not report it
    usage = completion.usage or counter.of_local(completion)
    counterfactual = counter.of(completion) if served else NOTHING
    nano = request_cost_nano(keys.counterfactual_price, counterfactual)
    return _Figures(
        "vllm", None if served else item.reason, usage, gpu_ns, cost, counterfactual, nano, estimated
    )


def _line(item: Finished, keys: LineKeys, figures: _Figures) -> LedgerLine:
    completion, usage = item.completion, figures.usage
    return LedgerLine(
        id=completion.request.id,
        run_id=keys.run_id,
        record_key=completion.request.record_key,
        attempt=completion.request.attempt,
        at=item.at,
        requested="vllm",
        engine=figures.engine,
        reason=figures.reason,
        outcome=item.outcome,
        prompt_id=keys.prompt_id,
        model_id=keys.api.model_id
        if keys.api and isinstance(completion.request, ApiRequest)
        else keys.model_id,
        input_tokens=usage.input_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        estimated=figures.estimated,
        gpu_ns=figures.gpu_ns,
        cost_nano=figures.cost_nano,
        price_id=None,
        infrastructure_id=keys.infrastructure_id,
        counterfactual_input_tokens=figures.counterfactual.input_tokens,
        counterfactual_output_tokens=figures.counterfactual.output_tokens,
        counterfactual_nano=figures.counterfactual_nano,
        counterfactual_price_id=keys.counterfactual_price_id,
        request_hash=completion.request.digest(),
        answer_hash=answer_hash(completion.text),
        reuses=completion.reuses,
        reasoning_tokens=(usage and usage.reasoning_tokens) or None,
        cache_write_tokens=(usage and usage.cache_write_tokens) or None,
        counterfactual_cached_tokens=figures.counterfactual.cached_tokens or None,
        counterfactual_cache_write_tokens=figures.counterfactual.cache_write_tokens or None,
    )


def pending_line(
    attempt: OpenAttempt,
    keys: LineKeys,
    api: ApiKeys,
    *,
    reason: str,
    upper_bound: int,
) -> LedgerLine:
    """Make the line that is written before an attempt is sent: no tokens yet, the most it can cost."""
    return LedgerLine(
        id=attempt.id,
        run_id=keys.run_id,
        record_key=attempt.request.record_key,
        attempt=attempt.number,
        at=attempt.at,
        requested="vllm",
        engine="openai",
        reason=reason,
        outcome="pending",
        prompt_id=keys.prompt_id,
        model_id=api.model_id,
        input_tokens=None,
        cached_tokens=None,
        output_tokens=None,
        estimated=True,
        gpu_ns=0,
        cost_nano=upper_bound,
        price_id=api.price_id,
        infrastructure_id=None,
        counterfactual_input_tokens=0,
        counterfactual_output_tokens=0,
        counterfactual_nano=0,
        counterfactual_price_id=keys.counterfactual_price_id,
        request_hash=attempt.request.digest(),
        answer_hash=None,
        reuses=None,
    )


def closing_unserved(closed: ClosedAttempt, price: Price, upper_bound: int) -> Closing:
    """Close an attempt that served no record: it failed, was answered with nothing usable, or nobody knows.

    An answer without a reported usage keeps the upper bound as its cost; see `closings` for those that
    served a record.
    """
    usage = NOTHING if closed.outcome == "failed" else closed.usage
    cost = upper_bound if usage is None else request_cost_nano(price, usage)
    return Closing(
        id=closed.id,
        outcome="invalid_output" if closed.outcome == "ok" else closed.outcome,
        input_tokens=usage.input_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        estimated=usage is None,
        cost_nano=cost,
        counterfactual_input_tokens=0,
        counterfactual_output_tokens=0,
        counterfactual_nano=0,
        answer_hash=None,
        failure=closed.failure,
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        cache_write_tokens=usage.cache_write_tokens if usage else None,
    )


def closings(finished: Sequence[Finished], keys: LineKeys, counter: CounterfactualTokens) -> list[Closing]:
    """Close the lines of the attempts on an API that answered these requests.

    Without a reported usage its tokens are estimated, and the line says so (I4). Its counterfactual is
    what the same answer costs when it is asked for at once. With one, the plain estimate goes along.
    """
    answered = [(item, item.completion.attempt) for item in finished]
    return [_closing(item, closed, keys, counter) for item, closed in answered if closed is not None]


def _closing(item: Finished, closed: ClosedAttempt, keys: LineKeys, counter: CounterfactualTokens) -> Closing:
    prices = item.prices or _at_once(keys)
    usage = closed.usage or counter.of_unreported(item.completion)
    counterfactual = NOTHING if item.outcome in NOT_SERVED else usage
    return Closing(
        id=closed.id,
        outcome=item.outcome,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        estimated=closed.usage is None,
        cost_nano=request_cost_nano(prices.own, usage),
        counterfactual_input_tokens=counterfactual.input_tokens,
        counterfactual_output_tokens=counterfactual.output_tokens,
        counterfactual_nano=request_cost_nano(prices.counterfactual, counterfactual),
        answer_hash=answer_hash(item.completion.text),
        failure=closed.failure,
        reasoning_tokens=usage.reasoning_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        estimate=None if closed.usage is None else counter.estimate(item.completion),
    )


def _at_once(keys: LineKeys) -> LinePrices:
    if keys.api is None:
        msg = "a run without an API has no API attempts"
        raise ValueError(msg)
    return LinePrices(keys.api.price, keys.counterfactual_price)


def answer_hash(text: str) -> bytes:
    """Hash an answer; the ledger never holds its text (I7)."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ANSWER_HASH_BYTES).digest()
