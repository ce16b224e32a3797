"""What a caller asks for: a range of partitions of one workload."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from models.backfill import Range, Step
from models.records import EngineReason
from models.settings import Settings
from models.settings.worker_number import ShardNumber
from tasks.planning.request import EngineChoice, RunRequest


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """What a caller asks for: a range of partitions of one workload, and how to read and answer them.

    `retry_quarantined` and `reasons` as in `RunRequest`: then only what was set aside is asked for again; so is `shards`, of each partition.
    """

    workload: str
    range: Range
    input: str | None = None
    where: str | None = None
    limit: int | None = None
    rerun: bool = False
    engine: EngineChoice = "vllm"
    retry_quarantined: bool = False
    reasons: Sequence[EngineReason] = ()
    shards: ShardNumber | None = None

    def of_partition(self, partition: date) -> RunRequest:
        """Return the request for one partition."""
        return RunRequest(
            self.workload,
            partition,
            self.input,
            self.where,
            self.limit,
            rerun=self.rerun,
            engine=self.engine,
            retry_quarantined=self.retry_quarantined,
            reasons=self.reasons,
            shards=self.shards,
        )

    def of_step(self, step: Step) -> RunRequest:
        """Return the request that does a step."""
        request = self.of_partition(step.partition)
        return replace(
            request,
            rerun=step.action == "replace",
            refresh=step.action == "refresh",
            retry_quarantined=step.action == "retry",
            expected=step.fingerprint,
        )

    def flow_parameters(self) -> dict[str, object]:
        """Return the parameters of the backfill flow that does what is asked for."""
        names = ("workload", "input", "where", "limit", "engine", "rerun", "retry_quarantined", "shards")
        return {
            "from_date": self.range.first,
            "to_date": self.range.last,
            **{name: getattr(self, name) for name in names},
            "reasons": list(self.reasons),
        }

    def asked_shards(self, settings: Settings) -> ShardNumber | None:
        """Return into how many shards each partition is to be cut: as asked for, else as the workload's settings say."""
        return self.shards or settings.workload(self.workload).shards

    def spread(self, settings: Settings) -> "BackfillRequest":
        """Return the request for partitions that workers take one each: those are cut only into a number that was asked for."""
        return replace(self, shards=1) if self.asked_shards(settings) == "auto" else self
