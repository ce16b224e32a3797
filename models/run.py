"""What one run came to, as plain values."""

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

RunState = Literal["completed", "skipped", "empty"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of one run of (workload, partition).

    `skipped`: the partition was published before and nothing was done. `empty`: the input has no
    record for this partition, so nothing was published. Token counts are those the engine reported;
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `total` is the number of records to do, None while it is not known."""

    workload: str
    partition: date
    done: int
    total: int | None
    output_tokens: int
    elapsed_s: float
