"""Outcomes of completions: published, quarantined with a reason, or escalated to the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from pydantic import BaseModel

from models.engines.base import served_by
from models.ledger.accounting import Finished, LinePrices, came_because
from models.ledger.line import Closing
from models.records import Carried, Escalated, EscalationReason, Fault, Quarantined, Record
from models.requests import ClosedAttempt, Completion, RejectionReason
from models.routing import rules
from models.routing.policy import Policy
from models.workloads.base import InvalidOutput, Workload
from models.workloads.limits import correction_of
from tasks.storage.committer import Committer
from tasks.storage.escalation_queue import HELD, EscalationQueue
from tasks.storage.first_answers import FirstAnswers, HeldAnswer, is_answer
from tasks.storage.part_files import AnsweredRow
from tasks.storage.set_aside import REFUSALS, REJECTED, set_aside

OVER_LIMIT = "over_limit"
"""Failure of an answer that broke a limit, and was asked for once more."""
UNANSWERED = "must be answered in a usable way within api_max_attempts attempts"
NO_FAULT = Fault("invalid_output", "", "", "")
"""Stands beside an answer with which nothing is wrong."""


class AttemptBook(Protocol):
    """What knows the attempts whose lines are open."""

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record."""

    def served(self, attempt: ClosedAttempt) -> int:
        """Forget an attempt whose line is closed with its record; return its upper bound, nano-dollars."""


