"""Batches are written down before anything is uploaded: the request file, then its lines, under the budget."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from db import batches
from models.engines.api.chat_format import request_body
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiRequest, OpenAttempt
from models.engines.batch.files import BatchFile, BatchLimits, write_batches
from models.engines.window import reuse
from models.ledger.line import LedgerLine
from models.records import Escalated
from models.requests import Completion
from models.tokens import ChatTokenCounter
from tasks.api.learnt import LearntCapabilities
from tasks.api.pending_lines import PendingLines, find_written
from tasks.api.requests import ApiRequests
from tasks.storage.escalation_queue import IN_BATCH
from tasks.storage.open_version import OpenVersion
from tasks.storage.outcomes import Outcomes
from tasks.storage.scratch_db import Scratch

TAKEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """How batches are made: what a file may hold, until when answers are waited for, how requests are rendered and counted."""

    limits: BatchLimits
    deadline: timedelta
    options: ApiOptions
    counter: ChatTokenCounter


@dataclass(slots=True)
class BatchWriter:
    """Puts queued records into request files, and each file with its pending lines into the ledger.

    A file is on disk before its batch is in the ledger; one without a batch is removed by the next run.
    A record whose request was answered before reuses that answer, and one whose request is in a batch
    already waits for it: an identical request is paid for once.
    """

    version: OpenVersion
    terms: BatchTerms
    requests: ApiRequests
    pending: PendingLines
    scratch: Scratch
    outcomes: Outcomes
    learnt: LearntCapabilities
    stop: Callable[[], bool]
    _lines: dict[UUID, LedgerLine] = field(default_factory=dict, init=False)

    def write(self) -> None:
        """Write down everything that is queued, unless told to stop; set aside what no file can hold.

        A record for which the budget has no room becomes `budget`, the others `batch`.
        """
        terms, options, able = self.terms, self.terms.options, self.learnt.read()
        for made in write_batches(
            self._requests_to_make(),
            self.version.folder,
            terms.limits,
            body=lambda request: request_body(request, options, able),
            tokens=lambda request: terms.counter.input_tokens(request.messages),
            group=self.version.group,
        ):
            if isinstance(made, Completion):
                self._lines.pop(made.request.id)
                self.scratch.waiting.clear_asked(made.request.digest())
                self.outcomes.reject(made)
            else:
                self._record(made)

    def _requests_to_make(self) -> Iterator[ApiRequest]:
        """Render what is queued and must be asked for, as far as the caps leave room for the most that it can cost."""
        left = self._left()
        while not self.stop() and (some := self.scratch.waiting.take(TAKEN_AT_ONCE)):
            for escalated in some:
                request = self.requests.render(escalated)
                if self._is_answered(escalated, request):
                    continue
                line = self.pending.line(OpenAttempt(request.id, request, request.attempt, datetime.now(UTC)))
                cost = line.cost_nano or 0
                if left is not None and cost > left:
                    self.scratch.waiting.set_state(escalated.record.key, "budget")
                elif self.scratch.waiting.mark_asked(request.digest()):
                    left = None if left is None else left - cost
                    self._lines[request.id] = line
                    yield request
                else:
                    self.scratch.waiting.set_state(escalated.record.key, IN_BATCH)

    def _is_answered(self, escalated: Escalated, request: ApiRequest) -> bool:
        """Whether a record's request was answered before; then its outcome is written."""
        answer = self.scratch.get(request.digest())
        if answer is not None:
            self.outcomes.accept_answer(escalated, reuse(request, answer))
        return answer is not None

    def _left(self) -> int | None:
        """Return what the tightest cap leaves, nano-dollars; None where there is no cap."""
        return self.version.ledger.read(self.pending.left)

    def _record(self, file: BatchFile) -> None:
        """Write the batch and its pending lines down, unless another run used up the budget meanwhile."""
        lines = [self._lines.pop(id_)._replace(batch_id=file.batch_id) for id_ in file.ids]
        if self._committed(file, lines):
            state = IN_BATCH
        else:
            state = "budget"
            file.path.unlink(missing_ok=True)
        for line in lines:
            self.scratch.waiting.set_state(line.record_key, state)

    def _committed(self, file: BatchFile, lines: Sequence[LedgerLine]) -> bool:
        now = datetime.now(UTC)
        batch = batches.Batch(
            file.batch_id,
            lines[0].run_id,
            self.version.id,
            file.path.name,
            self.terms.options.model,
            file.requests,
            file.tokens,
            now,
            now + self.terms.deadline,
        )

        factor = self.pending.bounds.factor

        def write(session: Session) -> bool:
            self.pending.raise_in_flight(session, factor)
            if self.pending.admit(session, [sum(line.cost_nano or 0 for line in lines)]) != [None]:
                return False
            batches.record_intent(session, batch)
            self.pending.open(session, lines)
            return True

        written = self.version.ledger.write(
            write, lambda session: bool(find_written(session, lines[:1])) or None
        )
        self.pending.bounds.applied(factor)
        return written
