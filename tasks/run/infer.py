"""The stream of one run: read, render, infer, parse, commit, in one pass and in bounded memory."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from models import routing
from models.default_model import model_name
from models.engines.base import LocalEngine
from models.errors import EngineError, LeaseLost
from models.ids import new_id
from models.ledger.accounting import Finished
from models.records import EscalationReason, Quarantined, Record
from models.requests import Completion, Request
from models.run import lease_name
from tasks.api.batch_lane import leave_out_batched
from tasks.api.sync_lane import Lane
from tasks.planning.late_data import load_published
from tasks.planning.run_plan import Plan
from tasks.run.wiring import make_committer, make_lane, make_settler
from tasks.runtime.gc_freeze import spared_collector
from tasks.runtime.run_progress import Counts, RunProgress
from tasks.runtime.shared_engine import SharedEngine
from tasks.runtime.stop_signals import StopNow, StopRequest, stop_on_signals
from tasks.storage.committer import Committer, Totals
from tasks.storage.part_files import load_done
from tasks.storage.scratch_db import Scratch

log = logging.getLogger(__name__)

RETRY_SECONDS = (5.0, 60.0)
"""First and longest pause before a local engine that failed is tried again (policy `wait`)."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """What one run inferred and committed. `waiting` counts the records that wait, by reason."""

    totals: Totals
    gpu_ns: int
    cost_nano: int
    waiting: Mapping[str, int]


def infer(plan: Plan, engine: SharedEngine, lost: Callable[[], LeaseLost | None]) -> Inferred:
    """Answer every record of the partition that no registered part holds, committing as they finish.

    Whatever ends it early (a stop signal, an engine that died, a lost lease), all that had finished is
    committed first. Raises `Interrupted`, `EngineError`, `ApiAccessError`, `LeaseLost`,
    `DatabaseUnavailable`.
    """
    with Scratch(plan.folder) as scratch, stop_on_signals() as stop, spared_collector():
        load_done(plan.registered_parts(), scratch)
        leave_out_batched(plan, scratch.waiting)
        if plan.carry_from is not None:
            load_published(plan.carry_from, plan.workload.output, scratch.carried)
        stream = RunStream(plan, engine, scratch, stop, lost)
        try:
            stream.run()
        finally:
            stream.committer.close()
        waiting = scratch.waiting.states()
    if (error := lost()) is not None:
        raise error
    committer = stream.committer
    if stop():
        left = f"{committer.added} records of this run are committed, the same command finishes the rest"
        raise stop.interrupted(left)
    cost = committer.cost_nano + committer.totals.api_cost_nano
    return Inferred(committer.totals, committer.gpu_time.total_ns, cost, waiting)


class RunStream:
    """Holds what is in flight between the reader, the engines and the committer of one run."""

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
        self._triage: dict[str, Finished | None] = {}
        self._again: deque[Request] = deque()
        self._done_before = 0
        name = lease_name(plan.workload.name, plan.purpose)
        self._progress = RunProgress(name, plan.partition, plan.total, self._counts)
        self.committer: Committer = make_committer(plan, engine.lap)
        self._settler = make_settler(plan, self.committer, scratch.waiting)
        self._lane: Lane = make_lane(
            plan, scratch, self.committer, self._settler, engine.limits, self._must_stop
        )

    def run(self) -> None:
        """Stream until the input ends or the run is stopped; commit all that finished."""
        try:
            with self._progress.told():
                self._run_local()
                self._drain()
            if not self._must_stop():  # a later run need not read and try them again
                self.committer.keep(self._scratch.waiting)
        except StopNow:
            log.info("stopped while the engine was loading")
        finally:
            self._lane.close()
            if not self.committer.failed:
                self.committer.flush()
            self._progress.report(force=True)

    def _drain(self) -> None:
        """Let the API answer what is left for it."""
        if self._scratch.waiting.queued():
            self._progress.computes("waiting for the API's answers")
        self._lane.drain(self._progress.report)

    def _must_stop(self) -> bool:
        return self._stop() or self._lost() is not None

    def _run_local(self) -> None:
        """Answer what the local engine can; a run with nothing for it does not load the model."""
        requests = self._requests()
        if self._plan.engine == "openai":
            self._hand_over(requests, self._plan.sent_because)
            return
        first = next(requests, None)
        if first is None:
            return
        self._again.append(first)
        patience = Patience(self._plan.settings.engine_patience_seconds)
        while True:
            try:
                self._stream(self._load(), requests)
            except EngineError as error:
                fails = self._plan.policy.engine_fails
                if fails == "api":
                    log.warning("the local engine failed, the rest goes to the API: %s", error)
                    self._engine.discard()
                    self._hand_over(requests, "engine_failed")
                elif fails == "wait" and patience.left():
                    log.warning("the local engine failed and is tried again: %s", error)
                    self._engine.discard()
                    patience.wait(self._must_stop)
                    self._again = deque(self._request(record) for record in self._records.values())
                    continue
                else:
                    raise
            return

    def _load(self) -> LocalEngine:
        if not self._engine.loaded:
            self._progress.loads(model_name(self._plan.settings))
        with self._stop.at_once():
            return self._engine.get()

    def _stream(self, engine: LocalEngine, requests: Iterator[Request | None]) -> None:
        self._progress.computes("computing the first prompts")
        for completion in engine.stream(requests, answers=self._scratch, stop=self._must_stop):
            self._settle(completion)
            self._lane.pump()
            self._progress.report()

    def _requests(self) -> Iterator[Request | None]:
        """Yield a request for each record that is for the local engine, and None where one must finish first."""
        waiting = self._scratch.waiting
        for batch in self._plan.open_reader().batches():
            if self._stop():
                return
            keys = [item.key for item in batch]
            done = self._scratch.done(keys)
            self._done_before += len(done)
            passed = done | waiting.among(keys)
            unchanged = self._scratch.carried.unchanged(batch)
            for item in batch:
                while self._again:
                    yield self._again.popleft()
                if item.key in passed:
                    continue
                if isinstance(item, Quarantined):
                    self._settler.set_aside(item)
                elif item.key in unchanged:
                    self._settler.carry(unchanged[item.key])
                elif (request := self._routed(item)) is not None:
                    yield request
            self._progress.report()
        while self._again or self._records:
            yield self._again.popleft() if self._again else None

    def _routed(self, record: Record) -> Request | None:
        """Return the record's request to the local engine, or None if it goes to the API at once."""
        policy = self._plan.policy
        if (reason := routing.before(record, policy)) is not None:
            self._settler.escalate(record, reason)
            self._lane.pump()
            return None
        self._records[record.key] = record
        return self._request(record)

    def _request(self, record: Record) -> Request:
        workload, number = self._plan.workload, 1
        if routing.asks_triage(self._plan.policy):
            if record.key not in self._triage:
                return Request(
                    new_id(),
                    record.key,
                    routing.triage_messages(record.text),
                    routing.TRIAGE,
                    routing.TRIAGE_TOKENS,
                )
            number = 1 if self._triage[record.key] is None else 2
        messages = workload.messages(record.text)
        return Request(new_id(), record.key, messages, workload.output_format, workload.max_tokens, number)

    def _settle(self, completion: Completion) -> None:
        key = completion.request.record_key
        self._progress.answered()
        if completion.request.output is routing.TRIAGE:
            self._settle_triage(self._records[key], completion)
            return
        record, held = self._records.pop(key), self._triage.pop(key, None)
        self._settler.local(record, completion, [held] if held else [])

    def _settle_triage(self, record: Record, completion: Completion) -> None:
        """Send a complex record to the API; ask the local engine for the answer to any other.

        The line of the triage is kept for the record's next commit: a run that is killed in between
        has committed nothing that it would have to repeat.
        """
        reason = routing.triaged(completion, self._plan.policy)
        made = None
        if completion.rejection is None:  # a question that was rejected is no attempt
            made = Finished(completion, datetime.now(UTC), "triage", reason)
        if reason is not None:
            del self._records[record.key]
            self._settler.escalate(record, reason, [made] if made else [])
            return
        self._triage[record.key] = made
        self._again.append(self._request(record))

    def _hand_over(self, requests: Iterator[Request | None], reason: EscalationReason) -> None:
        """Send to the API every record that the local engine did not answer."""
        self._progress.computes("waiting for the API's answers")
        self._again.clear()
        for key in list(self._records):
            self._pass_on(key, reason)
        for request in requests:
            if request is None or self._must_stop():
                break
            self._pass_on(request.record_key, reason)
            self._lane.pump()
            self._progress.report()

    def _pass_on(self, key: str, reason: EscalationReason) -> None:
        held = self._triage.pop(key, None)
        self._settler.escalate(self._records.pop(key), reason, [held] if held else [])

    def _counts(self) -> Counts:
        done = self._done_before + self._settler.settled
        return Counts(done, self.committer.totals.output_tokens, len(self._records))


class Patience:
    """How long an engine that fails is tried again, with growing pauses."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._pause, self._longest = RETRY_SECONDS

    def left(self) -> bool:
        """Whether another try is due."""
        return time.monotonic() < self._until

    def wait(self, stop: Callable[[], bool]) -> None:
        """Pause, or until `stop` turns true."""
        end = min(time.monotonic() + self._pause, self._until)
        while time.monotonic() < end and not stop():
            time.sleep(0.1)
        self._pause = min(2 * self._pause, self._longest)
