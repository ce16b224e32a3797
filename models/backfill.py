"""A backfill as plain values: which partitions, what is to be done for each, how far it is, how each ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from models.economics.pricing import nano_to_usd
from models.errors import UsageError
from models.run import Progress, RunResult

Action = Literal["run", "refresh", "replace", "retry", "nothing"]
"""What is to be done for a partition.

`run`: it is not published, or only begun. `refresh`: published, but its input has changed since. `replace`:
published with other settings (model, prompt, policy, input), or a rerun was asked for. `retry`: published, and records of it
were set aside that were asked for again. `nothing`: published as it
would be again.
"""
OutcomeState = Literal["done", "skipped", "waiting", "failed"]


@dataclass(frozen=True, slots=True)
class Range:
    """Partitions from `first` to `last`, UTC dates, both inclusive."""

    first: date
    last: date

    def checked(self, now: datetime) -> "Range":
        """Return this range if it can be backfilled. Raises `UsageError`: reversed, or not over yet."""
        today = now.astimezone(UTC).date()
        if self.first > self.last:
            msg = f"the range is reversed: --from {self.first} is after --to {self.last}"
            raise UsageError(msg)
        if self.last > today:
            msg = f"--to {self.last} lies in the future; today is {today} (UTC)"
            raise UsageError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Replaced:
    """Why a published partition is run again: what has changed since, and what it was before and is now.

    `what`: the wording (prompt, examples, labels, schema, checks), the model, or others of the settings that decide answers.
    """

    what: Literal["wording", "model", "settings"]
    before: str
    now: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one partition, under which fingerprint, and how many runs it had had when that was found.

    `replaced` says why a partition is replaced, where that is not because a rerun was asked for.
    """

    partition: date
    action: Action
    fingerprint: str
    runs: int = 0
    replaced: Replaced | None = None


@dataclass(frozen=True, slots=True)
class PartitionOutcome:
    """How one partition ended. `result` is None for one that failed; `error` is its one line then."""

    workload: str
    partition: date
    state: OutcomeState
    result: RunResult | None = None
    error: str | None = None

    @classmethod
    def of(cls, result: RunResult) -> "PartitionOutcome":
        """Say how a run ended."""
        states: dict[str, OutcomeState] = {"completed": "done", "waiting": "waiting"}
        state = states.get(result.state, "skipped")
        return cls(result.workload, result.partition, state, result)


def to_do(steps: Iterable[Step]) -> list[Step]:
    """Return the steps for which something is to be done."""
    return [step for step in steps if step.action != "nothing"]


def select_failed(outcomes: Sequence[PartitionOutcome]) -> list[PartitionOutcome]:
    """Return the outcomes that failed."""
    return [outcome for outcome in outcomes if outcome.state == "failed"]


BACKFILL = "backfill"
"""The name under which a backfill reports its progress, beside the workloads' own."""


@dataclass(slots=True)
class Meter:
    """How far a backfill is, against its quote. Money is integer nano-dollars, None where unknown.

    Give it each run's progress and each partition's outcome, and the seconds since the backfill began.
    """

    partitions: int
    records: int
    quoted_nano: int | None
    _ended: list[PartitionOutcome] = field(default_factory=list)
    _running: dict[date, Progress] = field(default_factory=dict)
    _before_s: float = 0.0

    def progress(self, progress: Progress) -> None:
        """Take note of how far a partition is."""
        self._running[progress.partition] = progress

    def ended(self, outcome: PartitionOutcome) -> None:
        """Take note of how a partition ended."""
        self._running.pop(outcome.partition, None)
        self._ended.append(outcome)

    @property
    def done(self) -> int:
        """Records done so far, over ended and running partitions."""
        over = sum(one.result.records for one in self._ended if one.result is not None)
        return over + sum(one.done for one in self._running.values())

    @property
    def spent_nano(self) -> int:
        """What the ended partitions cost."""
        return sum(one.result.cost_nano or 0 for one in self._ended if one.result is not None)

    @property
    def output_tokens(self) -> int:
        """Output tokens so far."""
        over = sum(one.result.output_tokens for one in self._ended if one.result is not None)
        return over + sum(one.output_tokens for one in self._running.values())

    def seconds_left(self, elapsed_s: float) -> float | None:
        """Estimate the time that is left from the records done so far; None before the first."""
        if not self.done or not self.records:
            return None
        return max(0.0, (elapsed_s - self._before_s) * (self.records - self.done) / self.done)

    def _doing(self, elapsed_s: float) -> str:
        """Say what is being done before the first record is, and keep how long it took until an engine was at work."""
        if self.done or self.output_tokens or not self._running:
            return ""
        latest = list(self._running.values())[-1]
        self._before_s = max(0.0, elapsed_s - latest.computing_s)
        return latest.note.replace(",", "")

    def overall(self, day: date, elapsed_s: float) -> Progress:
        """Return the progress of the whole backfill, with partitions, money and the time left in words."""
        quoted = "" if self.quoted_nano is None else f" of ${nano_to_usd(self.quoted_nano):.4f} quoted"
        doing, left = self._doing(elapsed_s), self.seconds_left(elapsed_s)
        words = [
            doing,
            f"{len(self._ended)} of {self.partitions} partitions",
            f"${nano_to_usd(self.spent_nano):.4f} spent{quoted}",
            f"{self.output_tokens / max(elapsed_s - self._before_s, 1e-9):.0f} output tokens/s",
            "" if left is None else f"about {timedelta(seconds=round(left))} left",
        ]
        total = self.records or None
        done = self.done if total is None else min(self.done, total)  # carried rows were not quoted
        note = ", ".join(word for word in words if word)
        return Progress(BACKFILL, day, done, total, self.output_tokens, elapsed_s, note)
