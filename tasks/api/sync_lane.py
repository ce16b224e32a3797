"""The way to the API beside the local engine: escalated records go out as they come, a few in flight."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.engines.api.stream import ApiStream
from models.engines.window import is_parsed
from models.records import Escalated
from models.requests import Completion, Usage
from tasks.api.attempt_journal import LedgerJournal
from tasks.api.learnt import LearntCapabilities
from tasks.api.requests import ApiRequests
from tasks.storage.committer import Committer
from tasks.storage.outcomes import Outcomes
from tasks.storage.scratch_db import Scratch

if TYPE_CHECKING:
    from models.engines.api.engine import OpenAIEngine

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.25
"""How long the lane waits for an answer before it looks at stop signals and commits again."""
GRACE_SECONDS = 3.0
"""How long requests in flight may still be answered when a run stops; whoever stops it waits for this."""


def do_nothing() -> None:
    """Do nothing."""


class Lane(Protocol):
    """Where escalated records go. They lie in the scratch's `waiting`; the lane takes them from there."""

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Send what waits, as far as there is room, and accept what was answered; do not wait longer."""

    def drain(self, report: Callable[[], None] = do_nothing) -> None:
        """See that no record is left that could be answered now. The local engine is done by then.

        `report` is called again and again meanwhile.
        """

    def close(self) -> None:
        """Leave what is in flight to a later run, and account for it."""


class NoLane:
    """For a run without an API: no record ever waits."""

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Do nothing."""

    def drain(self, report: Callable[[], None] = do_nothing) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class SyncLane:
    """Asks the API at once. For one thread; the requests themselves live in the engine's own."""

    options: ApiOptions
    requests: ApiRequests
    scratch: Scratch
    committer: Committer
    outcomes: Outcomes
    journal: LedgerJournal
    limits: Limits
    learnt: LearntCapabilities
    stop: Callable[[], bool]
    _known: EndpointCapabilities | None = field(default=None, init=False)
    _warned: bool = field(default=False, init=False)
    _engine: "OpenAIEngine | None" = field(default=None, init=False)
    _stream: ApiStream | None = field(default=None, init=False)
    _flying: dict[str, Escalated] = field(default_factory=dict, init=False)
    _held: bool = field(default=False, init=False)
    _moved: bool = field(default=False, init=False)

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Send what waits, unless a budget stands against it, and accept what was answered."""
        if not self._held:
            self._send()
        if self._stream is None:
            return
        for completion in self._stream.ready(wait_seconds if self._flying else 0.0):
            self._accept(completion)
        self.committer.add_closings(self.journal.take_ended())
        self.committer.tick()
        self._keep_learnt()
        self.outcomes.first.check(self.options.model)

    def drain(self, report: Callable[[], None] = do_nothing) -> None:
        """Send and accept answers until nothing waits that the API would answer now.

        What a cap refuses is tried once more when everything in flight has been accounted for: until
        then it counted with the most that it could have cost.
        """
        while not self.stop():
            self.pump(WAIT_SECONDS)
            report()
            if self._flying or (not self._held and self.scratch.waiting.queued()):
                continue
            if not (self._held and self._moved):
                break
            self.committer.flush()
            self._held = self._moved = False
            self.scratch.waiting.requeue("budget")
        if self._held:
            self.scratch.waiting.defer_queued("budget")

    def close(self) -> None:
        """Give what is in flight a moment, then abandon it: its lines keep their upper bound."""
        if self._stream is not None and not self.committer.failed:
            for completion in self._stream.finish(GRACE_SECONDS):
                self._accept(completion)
            self.committer.add_closings(self.journal.take_ended())
            self._keep_learnt()
        if self._engine is not None:
            self._engine.close()
            self._engine = self._stream = None
            if not self.committer.failed:
                self.journal.pending.bounds.keep()

    def _send(self) -> None:
        if self._stream is not None and self._stream.free <= 0:
            return
        room = self.options.concurrency if self._stream is None else self._stream.free
        for escalated in self.scratch.waiting.take(room):
            self._flying[escalated.record.key] = escalated
            self._opened().offer(self.requests.render(escalated))

    def _opened(self) -> ApiStream:
        if self._stream is None:
            from models.engines.api.engine import OpenAIEngine  # noqa: PLC0415  a second, and few runs need it

            self._known = self.learnt.read()
            self._engine = OpenAIEngine(self.options, self.journal, self.limits, self._known)
            self._stream = self._engine.open(self.scratch, self.stop, self._is_usable)
        return self._stream

    def _keep_learnt(self) -> None:
        """Write down what the endpoint has taught the engine, for the next run and the next batch."""
        if self._engine is not None and self._engine.learnt != self._known:
            self._known = self._engine.learnt
            self.learnt.keep(self._known)

    def _is_usable(self, completion: Completion) -> bool:
        flying = self._flying[completion.request.record_key]
        return is_parsed(completion) and self.outcomes.fits(flying.record, completion)

    def _accept(self, completion: Completion) -> None:
        escalated = self._flying.pop(completion.request.record_key)
        if completion.deferral == "budget":
            if not self._warned:
                log.warning("the API is not asked any more: %s is reached", completion.detail)
            self._held = self._warned = True
        elif completion.attempt is not None:
            self._moved = True
        attempt = completion.attempt
        prices = None if attempt is None else self.journal.prices_of(attempt, self._estimated(completion))
        self.outcomes.accept_api(escalated, completion, self.journal, prices)

    def _estimated(self, completion: Completion) -> Usage | None:
        """Estimate the tokens of an answer whose usage was not reported."""
        attempt = completion.attempt
        silent = attempt is not None and attempt.outcome == "ok" and attempt.usage is None
        return self.committer.estimate(completion) if silent and completion.rejection is None else None
