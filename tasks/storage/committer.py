"""Commits: a part file, then one transaction with its registration and the ledger lines."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, leases, ledger, parts, runs
from db.quarantine import set_aside
from models.gpu_time import GpuTime
from models.ids import new_id
from models.ledger.accounting import Finished, GpuMeter, LineKeys, closings, ledger_lines
from models.ledger.line import Closing, LedgerLine
from models.records import Carried, Escalated, Quarantined
from models.tokens import ChatTokenCounter
from tasks.runtime.ledger_access import with_patience
from tasks.storage.escalation_queue import Waiting
from tasks.storage.part_files import PartRow, write_part

QUEUED_COMMITS = 2
"""Commits that may wait behind the one being written; more would only hold memory."""


@dataclass(slots=True)
class Batch:
    """What one commit makes durable together."""

    rows: list[PartRow] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    escalated: list[Escalated] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)

    def __len__(self) -> int:
        return self.records + len(self.escalated) + len(self.closings)

    @property
    def records(self) -> int:
        """Number of records that are done with it."""
        return len(self.rows) + len(self.carried) + len(self.quarantined)

    @property
    def ordinals(self) -> list[int]:
        """Places in the input of all records that the batch's part holds."""
        return [
            *(row.ordinal for row in self.rows),
            *(row.ordinal for row in self.quarantined),
            *(item.record.ordinal for item in self.escalated),
            *(item.record.ordinal for item in self.carried),
        ]


