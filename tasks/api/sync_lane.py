"""The way to the API beside the local engine: escalated records go out as they come, a few in flight."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.engines.api.stream import ApiStream
from models.records import Escalated
from models.requests import Completion
from tasks.api.attempt_journal import LedgerJournal
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


def nothing() -> None:
    """Do nothing."""


class Lane(Protocol):
    """Where escalated records go. They lie in the scratch's `waiting`; the lane takes them from there."""

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Send what waits, as far as there is room, and settle what was answered; do not wait longer."""

    def drain(self, report: Callable[[], None] = nothing) -> None:
        """See that no record is left that could be answered now. The local engine is done by then.

        `report` is called again and again meanwhile.
        """

    def close(self) -> None:
        """Leave what is in flight to a later run, and account for it."""


class NoLane:
    """For a run without an API: no record ever waits."""

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Do nothing."""

    def drain(self, report: Callable[[], None] = nothing) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SyncLane:
    """Asks the API at once. For one thread; the requests themselves live in the engine's own."""

    def __init__(
        self,
        options: ApiOptions,
        requests: ApiRequests,
        scratch: Scratch,
        committer: Committer,
        outcomes: Outcomes,
        journal: LedgerJournal,
        *,
        limits: Limits,
        stop: Callable[[], bool],
    ) -> None:
        self._options = options
        self._requests = requests
        self._scratch = scratch
        self._waiting = scratch.waiting
        self._committer = committer
        self._outcomes = outcomes
        self._journal = journal
        self._limits = limits
        self._stop = stop
        self._engine: OpenAIEngine | None = None
        self._stream: ApiStream | None = None
        self._flying: dict[str, Escalated] = {}
        self._held = False
        self._moved = False

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Send what waits, unless a budget stands against it, and settle what was answered."""
        if not self._held:
            self._send()
        if self._stream is None:
            return
        for completion in self._stream.ready(wait_seconds if self._flying else 0.0):
            self._accept(completion)
        self._committer.add_closings(self._journal.take_ended())
        self._committer.tick()

    def drain(self, report: Callable[[], None] = nothing) -> None:
        """Send and settle until nothing waits that the API would answer now.

        What a cap refuses is tried once more when everything in flight has been accounted for: until
        then it counted with the most that it could have cost.
        """
        while not self._stop():
            self.pump(WAIT_SECONDS)
            report()
            if self._flying or (not self._held and self._waiting.queued()):
                continue
            if not (self._held and self._moved):
                break
            self._committer.flush()
            self._held = self._moved = False
            self._waiting.requeue("budget")
        if self._held:
            self._waiting.defer_queued("budget")

    def close(self) -> None:
        """Give what is in flight a moment, then abandon it: its lines keep their upper bound."""
        if self._stream is not None and not self._committer.failed:
            for completion in self._stream.finish(GRACE_SECONDS):
                self._accept(completion)
            self._committer.add_closings(self._journal.take_ended())
        if self._engine is not None:
            self._engine.close()
            self._engine = self._stream = None

    def _send(self) -> None:
        if self._stream is not None and self._stream.free <= 0:
            return
        room = self._options.concurrency if self._stream is None else self._stream.free
        for escalated in self._waiting.take(room):
            self._flying[escalated.record.key] = escalated
            self._opened().offer(self._requests.render(escalated))

    def _opened(self) -> ApiStream:
        if self._stream is None:
            from models.engines.api.engine import OpenAIEngine  # noqa: PLC0415  a second, and few runs need it

            self._engine = OpenAIEngine(self._options, self._journal, self._limits)
            self._stream = self._engine.open(answers=self._scratch, stop=self._stop)
        return self._stream

    def _accept(self, completion: Completion) -> None:
        escalated = self._flying.pop(completion.request.record_key)
        if completion.deferral == "budget":
            if not self._held:
                log.warning("the API is not asked any more: %s is reached", completion.detail)
            self._held = True
        elif completion.attempt is not None:
            self._moved = True
        self._outcomes.accept_api(escalated, completion, self._journal)
