"""From finished requests to ledger lines: the pure half of a commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal
from uuid import UUID

from models.economics.gpu_time import GpuTime, gpu_cost_nano, split_exactly
from models.economics.pricing import Price, cost_nano
from models.engines.base import Completion, Usage
from models.ledger import LedgerLine
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
    local = [i for i, item in enumerate(finished) if item.completion.reuses is None]
    weights = [finished[i].completion.engine_ns for i in local]
    shares = dict(
        zip(
            local,
            zip(split_exactly(lap_ns, weights), split_exactly(lap_nano, weights), strict=True),
            strict=True,
        )
        if local
        else ()
    )
    return [
        _local_line(item, *shares[i], keys, counter) if i in shares else _reuse_line(item, keys)
        for i, item in enumerate(finished)
    ]


def _local_line(
    item: Finished, gpu_ns: int, cost: int, keys: LineKeys, counter: ChatTokenCounter
) -> LedgerLine:
    completion, usage = item.completion, item.completion.usage
    input_tokens = counter.input_tokens(completion.request.messages)
    output_tokens = counter.output_tokens(completion.text)
    counterfactual = cost_nano(keys.counterfactual_price, Usage(input_tokens, 0, output_tokens))
    return LedgerLine(
        id=completion.request.id,
        run_id=keys.run_id,
        record_key=completion.request.record_key,
        attempt=1,
        at=item.at,
        requested="vllm",
        engine="vllm",
        reason=None,
        outcome=item.outcome,
        prompt_id=keys.prompt_id,
        model_id=keys.model_id,
        input_tokens=usage.input_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        estimated=False,
        gpu_ns=gpu_ns,
        cost_nano=cost,
        price_id=None,
        infrastructure_id=keys.infrastructure_id,
        counterfactual_input_tokens=input_tokens,
        counterfactual_output_tokens=output_tokens,
        counterfactual_nano=counterfactual,
        counterfactual_price_id=keys.counterfactual_price_id,
        request_hash=completion.request.digest(),
        answer_hash=answer_hash(completion.text),
        reuses=None,
    )


def _reuse_line(item: Finished, keys: LineKeys) -> LedgerLine:
    completion = item.completion
    return LedgerLine(
        id=completion.request.id,
        run_id=keys.run_id,
        record_key=completion.request.record_key,
        attempt=1,
        at=item.at,
        requested="vllm",
        engine="reuse",
        reason="identical",
        outcome=item.outcome,
        prompt_id=keys.prompt_id,
        model_id=keys.model_id,
        input_tokens=0,
        cached_tokens=0,
        output_tokens=0,
        estimated=False,
        gpu_ns=0,
        cost_nano=0,
        price_id=None,
        infrastructure_id=keys.infrastructure_id,
        counterfactual_input_tokens=0,
        counterfactual_output_tokens=0,
        counterfactual_nano=0,
        counterfactual_price_id=keys.counterfactual_price_id,
        request_hash=completion.request.digest(),
        answer_hash=answer_hash(completion.text),
        reuses=completion.reuses,
    )


def answer_hash(text: str) -> bytes:
    """Hash an answer; the ledger never holds its text (I7)."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ANSWER_HASH_BYTES).digest()
