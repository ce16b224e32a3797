"""Attempts on the API, written to the ledger before they are sent, under the budget (I2)."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts as db_attempts
from db import leases, spend
from models.economics.budget import Budget
from models.economics.upper_bound import upper_bound_nano
from models.engines.api.chat_format import schema_text
from models.engines.api.permit import OpenAttempt
from models.errors import ResidencyError
from models.ledger.accounting import ApiKeys, LineKeys, closing_unserved, pending_line
from models.ledger.line import Closing, LedgerLine
from models.requests import ClosedAttempt
from tasks.runtime.ledger_access import with_patience
from tasks.storage.committer import CommitTarget


@dataclass(frozen=True, slots=True)
class Terms:
    """At which price a run's attempts are charged, and in which batch they go, if in one."""

    api: ApiKeys
    batch_id: UUID | None = None


class LedgerJournal:
    """The `Journal` of one run. `open` and `close` may be called from any thread.

    A cap is looked at in the transaction that writes the attempts, with the ledger's own sums, in which
    attempts in flight stand at their upper bounds: two runs at once keep it as well.
    """

    def __init__(
        self, target: CommitTarget, keys: LineKeys, workload: str, budget: Budget, terms: Terms
    ) -> None:
        self._target = target
        self._keys = keys
        self._workload = workload
        self._budget = budget
        self._terms = terms
        self._bounds: dict[UUID, int] = {}
        self._ended: list[Closing] = []
        self._lock = threading.Lock()

    def open(self, attempts: Sequence[OpenAttempt]) -> Mapping[UUID, str]:
        """Write attempts as pending lines; see `models.engines.api.permit.Journal`."""
        lines = [self._line(attempt) for attempt in attempts]
        tries = 0

        def write() -> dict[UUID, str]:
            nonlocal tries
            tries += 1
            with self._target.sessions.begin() as session:
                leases.renew(session, self._target.lease, self._target.lease_seconds)
                if tries > 1 and (there := self._written(session, lines)):
                    # the connection broke after the commit had taken place
                    return {line.id: "a cap of the budget" for line in lines if line.id not in there}
                return self._reserve(session, lines)

        refused = with_patience(self._target.patience_seconds, write)
        with self._lock:
            for line in lines:
                if line.id not in refused:
                    self._bounds[line.id] = line.cost_nano or 0
        return refused

    def close(self, closed: Sequence[ClosedAttempt]) -> None:
        """Note the end of attempts that served no record; `take_ended` gives them to the next commit."""
        ended = [self.unserved(attempt) for attempt in closed]
        with self._lock:
            self._ended += ended

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record."""
        return closing_unserved(attempt, self._terms.api.price, self.served(attempt))

    def served(self, attempt: ClosedAttempt) -> int:
        """Forget an attempt whose line is about to be closed; return its upper bound, nano-dollars."""
        with self._lock:
            return self._bounds.pop(attempt.id, 0)

    def take_ended(self) -> list[Closing]:
        """Return what was closed since the last call."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def _line(self, attempt: OpenAttempt) -> LedgerLine:
        request = attempt.request
        if request.permit.workload != self._workload:
            msg = f"a request of {request.permit.workload} is none of {self._workload}"
            raise ResidencyError(msg)
        bound = upper_bound_nano(
            self._terms.api.price, request.messages, schema_text(request.output), request.max_tokens
        )
        return pending_line(
            attempt,
            self._keys,
            self._terms.api,
            reason=request.reason,
            upper_bound=bound,
            batch_id=self._terms.batch_id,
        )

    def _written(self, session: Session, lines: Sequence[LedgerLine]) -> set[UUID]:
        return {line.id for line in lines if db_attempts.is_written(session, line.id)}

    def _reserve(self, session: Session, lines: Sequence[LedgerLine]) -> dict[UUID, str]:
        """Write what the caps admit; return what they do not."""
        verdicts: Sequence[str | None] = [None] * len(lines)
        if self._budget.capped:
            spend.lock(session)
            day = datetime.now(UTC).date()
            caps = self._budget.caps(
                spend.spent(session, self._workload, day), spend.of_run(session, self._keys.run_id)
            )
            verdicts = self._budget.admit([line.cost_nano or 0 for line in lines], caps)
        admitted = [line for line, against in zip(lines, verdicts, strict=True) if against is None]
        db_attempts.open_attempts(session, self._workload, admitted)
        return {
            line.id: against for line, against in zip(lines, verdicts, strict=True) if against is not None
        }
