"""The ledger lines of attempts on the API, opened under the budget before anything is sent (I2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts, audits, spend
from models.economics.budget import Budget, Cap
from models.economics.pricing import Price
from models.economics.upper_bound import upper_bound_nano
from models.engines.api.chat_format import schema_text
from models.engines.api.permit import ApiRequest, OpenAttempt
from models.errors import ResidencyError
from models.ledger.accounting import ApiKeys, LineKeys
from models.ledger.api_accounting import pending_line
from models.ledger.line import LedgerLine
from tasks.api.answer_bounds import AnswerBounds, raised


@dataclass(slots=True)
class PendingLines:
    """Makes the lines of one run's attempts, and admits them to the ledger as far as the caps leave room.

    A cap is looked at in the transaction that writes the lines, with the ledger's own sums, in which
    attempts in flight stand at their upper bounds: two runs at once keep it as well.
    """

    workload: str
    keys: LineKeys
    charged: ApiKeys
    budget: Budget
    bounds: AnswerBounds

    def line(self, attempt: OpenAttempt, factor: int | None = None) -> LedgerLine:
        """Return the line of an attempt, at its upper bound. Raises `ResidencyError` for another workload's.

        `factor`: what the bound is raised by, thousandths; None: what is known of the endpoint now.
        """
        request, charged = attempt.request, self.charged
        if request.permit.workload != self.workload:
            msg = f"a request of {request.permit.workload} is none of {self.workload}"
            raise ResidencyError(msg)
        bound = raised(allowed_nano(charged.price, request), factor or self.bounds.factor)
        return pending_line(attempt, self.keys, charged, reason=request.reason, upper_bound=bound)

    def left(self, session: Session) -> int | None:
        """Return what the tightest cap leaves, nano-dollars; None where there is no cap."""
        if not self.budget.capped:
            return None
        return max(0, min(cap.limit_nano - cap.spent_nano for cap in self._caps(session)))

    def raise_in_flight(self, session: Session, factor: int) -> dict[UUID, int]:
        """Raise what is in flight to a factor that was learnt since; return the new bounds, nano-dollars.

        Nobody else's amounts are admitted until the transaction ends.
        """
        if self.budget.capped:
            spend.lock(session)
        return self.bounds.apply(session, self.keys.run_id, factor)

    def admit(self, session: Session, amounts: Sequence[int]) -> Sequence[str | None]:
        """Return for each amount (nano-dollars) the cap that stands against it, None if it is admitted.

        Nobody else's amounts are admitted until the transaction ends.
        """
        if not self.budget.capped:
            return [None] * len(amounts)
        spend.lock(session)
        return self.budget.admit(amounts, self._caps(session))

    def open(self, session: Session, lines: Sequence[LedgerLine]) -> None:
        """Write lines that are admitted."""
        attempts.open_attempts(session, self.workload, lines)

    def _caps(self, session: Session) -> list[Cap]:
        today = datetime.now(UTC).date()
        spent = spend.read_spend(session, self.workload, today)
        if self.budget.caps_audits:
            spent = replace(spent, audits_month=audits.read_spend(session, self.workload, today))
        return self.budget.caps(spent, spend.read_run_spend(session, self.keys.run_id))


def allowed_nano(price: Price, request: ApiRequest) -> int:
    """Return the most that an answer can cost if it keeps to its request, nano-dollars."""
    return upper_bound_nano(price, request.messages, schema_text(request.output), request.token_limit)


def find_written(session: Session, lines: Sequence[LedgerLine]) -> set[UUID]:
    """Return the ids of those lines that are in the ledger."""
    return {line.id for line in lines if attempts.is_written(session, line.id)}
