"""What a caller asks for: one partition of one workload."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from models.records import EngineReason
from models.run import PRODUCTION, Purpose
from models.settings.worker_number import ShardNumber

EngineChoice = Literal["vllm", "openai"]
"""Where a run's records are first sent: `openai` sends every one of them to the API."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a caller asks for: one partition of one workload, and how to read it.

    `rerun` infers a published partition again, `refresh` only what is new or changed in its input,
    `retry_quarantined` only what was set aside for one of `reasons` (none: for any that asking again can mend). What an
    evaluation or a trial runs (`purpose`) lies beside production and never becomes what readers see. `expected` is the
    fingerprint that was quoted: where it is another by now, the run is refused. `as_texts`: the input is a file of
    ready texts, with the columns `id` and `text`. `shards`: into how many the partition is cut, auto: where that is clearly faster,
    None: as its workload's settings say; `shard`: take part in one that another run has cut, with this shard first.
    """

    workload: str
    partition: date
    input: str | None = None
    where: str | None = None
    limit: int | None = None
    rerun: bool = False
    engine: EngineChoice = "vllm"
    refresh: bool = False
    purpose: Purpose = PRODUCTION
    expected: str | None = None
    as_texts: bool = False
    retry_quarantined: bool = False
    reasons: Sequence[EngineReason] = ()
    shards: ShardNumber | None = None
    shard: int | None = None

    def flow_parameters(self) -> dict[str, object]:
        """Return the parameters of the workload's flow that does what is asked for."""
        names = (
            *("partition", "input", "where", "limit", "rerun", "refresh", "engine", "expected"),
            *("shards", "shard"),
        )
        given: dict[str, object] = {name: getattr(self, name) for name in names}
        return {**given, "retry_quarantined": self.retry_quarantined, "reasons": list(self.reasons)}
