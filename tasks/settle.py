"""What becomes of a completion: published, set aside with a reason, or sent on to the API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from pydantic import BaseModel

from models import routing
from models.accounting import Finished, LinePrices
from models.engines.base import ClosedAttempt, Completion, RejectionReason
from models.ledger import Closing
from models.records import Carried, Escalated, EscalationReason, Quarantined, QuarantineReason, Record
from models.workloads.base import InvalidOutput
from tasks.commit import Committer
from tasks.parts import PartRow
from tasks.plan import Plan
from tasks.waiting import Waiting

REASONS: dict[RejectionReason, QuarantineReason] = {
    "empty": "missing_text",
    "too_long": "too_long",
    "refused": "refused",
}


class AttemptBook(Protocol):
    """What knows the attempts whose lines are open."""

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record."""

    def served(self, attempt: ClosedAttempt) -> int:
        """Forget an attempt whose line is closed with its record; return its upper bound, nano-dollars."""


class Settler:
    """Hands each completion of one run to its committer, by the workload's schema and policy."""

    def __init__(self, plan: Plan, committer: Committer, waiting: Waiting) -> None:
        self._plan = plan
        self._committer = committer
        self._waiting = waiting
        self.settled = 0

    def local(self, record: Record, completion: Completion, held: Sequence[Finished] = ()) -> bool:
        """Settle a completion of the local engine; `held` are the record's attempts before it.

        Returns whether the record goes on to the API.
        """
        if completion.rejection is not None:
            reason = self._passed_on(completion.rejection, valid=False, confidence=None)
            if reason is not None:
                self.escalate(record, reason, held)
                return True
            self._set_aside(record, REASONS[completion.rejection], completion.detail or "", *held)
            return False
        answer, fault = self._parsed(record, completion)
        confidence = None if answer is None else self._plan.workload.confidence(completion)
        reason = self._passed_on(None, valid=answer is not None, confidence=confidence)
        now = datetime.now(UTC)
        if reason is not None:
            self.escalate(record, reason, [*held, Finished(completion, now, "escalated", reason)])
            return True
        if answer is None:
            self._set_aside(
                record, "invalid_output", fault, *held, Finished(completion, now, "invalid_output")
            )
        else:
            self._publish(record, completion, answer, confidence, *held, Finished(completion, now, "ok"))
        return False

    def escalate(self, record: Record, reason: EscalationReason, made: Sequence[Finished] = ()) -> None:
        """Send a record on to the API. If it was tried here, the next commit keeps that, and its text."""
        escalated = Escalated(record, reason, len(made))
        self._waiting.put(escalated, durable=bool(made))
        if made:
            self._committer.add_escalated(escalated, *made)

    def api(
        self,
        escalated: Escalated,
        completion: Completion,
        book: AttemptBook,
        prices: LinePrices | None = None,
    ) -> None:
        """Settle a completion of the API. A deferred record waits on, with the deferral as its state.

        `prices` are those that the attempt's line was opened at, None for this run's own.
        """
        record, closed = escalated.record, completion.attempt
        if completion.deferral is not None:
            if closed is not None:
                self._committer.add_closings([book.unserved(closed)])
            attempts = escalated.attempts + completion.attempts
            again = Escalated(record, escalated.reason, attempts)
            self._waiting.put(again, durable=False, state=completion.deferral)
            return
        if completion.rejection is not None:
            self._waiting.finish(record.key)
            if closed is not None:
                self._committer.add_closings([book.unserved(closed)])
            self._set_aside(record, REASONS[completion.rejection], completion.detail or "")
            return
        if closed is not None:
            book.served(closed)
        self.answered(escalated, completion, prices)

    def answered(
        self, escalated: Escalated, completion: Completion, prices: LinePrices | None = None
    ) -> None:
        """Settle an answer of the API, or one that is reused, to a record that waited for it."""
        record, now = escalated.record, datetime.now(UTC)
        self._waiting.finish(record.key)
        answer, fault = self._parsed(record, completion)
        if answer is None:
            finished = Finished(completion, now, "invalid_output", escalated.reason, prices)
            self._set_aside(record, "invalid_output", fault, finished)
        else:
            finished = Finished(completion, now, "ok", escalated.reason, prices)
            confidence = self._plan.workload.confidence(completion)
            self._publish(record, completion, answer, confidence, finished)

    def rejected(self, completion: Completion) -> None:
        """Set aside a record that waited and that no request to the API can hold."""
        key = completion.request.record_key
        escalated = self._waiting.get(key)
        if escalated is not None and completion.rejection is not None:
            self._waiting.finish(key)
            self._set_aside(escalated.record, REASONS[completion.rejection], completion.detail or "")

    def set_aside(self, quarantined: Quarantined) -> None:
        """Quarantine a row that never was a request."""
        self.settled += 1
        self._committer.add_quarantined(quarantined)

    def carry(self, carried: Carried) -> None:
        """Take over what is published of a record."""
        self.settled += 1
        self._committer.add_carried(carried)

    def _passed_on(
        self, rejection: RejectionReason | None, *, valid: bool, confidence: float | None
    ) -> EscalationReason | None:
        return routing.after(self._plan.policy, rejection=rejection, valid=valid, confidence=confidence)

    def _parsed(self, record: Record, completion: Completion) -> tuple[BaseModel | None, str]:
        try:
            return self._plan.workload.parse(record.text, completion), ""
        except InvalidOutput as error:
            return None, str(error)

    def _publish(
        self,
        record: Record,
        completion: Completion,
        answer: BaseModel,
        confidence: float | None,
        *finished: Finished,
    ) -> None:
        self.settled += 1
        self._committer.add_answer(PartRow.of(record, completion, answer, confidence), *finished)

    def _set_aside(self, record: Record, reason: QuarantineReason, detail: str, *made: Finished) -> None:
        self.settled += 1
        quarantined = Quarantined(record.key, record.id, record.ordinal, reason, detail, record.text_hash)
        self._committer.add_quarantined(quarantined, *made)
