"""A run's ledger lines as they are kept, and their sums: what tests compare with."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db.summary import TOKENS
from db.tables import LedgerLineRow as Line
from models.ledger.line import LedgerLine


@dataclass(frozen=True, slots=True)
class LineTotals:
    """Sums over the lines of one run. Tokens are over lines that know theirs.

    Pending lines count with the upper bound of their cost. `cost_nano` and `counterfactual_nano` are None if any line's is unknown; `gpu_ns` counts an unknown
    share as none.
    """

    attempts: int
    records: int
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    gpu_ns: int
    cost_nano: int | None
    counterfactual_nano: int | None


def read_lines(session: Session, run_id: UUID) -> Iterator[LedgerLine]:
    """Yield a run's lines exactly as they are kept, in the order of their keys."""
    for row in session.execute(
        select(*(getattr(Line, name) for name in LedgerLine._fields))
        .where(Line.run_id == run_id)
        .order_by(Line.id)
    ):
        yield LedgerLine(**row._asdict())


def sum_lines(session: Session, run_id: UUID) -> LineTotals:
    """Sum a run's lines themselves, for checks against the engine's own figures and the run's."""
    count = func.count()
    sums = [func.coalesce(func.sum(getattr(Line, name)), 0) for name in (*TOKENS, "gpu_ns")]
    money = [
        case((func.count(column) == count, func.coalesce(func.sum(column), 0)))
        for column in (Line.cost_nano, Line.counterfactual_nano)
    ]
    records = func.count(Line.record_key.distinct())
    row = session.execute(select(count, records, *sums, *money).where(Line.run_id == run_id)).one()
    attempts, distinct, *more = (
        None if value is None else int(value) for value in row
    )  # NUMERIC on PostgreSQL
    return LineTotals(attempts or 0, distinct or 0, *more)  # type: ignore[arg-type]  # tokens and time are no NULL
