"""The ledger's words as plain values: what one attempt used, cost and came to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from models.economics.calibration import TokenEstimate

EngineName = Literal["classifier", "vllm", "openai", "reuse"]
"""Who served an attempt. `classifier`: one that was trained here (docs/training.md)."""
Outcome = Literal["ok", "invalid_output", "escalated", "triage", "failed", "pending", "unknown_outcome"]
"""How an attempt ended.

`ok`: its answer is published. `invalid_output`: answered, but not within the workload's schema.
`escalated`: answered by the local engine, but the record was sent on to the API for `reason`.
`triage`: the local engine was asked only whether the record is complex. `pending`: written before it was
sent to an API, and not closed yet. `failed`: the API refused it or was not reached; it cost nothing.
`unknown_outcome`: sent to an API, but what became of it is not known; its cost is an upper bound.
"""


class LedgerLine(NamedTuple):
    """The accounting of one attempt. Money is integer nano-dollars; None is unknown, never 0.

    A tuple, so that a commit's lines are turned into columns by one `zip`.

    `requested` is the engine the record was first sent to, `engine` the one that served this attempt,
    `reason` why the record went elsewhere (None: it did not). `batch_id` is our key of the API batch
    that carried the attempt, `failure` a short code of what went wrong with it (`http_429`, `timeout`). `prompt_id`, `model_id`, `price_id`,
    `infrastructure_id` and `counterfactual_price_id` are keys of the dated rows that were used.
    `reasoning_tokens` are part of the output, `cache_write_tokens` of the input; both are None where the engine
    reported none. `counterfactual_cached_tokens` and `counterfactual_cache_write_tokens` are None where there are none,
    and for an attempt on the API, whose own they are. `gpu_ns` is this attempt's share of the run's GPU time. `provider_nano` is what the provider itself says that it charges, `served_model` the model that it says it
    used where that is another, `service_tier` the tier that it says it used where that is not the standard one. `doubted_usage` is
    what it reported that cannot be, as JSON: see `models.requests.ClosedAttempt`. `estimated` says that a token count or
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
    batch_id: UUID | None = None
    failure: str | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    counterfactual_cached_tokens: int | None = None
    counterfactual_cache_write_tokens: int | None = None
    provider_nano: int | None = None
    served_model: str | None = None
    service_tier: str | None = None
    doubted_usage: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """How to close the pending line of one API attempt. Token counts None: not known.

    `cost_nano` is what it cost, or, for an `unknown_outcome`, the upper bound that the line holds
    already. `price_id` is the key of another price than the line was opened at (another tier of service); None: it
    stays. `estimated` says that tokens or cost are not what the provider reported. `estimate` is what was
    estimated of an attempt whose usage was reported, `ended_at` when the attempt ended: no columns of the line, but of
    what calibrates estimates, and of what tells whose fault a failure was.
    """

    id: UUID
    outcome: Outcome
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    estimated: bool
    cost_nano: int
    counterfactual_input_tokens: int
    counterfactual_output_tokens: int
    counterfactual_nano: int
    answer_hash: bytes | None
    failure: str | None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    provider_nano: int | None = None
    served_model: str | None = None
    service_tier: str | None = None
    doubted_usage: str | None = None
    price_id: int | None = None
    estimate: TokenEstimate | None = None
    ended_at: datetime | None = None