@dataclass(slots=True)
class Outcomes:
    """Hands each completion of one run to its committer, by the workload's schema and policy."""

    workload: Workload
    policy: Policy
    committer: Committer
    waiting: EscalationQueue
    keep_answers: bool
    first: FirstAnswers
    most_attempts: int
    done: int = field(default=0, init=False)

    def accept_local(self, record: Record, completion: Completion, held: Sequence[Finished] = ()) -> bool:
        """Decide on a completion of the local engine; `held` are the record's attempts before it.

        Returns whether the record goes on to the API.
        """
        if completion.rejection is not None:
            reason = self._reason_to_escalate(completion.rejection, valid=False, confidence=None)
            if reason is not None:
                self.escalate(record, reason, held)
                return True
            self._reject(record, completion, completion.rejection, *held)
            return False
        answer, fault = self._parsed(record, completion)
        confidence = None if answer is None else self.workload.confidence(completion)
        reason = self._reason_to_escalate(None, valid=answer is not None, confidence=confidence)
        now, came = datetime.now(UTC), came_because(held)
        if reason is not None:
            self.escalate(record, reason, [*held, Finished(completion, now, "escalated", reason)])
            return True
        if answer is None:
            made = Finished(completion, now, "invalid_output", came=came)
            self._quarantine(record, fault, completion, *held, made)
        else:
            made = Finished(completion, now, "ok", came=came)
            self._publish(record, completion, answer, confidence, *held, made)
        return False

    def accept_classified(self, record: Record, completion: Completion, threshold: float) -> Finished | None:
        """Publish a classifier's answer of at least this confidence; return the attempt of a record that goes on, None where it is done."""
        answer, _ = self._parsed(record, completion)
        now, confidence = datetime.now(UTC), completion.confidence
        if answer is None:
            return Finished(completion, now, "escalated", "invalid_output")
        if confidence is None or not confidence >= threshold:
            return Finished(completion, now, "escalated", "low_confidence")
        self._publish(record, completion, answer, confidence, Finished(completion, now, "ok"))
        return None

    def escalate(self, record: Record, reason: EscalationReason, made: Sequence[Finished] = ()) -> None:
        """Send a record on to the API. If it was tried here, the next commit keeps that, and its text."""
        escalated = Escalated(record, reason, len(made))
        self.waiting.put(escalated, durable=bool(made))
        if made:
            self.committer.add_escalated(escalated, *made)

    def accept_api(
        self,
        escalated: Escalated,
        completion: Completion,
        book: AttemptBook,
        prices: LinePrices | None = None,
    ) -> None:
        """Decide on a completion of the API. A deferred record waits on, with the deferral as its state.

        `prices` are those that the attempt's line was opened at, None for this run's own.
        """
        record, closed = escalated.record, completion.attempt
        if completion.deferral is not None:
            if closed is not None:
                self.committer.add_closings([book.unserved(closed)])
            attempts = escalated.attempts + completion.attempts
            again = Escalated(record, escalated.reason, attempts)
            self.waiting.put(again, durable=False, state=completion.deferral)
            return
        if completion.rejection is not None:
            if closed is not None:
                self.committer.add_closings([book.unserved(closed)])
            if is_answer(completion) and not self.first.fitted:
                self._hold(_after(escalated, completion), completion)
            else:
                self.waiting.finish(record.key)
                self._reject(record, completion, completion.rejection)
            return
        if closed is not None:
            book.served(closed)
        self.accept_answer(escalated, completion, prices)

    def accept_answer(
        self, escalated: Escalated, completion: Completion, prices: LinePrices | None = None
    ) -> None:
        """Take an answer of the API, or one that is reused, to a record that waited for it."""
        record, now = escalated.record, datetime.now(UTC)
        answer, fault = self._parsed(record, completion)
        if answer is None:
            finished = Finished(completion, now, "invalid_output", escalated.reason, prices)
            again = _after(escalated, completion)
            if self._ask_once_more(again, fault, finished):
                return
            if not self.first.fitted:
                self._hold(again, completion, finished)
                return
            self.waiting.finish(record.key)
            self._quarantine(record, fault, completion, finished)
        else:
            self.waiting.finish(record.key)
            finished = Finished(completion, now, "ok", escalated.reason, prices)
            confidence = self.workload.confidence(completion)
            self._publish(record, completion, answer, confidence, finished)
            self.release_held()

    def release_held(self) -> None:
        """Set aside the records of the answers that were held: another one fits, or the run has no more to come."""
        for held in self.first.release():
            record, completion = held.escalated.record, held.completion
            self.waiting.finish(record.key)
            if completion.rejection is not None:
                self._reject(record, completion, completion.rejection)
            else:
                self._quarantine(record, self._parsed(record, completion)[1], completion)

    def _ask_once_more(self, escalated: Escalated, fault: Fault, finished: Finished) -> bool:
        """Let an answer that broke a limit be asked for once more, within the record's attempts; False where it is not."""
        completion, correction = finished.completion, correction_of(fault.field, fault.rule)
        failures = escalated.failures + completion.attempts
        if correction is None or escalated.correction is not None or failures >= self.most_attempts:
            return False
        again = replace(escalated, failures=failures, correction=correction)
        if completion.attempt is not None:
            closed = replace(completion.attempt, failure=OVER_LIMIT)
            finished = finished._replace(completion=replace(completion, attempt=closed))
        self.waiting.put(again, durable=True)
        self.committer.add_escalated(again, finished)
        return True

    def _hold(self, escalated: Escalated, completion: Completion, *finished: Finished) -> None:
        """Let a record wait until it is known whether the settings are at fault that its answer does not fit."""
        self.waiting.put(escalated, durable=True, state=HELD)
        self.committer.add_escalated(escalated, *finished)
        self.first.hold(HeldAnswer(escalated, completion))

    def fits(self, record: Record, completion: Completion) -> bool:
        """Whether an answer to a record is one of the workload's."""
        return self._parsed(record, completion)[0] is not None

    def reject(self, completion: Completion) -> None:
        """Set aside a record that waited and that no request to the API can hold."""
        key = completion.request.record_key
        escalated = self.waiting.get(key)
        if escalated is not None and completion.rejection is not None:
            self.waiting.finish(key)
            self._reject(escalated.record, completion, completion.rejection)

    def give_up(self, key: str, failure: str | None) -> None:
        """Set aside a record that waited and that the API left without a usable answer in all its attempts.

        `failure` is the code of the last one.
        """
        escalated = self.waiting.get(key)
        if escalated is not None:
            self.waiting.finish(key)
            fault = Fault("unanswered", failure or "", ", ".join(self.workload.text_columns), UNANSWERED)
            self.done += 1
            self.committer.add_quarantined(set_aside(escalated.record, fault, "openai", None))

    def quarantine(self, quarantined: Quarantined) -> None:
        """Quarantine a row that never was a request."""
        self.done += 1
        self.committer.add_quarantined(quarantined)

    def keep(self, known: Carried | Quarantined) -> None:
        """Take over what is published of a record, or set a row aside, without asking anybody."""
        if isinstance(known, Quarantined):
            self.quarantine(known)
            return
        self.done += 1
        self.committer.add_carried(known)

    def _reason_to_escalate(
        self, rejection: RejectionReason | None, *, valid: bool, confidence: float | None
    ) -> EscalationReason | None:
        return rules.find_reason(self.policy, rejection=rejection, valid=valid, confidence=confidence)

    def _parsed(self, record: Record, completion: Completion) -> tuple[BaseModel | None, Fault]:
        """Return the answer as the workload's output; where it is none, why."""
        try:
            return self.workload.parse(record.text, completion), NO_FAULT
        except InvalidOutput as error:
            return None, Fault("invalid_output", str(error), error.field, error.rule)

    def _publish(
        self,
        record: Record,
        completion: Completion,
        answer: BaseModel,
        confidence: float | None,
        *finished: Finished,
    ) -> None:
        self.done += 1
        self.committer.add_answer(AnsweredRow(record, completion, answer, confidence), *finished)

    def _reject(
        self, record: Record, completion: Completion, rejection: RejectionReason, *made: Finished
    ) -> None:
        """Set aside a record that an engine did not take."""
        reason, rule = REJECTED[rejection]
        detail, columns = completion.detail or "", ", ".join(self.workload.text_columns)
        self._quarantine(
            record, Fault(reason, detail, columns, REFUSALS.get(detail, rule)), completion, *made
        )

    def _quarantine(self, record: Record, fault: Fault, completion: Completion, *made: Finished) -> None:
        self.done += 1
        engine = served_by(completion.request)
        answer = completion.text if self.keep_answers and completion.text else None
        self.committer.add_quarantined(set_aside(record, fault, engine, answer), *made)


def _after(escalated: Escalated, completion: Completion) -> Escalated:
    """Return a record with the attempts of a completion; those of a batch may be counted already."""
    last = completion.request.attempt + completion.attempts - 1
    return replace(escalated, attempts=max(escalated.attempts, last))
