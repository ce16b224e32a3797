"""The ledger's words as plain values: what one attempt used, cost and came to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

EngineName = Literal["vllm", "openai", "reuse"]
Outcome = Literal["ok", "invalid_output", "failed", "pending", "unknown_outcome"]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """The accounting of one attempt. Money is integer nano-dollars; None is unknown, never 0.

    `requested` is the engine the record was first sent to, `engine` the one that served this attempt,
    `reason` why they differ (None: they do not). `prompt_id`, `model_id`, `price_id`,
    `infrastructure_id` and `counterfactual_price_id` are keys of the dated rows that were used.
    `gpu_ns` is this attempt's share of the run's GPU time. `estimated` says that a token count or
    cost of the attempt itself is an estimate (counterfactual figures always are).
    """

    id: UUID
    run_id: UUID
    record_key: str
    attempt: int
    at: datetime
    requested: EngineName
    engine: EngineName
    reason: str | None
    outcome: Outcome
    prompt_id: int
    model_id: int
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    estimated: bool
    gpu_ns: int | None
    cost_nano: int | None
    price_id: int | None
    infrastructure_id: int | None
    counterfactual_input_tokens: int | None
    counterfactual_output_tokens: int | None
    counterfactual_nano: int | None
    counterfactual_price_id: int | None
    request_hash: bytes
    answer_hash: bytes | None
    reuses: UUID | None
