"""The stream of one run: read, render, infer, parse, commit, in one pass and in bounded memory."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from models.default_model import model_name, uses_server
from models.engines.base import LocalEngine
from models.engines.classifier.engine import Classifier
from models.errors import EngineError, LeaseLost, LedgerLost
from models.records import EscalationReason, Quarantined, Record
from models.requests import Completion, Request
from models.routing import rules
from models.run import lease_name
from models.settings import Settings
from tasks.planning.open_run import OpenRun, RunInput
from tasks.run.first_stage import FirstStage, Trained
from tasks.run.local_requests import LocalRequests
from tasks.run.wiring import RunParts, make_parts
from tasks.runtime.gc_freeze import freeze_startup_objects
from tasks.runtime.run_progress import Counts, RunProgress
from tasks.runtime.shared_engine import SharedEngine
from tasks.runtime.stop_signals import StopNow, StopRequest, stop_on_signals
from tasks.storage.commit_batch import CommittedTotals
from tasks.storage.committer import Committer
from tasks.storage.scratch_db import Scratch

log = logging.getLogger(__name__)

RETRY_SECONDS = (5.0, 60.0)
"""First and longest pause before a local engine that failed is tried again (policy `wait`)."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """What one run inferred and committed. `waiting` counts the records that wait, by reason."""

    totals: CommittedTotals
    gpu_ns: int
    cost_nano: int
    waiting: Mapping[str, int]

    @classmethod
    def of(cls, committer: Committer, waiting: Mapping[str, int]) -> "Inferred":
        """Sum what a run's committer has committed."""
        totals = committer.totals
        return cls(totals, committer.gpu_time.total_ns, committer.cost_nano + totals.api_cost_nano, waiting)


def infer(
    run: OpenRun, scratch: Scratch, engine: SharedEngine, lost: Callable[[], LeaseLost | LedgerLost | None]
) -> Inferred:
    """Answer every record of the partition that no registered part holds, committing as they finish.

    Whatever ends it early (a stop signal, an engine that died, a lost lease), all that had finished is
    committed first. Raises `Interrupted`, `EngineError`, `ApiAccessError`, `LeaseLost`,
    `DatabaseUnavailable`.
    """
    with stop_on_signals() as stop, freeze_startup_objects(), scratch.errors():
        stream = make_stream(run, scratch, engine, stop, lambda: stop() or lost() is not None)
        try:
            stream.run()
        finally:
            stream.parts.committer.close()
        waiting = scratch.waiting.states()
    if (error := lost()) is not None:
        raise error
    committer = stream.parts.committer
    if stop():
        left = f"{committer.added} records of this run are committed, the same command finishes the rest"
        raise stop.interrupted(left)
    return Inferred.of(committer, waiting)


def make_stream(
    run: OpenRun, scratch: Scratch, engine: SharedEngine, stop: StopRequest, must_stop: Callable[[], bool]
) -> "RunStream":
    """Make the stream of a run, of the parts that it uses."""
    version, given = run.version, run.given()
    parts = make_parts(run, scratch, engine.lap, engine.limits, must_stop)
    progress = RunProgress(lease_name(version.workload, version.purpose), version.partition, given.total)

    def load(found: Trained) -> Classifier:
        progress.note_loading(found.name)
        with stop.at_once():
            classifier = engine.classifier(found.folder, found.name)
        progress.note_computing("classifying")
        return classifier

    return RunStream(
        given,
        FirstStage(given.classifier, given.triage, run.workload, parts.outcomes, scratch, load, must_stop),
        LocalRequests(run.workload, run.policy),
        parts,
        progress,
        scratch,
        engine,
        run.settings,
        stop,
        must_stop,
    )


