"""The stream of one run: read, render, infer, parse, commit, in one pass and in bounded memory."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.accounting import Finished
from models.engines.base import Completion, LocalEngine, Request
from models.errors import Interrupted, LeaseLost
from models.ids import new_id
from models.records import Quarantined, QuarantineReason, Record
from models.run import Progress
from models.workloads.base import InvalidOutput
from tasks.collector import spared_collector
from tasks.commit import CommitTarget, Committer, Totals
from tasks.engine import SharedEngine
from tasks.parts import PartRow, load_done
from tasks.plan import Plan
from tasks.progress import report
from tasks.scratch import Scratch
from tasks.signals import StopNow, StopRequest, stop_on_signals

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
REASONS: dict[str, QuarantineReason] = {"empty": "missing_text", "too_long": "too_long", "refused": "refused"}


@dataclass(frozen=True, slots=True)
class Inferred:
    """What one run inferred and committed."""

    totals: Totals
    gpu_ns: int
    cost_nano: int


@task(name="infer", cache_policy=NO_CACHE)
def infer(plan: Plan, engine: SharedEngine, lost: Callable[[], LeaseLost | None]) -> Inferred:
    """Answer every record of the partition that no registered part holds, committing as they finish.

    Whatever ends it early (a stop signal, an engine that died, a lost lease), all that had finished is
    committed first. Raises `Interrupted`, `EngineError`, `LeaseLost`, `DatabaseUnavailable`.
    """
    with Scratch(plan.folder) as scratch, stop_on_signals() as stop, spared_collector():
        load_done(plan.registered_parts(), scratch)
        stream = RunStream(plan, engine, scratch, stop, lost)
        try:
            stream.run()
        finally:
            stream.committer.close()
    if (error := lost()) is not None:
        raise error
    if stop.signal_number is not None:
        msg = (
            f"stopped by signal {stop.signal_number}; {stream.committer.added} records of this run are "
            "committed, the same command finishes the rest"
        )
        raise Interrupted(msg, signal_number=stop.signal_number)
    committer = stream.committer
    return Inferred(committer.totals, committer.gpu_time.total_ns, committer.cost_nano)


class RunStream:
    """Holds what is in flight between the reader, the engine and the committer of one run."""

    def __init__(
        self,
        plan: Plan,
        engine: SharedEngine,
        scratch: Scratch,
        stop: StopRequest,
        lost: Callable[[], LeaseLost | None],
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._scratch = scratch
        self._stop = stop
        self._lost = lost
        self._records: dict[str, Record] = {}
        self._done = 0
        self._started = time.monotonic()
        self._reported = 0.0
        self.committer = self._make_committer()

    def run(self) -> None:
        """Stream until the input ends or the run is stopped; commit all that finished."""
        requests = self._requests()
        try:
            first = next(requests, None)
            if first is not None:  # a run that has nothing left to infer does not load the model
                self._stream(self._load(), chain([first], requests))
        except StopNow:
            log.info("stopped while the engine was loading")
        finally:
            if not self.committer.failed:
                self.committer.flush()
            self._report(force=True)

    def _load(self) -> LocalEngine:
        with self._stop.at_once():
            return self._engine.get()

    def _stream(self, engine: LocalEngine, requests: Iterator[Request]) -> None:
        for completion in engine.stream(
            requests, answers=self._scratch, stop=lambda: self._stop() or self._lost() is not None
        ):
            self._settle(completion)
            self._report()

    def _requests(self) -> Iterator[Request]:
        workload = self._plan.workload
        output, max_tokens = workload.output_format, workload.max_tokens
        for batch in self._plan.reader.batches():
            if self._stop():
                return
            done = self._scratch.done([item.key for item in batch])
            self._done += len(done)
            for item in batch:
                if item.key in done:
                    continue
                if isinstance(item, Quarantined):
                    self._quarantine(item)
                    continue
                self._records[item.key] = item
                yield Request(new_id(), item.key, workload.messages(item.text), output, max_tokens)

    def _settle(self, completion: Completion) -> None:
        record = self._records.pop(completion.request.record_key)
        if completion.rejection is not None:
            reason = REASONS[completion.rejection]
            detail = completion.detail or ""
            self._quarantine(Quarantined(record.key, record.id, record.ordinal, reason, detail))
            return
        now, workload = datetime.now(UTC), self._plan.workload
        try:
            answer = workload.parse(record.text, completion)
        except InvalidOutput as error:
            set_aside = Quarantined(record.key, record.id, record.ordinal, "invalid_output", str(error))
            self._quarantine(set_aside, Finished(completion, now, "invalid_output"))
            return
        self._done += 1
        row = PartRow.of(record, completion, answer, workload.confidence(completion))
        self.committer.add_answer(row, Finished(completion, now, "ok"))

    def _quarantine(self, quarantined: Quarantined, finished: Finished | None = None) -> None:
        self._done += 1
        self.committer.add_quarantined(quarantined, finished)

    def _report(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._reported < PROGRESS_SECONDS:
            return
        self._reported = now
        plan, totals = self._plan, self.committer.totals
        report(
            Progress(
                plan.workload.name,
                plan.partition,
                self._done,
                plan.total,
                totals.output_tokens,
                now - self._started,
            )
        )

    def _make_committer(self) -> Committer:
        plan, settings = self._plan, self._plan.settings
        target = CommitTarget(
            plan.sessions,
            plan.lease,
            settings.lease_seconds,
            plan.version_id,
            plan.keys.run_id,
            plan.folder,
            plan.workload.output,
            settings.database_patience_seconds,
        )
        return Committer(
            target,
            plan.keys,
            plan.counter,
            lap=self._engine.lap,
            records=settings.commit_records,
            seconds=settings.commit_seconds,
        )
