"""Commits: a part file, then one transaction with its registration and the ledger lines."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from pydantic import BaseModel
from sqlalchemy.orm import Session

from db import attempts, ledger, parts, runs
from db.quarantine import set_aside
from models.gpu_time import GpuTime, MachineTime, TimeToCarry
from models.ids import new_id
from models.ledger.accounting import Finished, GpuMeter, LineKeys, divide_lap, ledger_lines
from models.ledger.api_accounting import closings
from models.ledger.counterfactual import CounterfactualTokens
from models.ledger.line import Closing, LedgerLine
from models.records import Carried, Escalated, Quarantined
from models.requests import Completion, Usage
from tasks.storage.commit_batch import CommitBatch, CommittedTotals, increments
from tasks.storage.escalation_queue import EscalationQueue
from tasks.storage.open_version import OpenVersion
from tasks.storage.part_files import AnsweredRow, write_part

QUEUED_COMMITS = 2
"""Commits that may wait behind the one being written; more would only hold memory."""


class Committer:
    """Gathers finished records and commits them from a thread of its own, off the engine's path.

    `add_*` and `flush` raise whatever a commit raised: `LeaseLost`, `DatabaseUnavailable`,
    `OutputError`. Nothing is committed after a commit that failed: a line may refer to an earlier one.
    """

    def __init__(
        self,
        version: OpenVersion,
        output: type[BaseModel],
        keys: LineKeys,
        counter: CounterfactualTokens,
        *,
        lap: Callable[[], MachineTime],
        records: int,
        seconds: float,
    ) -> None:
        self._version = version
        self._output = output
        self._keys = keys
        self._counter = counter
        self._lap = lap
        self._records = records
        self._seconds = seconds
        self._meter = GpuMeter(keys.nano_usd_per_hour)
        self._batch = CommitBatch()
        self._batch_since = monotonic()
        self._pending: list[Future[None]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._allocated = False
        self._time = TimeToCarry()
        self.failed = False
        self.totals = CommittedTotals()
        self.added = 0

    @property
    def gpu_time(self) -> GpuTime:
        """GPU time committed so far."""
        return self._meter.time

    @property
    def cost_nano(self) -> int:
        """GPU cost committed so far, nano-dollars."""
        return self._meter.cost_nano

    def add_answer(self, row: AnsweredRow, *finished: Finished) -> None:
        """Add a record that was answered well, with its attempts that no commit has yet."""
        self._batch.rows.append(row)
        self._batch.finished += finished
        self._count_added()

    def add_carried(self, carried: Carried) -> None:
        """Add a record whose published row is taken over: no attempt, no line, no cost."""
        self._batch.carried.append(carried)
        self._count_added()

    def add_quarantined(self, quarantined: Quarantined, *finished: Finished) -> None:
        """Add a record that is set aside, with its attempts that no commit has yet."""
        self._batch.quarantined.append(quarantined)
        self._batch.finished += finished
        self._count_added()

    def add_escalated(self, escalated: Escalated, *finished: Finished) -> None:
        """Add a record that goes on to the API, with its attempts: from then on it is not tried here again."""
        self._batch.escalated.append(escalated)
        self._batch.finished += finished
        self._count_added()

    def estimate(self, completion: Completion) -> Usage:
        """Estimate the tokens of an answer of the API whose usage was not reported, as its line will have them."""
        return self._counter.of_unreported(completion)

    def add_closings(self, closings: Sequence[Closing]) -> None:
        """Add attempts on the API that served no record."""
        self._batch.closings += closings

    def keep(self, waiting: EscalationQueue) -> None:
        """Put records that wait and that no part holds yet into parts, with their texts."""
        while some := waiting.not_durable(self._records):
            for escalated in some:
                self.add_escalated(escalated)

    def tick(self) -> None:
        """Commit what has waited long enough. For loops in which nothing may finish for a while."""
        if len(self._batch) and monotonic() - self._batch_since >= self._seconds:
            self._submit()

    def flush(self) -> None:
        """Commit what was gathered and wait until everything is durable.

        GPU time that no served record carries (all were reused or rejected, or the engine died before
        the first of a window) is written to the run as unallocated.
        """
        self._allocated = False
        self._submit()
        self._await_commits(0)
        lap = MachineTime() if self._allocated else self._lap()
        left = self._time.take(lap, local=True, classifier=True).total
        if left.total_ns:
            self._write_unallocated(left, self._meter.add(left))

    def close(self) -> None:
        """End the thread. Call after `flush`, or to drop what was not committed."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _count_added(self) -> None:
        self.added += 1
        if len(self._batch) >= self._records or monotonic() - self._batch_since >= self._seconds:
            self._submit()

    def _submit(self) -> None:
        batch, self._batch = self._batch, CommitBatch()
        self._batch_since = monotonic()
        if not len(batch):
            return
        lap = self._take_lap(batch)
        lap_nano = self._meter.add(lap.total)
        self._await_commits(QUEUED_COMMITS - 1)
        self._pending.append(self._thread.submit(self._commit, batch, lap, lap_nano))

    def _take_lap(self, batch: CommitBatch) -> MachineTime:
        """Return the time that a commit carries. What none of its records used waits for the next commit with one that did."""
        engines = {item.engine for item in batch.finished}
        local, classified = "vllm" in engines, "classifier" in engines
        self._allocated = local or classified
        lap = self._lap() if self._allocated else MachineTime()
        return self._time.take(lap, local=local, classifier=classified)

    def _await_commits(self, allowed: int) -> None:
        """Wait until at most `allowed` commits are under way; raise what a finished one raised."""
        while self._pending and (len(self._pending) > allowed or self._pending[0].done()):
            self._pending.pop(0).result()

    def _commit(self, batch: CommitBatch, time: MachineTime, lap_nano: int) -> None:
        if self.failed:
            return  # whoever waits for this commit meets the error of the failed one first
        try:
            self._make_durable(batch, time, lap_nano)
        except BaseException:
            self.failed = True
            raise

    def _make_durable(self, batch: CommitBatch, time: MachineTime, lap_nano: int) -> None:
        local, classified = divide_lap(time, lap_nano)
        lines = ledger_lines(batch.finished, *local, self._keys, self._counter, classified)
        lap = time.total
        totals = CommittedTotals.of(batch, lines)
        ended = [*batch.closings, *closings(batch.finished, self._keys, self._counter)]
        part = self._write_part(batch)
        more = increments(totals, lap_nano)
        self._version.ledger.write(lambda session: self._write(session, part, batch, lines, ended, lap, more))
        totals.add_closed(ended)
        self.totals.add(totals)

    def _write_part(self, batch: CommitBatch) -> parts.Part | None:
        """Write the part file, if there is a record to put into it."""
        version, ordinals = self._version, batch.ordinals
        if not ordinals:
            return None
        part_id = new_id()
        path = write_part(
            version.folder,
            part_id,
            self._output,
            batch.rows,
            batch.quarantined,
            batch.escalated,
            batch.carried,
            version.group,
        )
        return parts.Part(
            part_id,
            version.id,
            self._keys.run_id,
            version.name_part(path),
            batch.records,
            min(ordinals),
            max(ordinals),
        )

    def _write(
        self,
        session: Session,
        part: parts.Part | None,
        batch: CommitBatch,
        lines: list[LedgerLine],
        ended: list[Closing],
        lap: GpuTime,
        more: runs.Increments,
    ) -> None:
        if part is not None and not parts.register(session, part):
            return  # the connection broke after the commit had taken place: all is written already
        if ended:  # each is closed once, however often this is tried
            attempts.close_attempts(session, ended)
        if part is None:
            return
        run_id = self._keys.run_id
        ledger.insert_lines(session, lines)
        runs.add(session, run_id, lap, more)
        runs.add_quarantined(session, run_id, set_aside(session, self._version.id, batch.quarantined))

    def _write_unallocated(self, lap: GpuTime, lap_nano: int) -> None:
        run_id = self._keys.run_id
        more = runs.Increments(gpu_cost_nano=lap_nano, unallocated_nano=lap_nano)

        def write(session: Session) -> None:
            if runs.gpu_time(session, run_id) != self._meter.time:  # else an earlier try was committed
                runs.add(session, run_id, lap, more)

        self._version.ledger.write(write)