@dataclass(slots=True)
class RunStream:
    """Holds what is in flight between the reader, the engines and the committer of one run."""

    given: RunInput
    first_stage: FirstStage
    requests: LocalRequests
    parts: RunParts
    progress: RunProgress
    scratch: Scratch
    engine: SharedEngine
    settings: Settings
    stop: StopRequest
    must_stop: Callable[[], bool]
    _again: deque[Request] = field(default_factory=deque, init=False)
    _done_before: int = field(default=0, init=False)
    _has_answered: bool = field(default=False, init=False)

    def run(self) -> None:
        """Stream until the input ends or the run is stopped; commit all that finished."""
        try:
            with self.progress.report_while(self._counts):
                self._run_local()
                self._drain()
            if not self.must_stop():  # a later run need not read and try them again
                self.parts.outcomes.release_held()
                self.parts.used_up.set_aside()
                self.parts.committer.keep(self.scratch.waiting)
        except StopNow:
            log.info("stopped while the engine was loading")
        finally:
            self.parts.lane.close()
            if not self.parts.committer.failed:
                self.parts.committer.flush()
            self.progress.report(force=True)

    def _drain(self) -> None:
        """Let the API answer what is left for it."""
        if self.scratch.waiting.queued():
            self.progress.note_computing("waiting for the API's answers")
        self.parts.used_up.before_asking()
        self.parts.lane.drain(self.progress.report)

    def _run_local(self) -> None:
        """Answer what the local engine can; a run with nothing for it does not load the model."""
        requests = self._requests_to_make()
        if self.given.engine == "openai":
            self._hand_over(requests, self.given.sent_because)
            return
        first = next(requests, None)
        if first is None:
            return
        self._again.append(first)
        patience = Patience(self.engine.patience_seconds)
        while True:
            try:
                self._stream(self._load(), requests)
            except EngineError as error:
                fails = self.requests.policy.engine_fails
                if fails == "api":
                    log.warning("the local engine failed, the rest goes to the API: %s", error)
                    self.engine.discard()
                    self._hand_over(requests, "engine_failed")
                elif fails == "wait" and patience.left():
                    log.warning("the local engine failed and is tried again: %s", error)
                    self.engine.discard()
                    patience.wait(self.must_stop)
                    self._again = deque(self.requests.next(key) for key in self.requests)
                    continue
                else:
                    raise
            return

    def _load(self) -> LocalEngine:
        if not self.engine.serves(self.settings):
            self.progress.note_loading(model_name(self.settings), at_server=uses_server(self.settings))
        with self.stop.at_once():
            return self.engine.get(self.settings)

    def _stream(self, engine: LocalEngine, requests: Iterator[Request | None]) -> None:
        self.progress.note_computing("computing the first prompts")
        for completion in engine.stream(requests, answers=self.scratch, stop=self.must_stop):
            self._accept(completion)
            self.parts.lane.pump()
            self.progress.report()

    def _requests_to_make(self) -> Iterator[Request | None]:
        """Yield a request for each record that is for the local engine, and None where one must finish first."""
        for batch in self.given.batches():
            if self.must_stop():
                return
            for record, held in self.first_stage.sort_out(self._unknown(batch)):
                while self._again:
                    yield self._again.popleft()
                yield self.requests.add(record, held)
            self.progress.report()
        while self._again or len(self.requests):
            yield self._again.popleft() if self._again else None

    def _unknown(self, batch: Sequence[Record | Quarantined]) -> Iterator[Record]:
        """Yield the records of a batch that an engine here is to answer; keep what is known, send on what is complex."""
        keys = [item.key for item in batch]
        done = self.scratch.done(keys)
        self._done_before += len(done)
        passed = done | self.scratch.waiting.among(keys)
        kept = self.scratch.unchanged_rows.kept(batch)
        for item in batch:
            if item.key in passed:
                continue
            found = item if isinstance(item, Quarantined) else kept.get(item.key, item)
            if not isinstance(found, Record):
                self.parts.outcomes.keep(found)
            elif (reason := rules.find_complex_reason(found, self.requests.policy)) is None:
                yield found
            else:
                self.parts.outcomes.escalate(found, reason)
                # until an answer nothing is paid: the prompt may be one that the local model cannot take
                if self._has_answered:
                    self.parts.lane.pump()

    def _accept(self, completion: Completion) -> None:
        key = completion.request.record_key
        self.progress.note_answer()
        self._has_answered = True
        if completion.request.output is not rules.TRIAGE:
            record, held = self.requests.take(key)
            self.parts.outcomes.accept_local(record, completion, held)
        elif (reason := self.requests.triaged(completion)) is not None:
            self._pass_on(key, reason)
        else:
            self._again.append(self.requests.next(key))

    def _hand_over(self, requests: Iterator[Request | None], reason: EscalationReason) -> None:
        """Send to the API every record that the local engine did not answer."""
        self.progress.note_computing("waiting for the API's answers")
        self._again.clear()
        for key in self.requests:
            self._pass_on(key, reason)
        for request in requests:
            if request is None or self.must_stop():
                break
            self._pass_on(request.record_key, reason)
            self.parts.lane.pump()
            self.progress.report()

    def _pass_on(self, key: str, reason: EscalationReason) -> None:
        record, held = self.requests.take(key)
        self.parts.outcomes.escalate(record, reason, held)

    def _counts(self) -> Counts:
        done = self._done_before + self.parts.outcomes.done
        return Counts(done, self.parts.committer.totals.output_tokens, len(self.requests))


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
