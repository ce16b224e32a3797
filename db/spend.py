"""What API attempts cost by UTC day and workload, and the lock under which caps are kept.

A row is the sum over the API lines of its day and workload, the pending ones at their upper bound, so
that a cap is read from a few rows instead of a month's lines.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, func, select, text, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.dialects import execute_change, is_postgresql
from db.ledger import PENDING
from db.tables import ApiSpendRow as Row
from db.tables import LedgerLineRow as Line
from db.tables import RunRow
from models.economics.budget import ApiSpend

BUDGET_LOCK = 0x6272656C  # any number that no other program of the same database uses


def lock(session: Session) -> None:
    """Let no other session reserve money until this transaction ends.

    Between `read_spend` and `db.attempts.open_attempts` it keeps caps across processes and workloads. On
    SQLite a writer is alone anyway.
    """
    if is_postgresql(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": BUDGET_LOCK})


def read_spend(session: Session, workload: str, day: date) -> ApiSpend:
    """Return what was spent on `day` and in its month, what is in flight at its upper bound."""
    own, today = Row.workload == workload, Row.day == day
    first = day.replace(day=1)
    row = session.execute(
        select(_sum(and_(own, today)), _sum(own), _sum(today), _sum(true())).where(
            Row.day >= first, Row.day < (first + timedelta(days=31)).replace(day=1)
        )
    ).one()
    return ApiSpend(*(int(value) for value in row))  # PostgreSQL sums BIGINT to NUMERIC


def read_run_spend(session: Session, run_id: UUID) -> int:
    """Return what a run has spent on APIs, nano-dollars, what is in flight at its upper bound."""
    closed = select(RunRow.api_cost_nano).where(RunRow.id == run_id).scalar_subquery()
    pending = select(func.coalesce(func.sum(Line.cost_nano), 0)).where(Line.run_id == run_id, PENDING)
    return int(session.execute(select(closed + pending.scalar_subquery())).scalar_one())


def add(session: Session, amounts: Mapping[tuple[date, str], int]) -> None:
    """Add nano-dollars, which may be negative, to days and workloads.

    Raises `IntegrityError` if a sum would fall below zero: more would be given back than was spent.
    """
    for (day, workload), nano in sorted(amounts.items()):  # so that no two sessions lock crosswise
        more = (
            update(Row)
            .where(Row.day == day, Row.workload == workload)
            .values(nano=Row.nano + nano)
            .execution_options(synchronize_session=False)
        )
        if not execute_change(session, more):
            _add_first(session, day, workload, nano)


def _add_first(session: Session, day: date, workload: str, nano: int) -> None:
    """Insert a day's row; if another session was faster, add to its row."""
    table: Table = Row.metadata.tables[Row.__tablename__]
    build = postgresql.insert if is_postgresql(session) else sqlite.insert
    new = build(table).values(day=day, workload=workload, nano=nano)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["day", "workload"], set_={"nano": table.c.nano + new.excluded.nano}
        )
    )


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(Row.nano).filter(condition), 0)
