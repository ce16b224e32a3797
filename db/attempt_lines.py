"""The attempts of one run on an API, in the order in which they were made, with what the provider said of each."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import LedgerLineRow as Line


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt. Tokens are None where it was not answered; money is nano-dollars. `served_model` and `service_tier` are None for what was asked for, `doubted_usage` where nothing was in doubt."""

    outcome: str
    failure: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    provider_nano: int | None
    estimated: bool
    served_model: str | None
    service_tier: str | None
    doubted_usage: str | None


def list_attempt_lines(session: Session, run_id: UUID) -> list[AttemptLine]:
    """Return the lines of a run's attempts on an API."""
    columns = [getattr(Line, name) for name in AttemptLine.__slots__]
    rows = session.execute(
        select(*columns).where(Line.run_id == run_id, Line.engine == "openai").order_by(Line.at, Line.id)
    )
    return [AttemptLine(*row) for row in rows]