@dataclass(slots=True)
class Totals:
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
    def of(cls, batch: Batch, lines: Sequence[LedgerLine]) -> "Totals":
        """Sum one commit."""
        return cls(
            len(batch.rows) + len(batch.carried),
            len(batch.quarantined),
            sum(line.engine == "reuse" for line in lines),
            sum(line.input_tokens or 0 for line in lines),
            sum(line.cached_tokens or 0 for line in lines),
            sum(line.output_tokens or 0 for line in lines),
            sum(line.counterfactual_nano or 0 for line in lines),
            sum(row.engine == "openai" for row in batch.rows),
            carried=len(batch.carried),
            requests=sum(line.engine == "vllm" for line in lines),
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

    def add(self, other: "Totals") -> None:
        """Add the sums of one commit."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class CommitTarget:
    """Where the commits of one run go."""

    sessions: sessionmaker[Session]
    lease: leases.Lease
    lease_seconds: float
    version_id: UUID
    run_id: UUID
    folder: Path
    output: type[BaseModel]
    patience_seconds: float


class Committer:
    """Gathers finished records and commits them from a thread of its own, off the engine's path.

    `add_*` and `flush` raise whatever a commit raised: `LeaseLost`, `DatabaseUnavailable`,
    `OutputError`. Nothing is committed after a commit that failed: a line may refer to an earlier one.
    """

    def __init__(
        self,
        target: CommitTarget,
        keys: LineKeys,
        counter: ChatTokenCounter,
        *,
        lap: Callable[[], GpuTime],
        records: int,
        seconds: float,
    ) -> None:
        self._target = target
        self._keys = keys
        self._counter = counter
        self._lap = lap
        self._records = records
        self._seconds = seconds
        self._meter = GpuMeter(keys.nano_usd_per_hour)
        self._batch = Batch()
        self._batch_since = time.monotonic()
        self._pending: list[Future[None]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._carried = False
        self.failed = False
        self.totals = Totals()
        self.added = 0

    @property
    def gpu_time(self) -> GpuTime:
        """GPU time committed so far."""
        return self._meter.time

    @property
    def cost_nano(self) -> int:
        """GPU cost committed so far, nano-dollars."""
        return self._meter.cost_nano

    def add_answer(self, row: PartRow, *finished: Finished) -> None:
        """Add a record that was answered well, with its attempts that no commit has yet."""
        self._batch.rows.append(row)
        self._batch.finished += finished
        self._added()

    def add_carried(self, carried: Carried) -> None:
        """Add a record whose published row is taken over: no attempt, no line, no cost."""
        self._batch.carried.append(carried)
        self._added()

    def add_quarantined(self, quarantined: Quarantined, *finished: Finished) -> None:
        """Add a record that is set aside, with its attempts that no commit has yet."""
        self._batch.quarantined.append(quarantined)
        self._batch.finished += finished
        self._added()

    def add_escalated(self, escalated: Escalated, *finished: Finished) -> None:
        """Add a record that goes on to the API, with its attempts: from then on it is not tried here again."""
        self._batch.escalated.append(escalated)
        self._batch.finished += finished
        self._added()

    def add_closings(self, closings: Sequence[Closing]) -> None:
        """Add attempts on the API that served no record."""
        self._batch.closings += closings

    def keep(self, waiting: Waiting) -> None:
        """Put records that wait and that no part holds yet into parts, with their texts."""
        while some := waiting.not_durable(self._records):
            for escalated in some:
                self.add_escalated(escalated)

    def tick(self) -> None:
        """Commit what has waited long enough. For loops in which nothing may finish for a while."""
        if len(self._batch) and time.monotonic() - self._batch_since >= self._seconds:
            self._submit()

    def flush(self) -> None:
        """Commit what was gathered and wait until everything is durable.

        GPU time that no served record carries (all were reused or rejected, or the engine died before
        the first of a window) is written to the run as unallocated.
        """
        self._carried = False
        self._submit()
        self._settle(0)
        if not self._carried and (lap := self._lap()).total_ns:
            lap_nano = self._meter.add(lap)
            with_patience(self._target.patience_seconds, lambda: self._write_unallocated(lap, lap_nano))

    def close(self) -> None:
        """End the thread. Call after `flush`, or to drop what was not committed."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _added(self) -> None:
        self.added += 1
        if len(self._batch) >= self._records or time.monotonic() - self._batch_since >= self._seconds:
            self._submit()

    def _submit(self) -> None:
        batch, self._batch = self._batch, Batch()
        self._batch_since = time.monotonic()
        if not len(batch):
            return
        self._carried = any(item.by_local_engine for item in batch.finished)
        # GPU time without a served record waits for the next commit that has one, so that it is carried.
        lap = self._lap() if self._carried else GpuTime()
        lap_nano = self._meter.add(lap)
        self._settle(QUEUED_COMMITS - 1)
        self._pending.append(self._thread.submit(self._commit, batch, lap, lap_nano))

    def _settle(self, allowed: int) -> None:
        """Wait until at most `allowed` commits are under way; raise what a finished one raised."""
        while self._pending and (len(self._pending) > allowed or self._pending[0].done()):
            self._pending.pop(0).result()

    def _commit(self, batch: Batch, lap: GpuTime, lap_nano: int) -> None:
        if self.failed:
            return  # whoever waits for this commit meets the error of the failed one first
        try:
            self._make_durable(batch, lap, lap_nano)
        except BaseException:
            self.failed = True
            raise

    def _make_durable(self, batch: Batch, lap: GpuTime, lap_nano: int) -> None:
        lines = ledger_lines(batch.finished, lap.total_ns, lap_nano, self._keys, self._counter)
        totals = Totals.of(batch, lines)
        ended = [*batch.closings, *closings(batch.finished, self._keys, self._counter)]
        part = self._write_part(batch)
        more = increments(totals, lap_nano)
        with_patience(
            self._target.patience_seconds,
            lambda: self._write(part, batch, lines, ended, lap, more),
        )
        totals.add_closed(ended)
        self.totals.add(totals)

    def _write_part(self, batch: Batch) -> parts.Part | None:
        """Write the part file, if there is a record to put into it."""
        target, ordinals = self._target, batch.ordinals
        if not ordinals:
            return None
        part_id = new_id()
        path = write_part(
            target.folder,
            part_id,
            target.output,
            batch.rows,
            batch.quarantined,
            batch.escalated,
            batch.carried,
        )
        return parts.Part(
            part_id,
            target.version_id,
            target.run_id,
            path.name,
            batch.records,
            min(ordinals),
            max(ordinals),
        )

    def _write(
        self,
        part: parts.Part | None,
        batch: Batch,
        lines: list[LedgerLine],
        ended: list[Closing],
        lap: GpuTime,
        more: runs.Increments,
    ) -> None:
        target = self._target
        with target.sessions.begin() as session:
            leases.renew(session, target.lease, target.lease_seconds)
            if part is not None and not parts.register(session, part):
                return  # the connection broke after the commit had taken place: all is written already
            if ended:  # each is closed once, however often this is tried
                attempts.close_attempts(session, ended)
            if part is None:
                return
            ledger.insert_lines(session, lines)
            runs.add(session, target.run_id, lap, more)
            aside = set_aside(session, target.version_id, batch.quarantined)
            runs.add_quarantined(session, target.run_id, aside)

    def _write_unallocated(self, lap: GpuTime, lap_nano: int) -> None:
        target = self._target
        with target.sessions.begin() as session:
            leases.renew(session, target.lease, target.lease_seconds)
            if runs.gpu_time(session, target.run_id) == self._meter.time:
                return  # the connection broke after the commit had taken place
            runs.add(
                session,
                target.run_id,
                lap,
                runs.Increments(gpu_cost_nano=lap_nano, unallocated_nano=lap_nano),
            )


def increments(totals: Totals, lap_nano: int) -> runs.Increments:
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
