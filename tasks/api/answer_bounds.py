"""By how much answers of an endpoint cost more than their requests allow: every upper bound is raised by it."""

import logging
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts, endpoints
from models.engines.api.options import ApiOptions
from tasks.runtime.leased_ledger import LeasedLedger

log = logging.getLogger(__name__)

PLAIN = 1000
"""Factors are thousandths, rounded up: this one leaves a bound as it is."""
ENOUGH_ANSWERS = 100
"""After so many answers of a run, what earlier runs saw counts no more."""


@dataclass(slots=True)
class AnswerBounds:
    """The factor of upper bounds at one endpoint and model, which begins at what earlier runs have seen.

    An endpoint that passes over `max_tokens` bills more than any bound that is worked out from a request. The first
    such answer raises the bounds of all later attempts, and those of attempts in flight with the next transaction
    that admits any. `hear` may be called from any thread.
    """

    ledger: LeasedLedger
    endpoint: str
    model: str
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _factor: int = field(default=PLAIN, init=False)
    _applied: int = field(default=PLAIN, init=False)
    _kept: int = field(default=PLAIN, init=False)
    _most: int = field(default=PLAIN, init=False)
    _answers: int = field(default=0, init=False)
    _warned: bool = field(default=False, init=False)

    @classmethod
    def of(cls, ledger: LeasedLedger, options: ApiOptions) -> "AnswerBounds":
        """Read what is known of an endpoint from the ledger."""
        bounds = cls(ledger, options.host, options.model)
        known = ledger.read(lambda session: endpoints.read_bound(session, bounds.endpoint, bounds.model))
        bounds._factor = bounds._applied = bounds._kept = max(known or PLAIN, PLAIN)
        return bounds

    @property
    def factor(self) -> int:
        """The factor that holds now, in thousandths."""
        return self._factor

    def hear(self, cost_nano: int, allowed_nano: int) -> None:
        """Hear what an answer cost, and the most that its request allows, nano-dollars, no factor in it."""
        ratio = -(-PLAIN * cost_nano // allowed_nano) if allowed_nano else PLAIN
        with self._lock:
            self._answers += 1
            self._most = max(self._most, ratio)
            first = ratio > self._factor and not self._warned
            self._warned |= first
            self._factor = max(self._factor, ratio)
        if first:
            log.warning(
                "the API at %s passes over the limit of an answer: one cost %.1f times the most that its request allows. From now "
                "on each may cost so much, and caps count it so; if the limit should hold, check BREAKEVEN_API_BASE_URL",
                self.endpoint,
                ratio / PLAIN,
            )

    def apply(self, session: Session, run_id: UUID, factor: int) -> dict[UUID, int]:
        """Raise the bounds of a run's attempts in flight to a factor; return those that were, nano-dollars.

        Call `applied` once the transaction is committed.
        """
        if factor <= self._applied:
            return {}
        endpoints.keep_bound(session, self.endpoint, self.model, factor)
        return attempts.raise_bounds(session, run_id, Fraction(factor, self._applied))

    def applied(self, factor: int) -> None:
        """Note that what is in flight stands at a factor."""
        if factor > self._applied:
            self._applied = self._kept = factor

    def keep(self) -> None:
        """Keep the factor for the next run: lower than it was, where this run has seen many answers and none so dear."""
        with self._lock:
            factor = self._most if self._answers >= ENOUGH_ANSWERS else self._factor
        if factor != self._kept:
            self.ledger.write(
                lambda session: endpoints.keep_bound(session, self.endpoint, self.model, factor)
            )
            self._kept = factor


def raised(bound_nano: int, factor: int) -> int:
    """Return an upper bound times a factor in thousandths, rounded up."""
    return -(-bound_nano * factor // PLAIN)


def allowed(raised_nano: int, factor: int) -> int:
    """Return the bound that was raised by a factor: exactly the one that `raised` was given."""
    return raised_nano * PLAIN // factor
