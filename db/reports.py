"""The monthly reports, each version of them: stored once, never changed."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.dialects import insert_new
from db.tables import ReportRow as Row
from models.errors import UsageError


@dataclass(frozen=True, slots=True)
class Report:
    """One version of one month's report.

    `month`: its first day. `fingerprint`: a hash over `inputs`, which is JSON like `figures`. `changes`: what
    differs from the version before, a JSON list of sentences; None for the first. `complete`: the month was
    over when it was made, by the version `software` of this program. `advice`: what to do, a sentence a line.
    """

    id: UUID
    month: date
    version: int
    created_at: datetime
    fingerprint: str
    complete: bool
    software: str
    inputs: str
    figures: str
    changes: str | None
    advice: str | None = None


def add(session: Session, report: Report) -> bool:
    """Store a version. False if another session has stored one of this number: read it, and try again."""
    return insert_new(session, Row, asdict(report), key=("month", "version"))


def latest(session: Session, month: date) -> Report | None:
    """Return the newest version of a month's report, if there is one."""
    newest = select(*_columns()).where(Row.month == month).order_by(Row.version.desc()).limit(1)
    found = session.execute(newest).one_or_none()
    return None if found is None else Report(*found)


def newest_advice(session: Session) -> tuple[date, str] | None:
    """Return the last month that has a report, and what its newest version says is to be done; None: there is none."""
    order = (Row.month.desc(), Row.version.desc())
    found = session.execute(select(Row.month, Row.advice).order_by(*order).limit(1)).one_or_none()
    return None if found is None or found.advice is None else (found.month, found.advice)


def get(session: Session, report_id: UUID) -> Report:
    """Return a report. Raises `UsageError` for an unknown one."""
    found = session.execute(select(*_columns()).where(Row.id == report_id)).one_or_none()
    if found is None:
        msg = f"the ledger knows no report {report_id}"
        raise UsageError(msg)
    return Report(*found)


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Row, name) for name in Report.__slots__]
