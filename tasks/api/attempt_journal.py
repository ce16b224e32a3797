"""Attempts on the API, written to the ledger before they are sent, under the budget (I2)."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from models.engines.api.permit import OpenAttempt
from models.ledger.accounting import closing_unserved
from models.ledger.line import Closing
from models.requests import ClosedAttempt
from tasks.api.pending_lines import PendingLines, find_written
from tasks.runtime.leased_ledger import LeasedLedger


@dataclass(slots=True)
class LedgerJournal:
    """The `Journal` of one run. `open` and `close` may be called from any thread."""

    ledger: LeasedLedger
    pending: PendingLines
    _bounds: dict[UUID, int] = field(default_factory=dict, init=False)
    _ended: list[Closing] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def open(self, attempts: Sequence[OpenAttempt]) -> Mapping[UUID, str]:
        """Write attempts as pending lines; see `models.engines.api.permit.Journal`."""
        lines = [self.pending.line(attempt) for attempt in attempts]

        def reserve(session: Session) -> dict[UUID, str]:
            against = self.pending.admit(session, [line.cost_nano or 0 for line in lines])
            judged = list(zip(lines, against, strict=True))
            self.pending.open(session, [line for line, cap in judged if cap is None])
            return {line.id: cap for line, cap in judged if cap is not None}

        def reserved(session: Session) -> dict[UUID, str] | None:
            there = find_written(session, lines)
            return (
                {line.id: "a cap of the budget" for line in lines if line.id not in there} if there else None
            )

        refused = self.ledger.write(reserve, reserved)
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
        return closing_unserved(attempt, self.pending.charged.price, self.served(attempt))

    def served(self, attempt: ClosedAttempt) -> int:
        """Forget an attempt whose line is about to be closed; return its upper bound, nano-dollars."""
        with self._lock:
            return self._bounds.pop(attempt.id, 0)

    def take_ended(self) -> list[Closing]:
        """Return what was closed since the last call."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended
