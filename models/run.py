"""What one run came to, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from uuid import UUID

from models.shards import Share

Purpose = Literal[
    "production",
    "trial",
    "audit",
    "training",
    "evaluation_small",
    "evaluation_api",
    "evaluation_adapter",
    "evaluation_classifier",
    "evaluation_judge",
]
"""What a run is for: the job itself, a few records that are tried, the API's answers beside those that were served without it,
a model that is trained, one of the engines that an evaluation compares, or the judge of their answers."""
PRODUCTION: Purpose = "production"
TRIAL: Purpose = "trial"
AUDIT: Purpose = "audit"
TRAINING: Purpose = "training"
EVALUATION = "evaluation"
"""Asks for every engine of an evaluation, and for its judge."""
PURPOSES = (
    PRODUCTION,
    TRIAL,
    AUDIT,
    TRAINING,
    EVALUATION,
    "evaluation_small",
    "evaluation_api",
    "evaluation_adapter",
    "evaluation_classifier",
    "evaluation_judge",
)
"""What can be asked for; None asks for all."""

RunState = Literal["completed", "waiting", "skipped", "empty"]


def is_evaluation(purpose: Purpose) -> bool:
    """Whether a run is a part of an evaluation."""
    return purpose.startswith(EVALUATION)


def lease_name(workload: str, purpose: Purpose, share: Share | None = None) -> str:
    """Name what a run has to itself: its workload, and with it what else than production it is for, and of what shard."""
    whole = workload if purpose == PRODUCTION else f"{workload} {purpose}"
    return whole if share is None else f"{whole} {share}"


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of one run of (workload, partition).

    `skipped`: the partition was published before and nothing was done. `empty`: the input has no
    record for this partition, so nothing was published. `waiting`: some records wait for a batch's answers,
    a budget or the API (`waiting` counts them by reason); nothing is published before they are done,
    and a later run or `breakeven collect` takes them up. `escalated`: answered by the API.
    `carried`: taken over from the version before, unchanged, at no cost. `reasons`: why records were set aside.
    `requests`: those that the engines answered or refused. Token counts are those the engine reported;
    money is integer nano-dollars, None where unknown. Durations are nanoseconds.
    """

    workload: str
    partition: date
    state: RunState
    run_id: UUID | None = None
    output: str | None = None
    records: int = 0
    published: int = 0
    quarantined: int = 0
    reused: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    gpu_ns: int = 0
    cost_nano: int | None = None
    counterfactual_nano: int | None = None
    escalated: int = 0
    api_cost_nano: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    carried: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `total` is the number of records to do, None while it is not known.

    `note` says in words what is being done, or more about how far it is. `computing_s`: how many of the elapsed
    seconds an engine has been at work on answers; the load of the model is not among them.
    """

    workload: str
    partition: date
    done: int
    total: int | None
    output_tokens: int
    elapsed_s: float
    note: str = ""
    computing_s: float = 0.0

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens a second since an engine began to compute; None before the first token."""
        if not self.output_tokens or self.computing_s <= 0:
            return None
        return self.output_tokens / self.computing_s
