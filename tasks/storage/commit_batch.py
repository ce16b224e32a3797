"""What one commit makes durable together, and the sums over a run's commits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from db import runs
from models.ledger.accounting import Finished
from models.ledger.line import Closing, LedgerLine
from models.records import Carried, Escalated, Quarantined
from tasks.storage.part_files import AnsweredRow


@dataclass(slots=True)
class CommitBatch:
    """What one commit makes durable together."""

    rows: list[AnsweredRow] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    escalated: list[Escalated] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)

    def __len__(self) -> int:
        """Count what it holds; asked for with each record, so added up at once."""
        done = len(self.rows) + len(self.carried) + len(self.quarantined)
        return done + len(self.escalated) + len(self.closings)

    @property
    def records(self) -> int:
        """Number of records that are done with it."""
        return len(self.rows) + len(self.carried) + len(self.quarantined)

    @property
    def ordinals(self) -> list[int]:
        """Places in the input of all records that the batch's part holds."""
        return [
            *(row.record.ordinal for row in self.rows),
            *(row.ordinal for row in self.quarantined),
            *(item.record.ordinal for item in self.escalated),
            *(item.record.ordinal for item in self.carried),
        ]


@dataclass(slots=True)
class CommittedTotals:
    """Sums over the commits of one run, for the result and the progress."""

    published: int = 0
    quarantined: int = 0
    reused: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    counterfactual_nano: int = 0
    escalated: int = 0
    api_cost_nano: int = 0
    carried: int = 0
    requests: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, batch: CommitBatch, lines: Sequence[LedgerLine]) -> "CommittedTotals":
        """Sum one commit."""
        engines = Counter(line.engine for line in lines)
        return cls(
            len(batch.rows) + len(batch.carried),
            len(batch.quarantined),
            engines["reuse"],
            _sum(lines, "input_tokens"),
            _sum(lines, "cached_tokens"),
            _sum(lines, "output_tokens"),
            _sum(lines, "counterfactual_nano"),
            sum(row.engine == "openai" for row in batch.rows),
            carried=len(batch.carried),
            requests=len(lines) - engines["reuse"],
            reasons=Counter(item.reason for item in batch.quarantined),
        )

    def add_closed(self, closings: Sequence[Closing]) -> None:
        """Add what attempts on the API came to; their runs' rows get it when the lines are closed."""
        self.requests += len(closings)
        for closing in closings:
            self.input_tokens += closing.input_tokens or 0
            self.cached_tokens += closing.cached_tokens or 0
            self.output_tokens += closing.output_tokens or 0
            self.counterfactual_nano += closing.counterfactual_nano
            self.api_cost_nano += closing.cost_nano

    def add(self, other: "CommittedTotals") -> None:
        """Add the sums of one commit."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def _sum(lines: Sequence[LedgerLine], name: str) -> int:
    return sum(filter(None, map(attrgetter(name), lines)))


def increments(totals: CommittedTotals, lap_nano: int) -> runs.Increments:
    """Say what one commit adds to its run's row."""
    return runs.Increments(
        gpu_cost_nano=lap_nano,
        records=totals.published + totals.quarantined,
        published=totals.published,
        quarantined=totals.quarantined,
        escalated=totals.escalated,
        reused=totals.reused,
        input_tokens=totals.input_tokens,
        cached_tokens=totals.cached_tokens,
        output_tokens=totals.output_tokens,
        counterfactual_nano=totals.counterfactual_nano,
        carried=totals.carried,
    )
