"""Attempts on the API, written to the ledger before they are sent, under the budget (I2)."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models.economics.pricing import request_cost_nano
from models.engines.api.permit import OpenAttempt
from models.ledger.accounting import LinePrices
from models.ledger.api_accounting import closing_unserved
from models.ledger.line import Closing
from models.requests import ClosedAttempt, Usage
from tasks.api.answer_bounds import allowed
from tasks.api.pending_lines import PendingLines, find_written
from tasks.api.served_prices import ServedPrices
from tasks.runtime.leased_ledger import LeasedLedger


@dataclass(slots=True)
class _InFlight:
    """An attempt that stands in the ledger: its bound there, the most that its request allows, and when it was opened."""

    bound: int
    allowed: int
    at: datetime


@dataclass(slots=True)
class LedgerJournal:
    """The `Journal` of one run. `open`, `answered` and `close` may be called from any thread."""

    ledger: LeasedLedger
    pending: PendingLines
    prices: ServedPrices
    _flying: dict[UUID, _InFlight] = field(default_factory=dict, init=False)
    _ended: list[Closing] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def open(self, attempts: Sequence[OpenAttempt]) -> Mapping[UUID, str]:
        """Write attempts as pending lines; see `models.engines.api.permit.Journal`."""
        factor = self.pending.bounds.factor
        lines = [self.pending.line(attempt, factor) for attempt in attempts]
        higher: dict[UUID, int] = {}

        def reserve(session: Session) -> dict[UUID, str]:
            higher.update(self.pending.raise_in_flight(session, factor))
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
        self.pending.bounds.applied(factor)
        with self._lock:
            for line_id, bound in higher.items():
                if line_id in self._flying:
                    self._flying[line_id].bound = bound
            for line in lines:
                if line.id not in refused:
                    bound = line.cost_nano or 0
                    self._flying[line.id] = _InFlight(bound, allowed(bound, factor), line.at)
        return refused

    def answered(self, attempt: ClosedAttempt) -> None:
        """Hear of an answer at once: what it cost more than its request allows counts for the next attempt."""
        with self._lock:
            flying = self._flying.get(attempt.id)
        if flying is not None and attempt.usage is not None:
            cost = request_cost_nano(self.pending.charged.price, attempt.usage, flying.at)
            self.pending.bounds.hear(cost, flying.allowed)

    def close(self, closed: Sequence[ClosedAttempt]) -> None:
        """Note the end of attempts that served no record; `take_ended` gives them to the next commit."""
        ended = [self.unserved(attempt) for attempt in closed]
        with self._lock:
            self._ended += ended

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record."""
        prices = self.prices_of(attempt)
        return closing_unserved(attempt, prices, self.served(attempt))

    def served(self, attempt: ClosedAttempt) -> int:
        """Forget an attempt whose line is about to be closed; return its upper bound, nano-dollars."""
        with self._lock:
            flying = self._flying.pop(attempt.id, None)
        return 0 if flying is None else flying.bound

    def prices_of(self, attempt: ClosedAttempt, estimated: Usage | None = None) -> LinePrices:
        """Return the prices of an attempt that is in flight, by its hour and the tier that it was served in.

        `estimated` are the tokens of an answer without a reported usage.
        """
        with self._lock:
            flying = self._flying.get(attempt.id)
        charged, keys = self.pending.charged, self.pending.keys
        opened_at = None if flying is None else flying.at
        bound = 0 if flying is None else flying.bound
        prices = self.prices.at_once(attempt, charged.price, keys.counterfactual_price, opened_at, bound)
        usage = attempt.usage or estimated
        if flying is not None and usage is not None and (attempt.usage is None or prices.tier is not None):
            self.pending.bounds.hear(prices.cost_nano(usage), flying.allowed)
        return prices

    def take_ended(self) -> list[Closing]:
        """Return what was closed since the last call."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended
