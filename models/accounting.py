"""From finished requests to ledger lines: the pure half of a commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple
from uuid import UUID

from models.economics.gpu_time import GpuTime, gpu_cost_nano, split_exactly
from models.economics.pricing import Price, cost_nano
from models.engines.base import Completion, Usage
from models.ledger import EngineName, LedgerLine
from models.tokens import ChatTokenCounter

ANSWER_HASH_BYTES = 8
"""Enough to compare answers of one record; short, because every line carries it."""


@dataclass(frozen=True, slots=True)
class LineKeys:
    """Keys of the rows that every line of a run refers to, and the prices behind them."""

    run_id: UUID
    prompt_id: int
    model_id: int
    infrastructure_id: int
    nano_usd_per_hour: int
    counterfactual_price_id: int
    counterfactual_price: Price


@dataclass(frozen=True, slots=True)
class Finished:
    """A request that the engine answered, and whether the answer satisfied the workload's schema."""

    completion: Completion
    at: datetime
    outcome: Literal["ok", "invalid_output"]


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
    finished: Sequence[Finished], lap_ns: int, lap_nano: int, keys: LineKeys, counter: ChatTokenCounter
) -> list[LedgerLine]:
    """Account for the requests of one commit.

    The lap's GPU time and cost are split over the attempts of the local engine in proportion to the
    time each spent in it, to the nanosecond and the nano-dollar; a reuse costs nothing (I10, I11).
    """
    local = [item for item in finished if item.completion.reuses is None]
    weights = [item.completion.engine_ns for item in local]
    shares = iter(
        zip(split_exactly(lap_ns, weights), split_exactly(lap_nano, weights), strict=True) if local else ()
    )
    return [
        _line(item, keys, _inferred(item, keys, counter, *next(shares)))
        if item.completion.reuses is None
        else _line(item, keys, REUSED)
        for item in finished
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


NOTHING = Usage(0, 0, 0)
REUSED = _Figures("reuse", "identical", NOTHING, 0, 0, NOTHING, 0)


def _inferred(item: Finished, keys: LineKeys, counter: ChatTokenCounter, gpu_ns: int, cost: int) -> _Figures:
    completion = item.completion
    estimate = Usage(
        counter.input_tokens(completion.request.messages), 0, counter.output_tokens(completion.text)
    )
    counterfactual = cost_nano(keys.counterfactual_price, estimate)
    return _Figures("vllm", None, completion.usage, gpu_ns, cost, estimate, counterfactual)


def _line(item: Finished, keys: LineKeys, figures: _Figures) -> LedgerLine:
    completion, usage = item.completion, figures.usage
    return LedgerLine(
        id=completion.request.id,
        run_id=keys.run_id,
        record_key=completion.request.record_key,
        attempt=1,
        at=item.at,
        requested="vllm",
        engine=figures.engine,
        reason=figures.reason,
        outcome=item.outcome,
        prompt_id=keys.prompt_id,
        model_id=keys.model_id,
        input_tokens=usage.input_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        estimated=False,
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
    )


def answer_hash(text: str) -> bytes:
    """Hash an answer; the ledger never holds its text (I7)."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ANSWER_HASH_BYTES).digest()
