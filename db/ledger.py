"""Ledger lines: inserted in bulk, and listed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any, Unpack, cast
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import bulk
from db.daily_usage import add_lines
from db.line_filters import LineFilters, SummaryFilters, join_names, line_conditions, usage_conditions
from db.routes import route_of
from db.rows import to_readable
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow
from models.ledger.line import LedgerLine

COLUMNS = bulk.COLUMNS

PENDING: ColumnElement[bool] = Line.outcome == literal_column("'pending'")
"""Spelled out, so that a prepared statement can use the index of pending lines as well."""

_RUNS = 500  # 999 bound values are what any SQLite takes


def insert_lines(session: Session, lines: Sequence[LedgerLine]) -> None:
    """Insert lines in the session's transaction: by COPY on PostgreSQL, by statements of many rows on SQLite.

    The rollup counts them in the same transaction. Raises `IntegrityError` if a line is there already, another `DBAPIError` if the database fails, and
    `ValueError` for a time without a zone.
    """
    if not lines:
        return
    if naive := next((line for line in lines if line.at.tzinfo is None), None):
        msg = f"naive datetime {naive.at}: give it a time zone"
        raise ValueError(msg)
    bulk.insert(session, lines)
    add_lines(session, lines)


def list_lines(
    session: Session, *, limit: int | None = None, **filters: Unpack[LineFilters]
) -> list[dict[str, object]]:
    """Return lines, the newest first, with names for keys, hex for hashes and `Decimal` dollars for money.

    With a limit, the rollup says which runs and days hold the newest ones that match, and only the lines
    of these runs are looked at.
    """
    names = (
        PromptRow.workload.label("workload"),
        PromptRow.version.label("prompt_version"),
        ModelRow.name.label("model"),
        route_of(Line).label("route"),
    )
    chosen = join_names(select(*names, *_columns()), Line, line_conditions(filters))
    chosen = chosen.order_by(Line.at.desc(), Line.id.desc()).limit(limit)
    if limit is None:
        return [to_readable(dict(row)) for row in session.execute(chosen).mappings()]
    run_ids, first = _newest(session, limit, filters)
    found: list[RowMapping] = []
    for start in range(0, len(run_ids), _RUNS):
        near = chosen.where(Line.run_id.in_(run_ids[start : start + _RUNS]), Line.at >= first)
        found += session.execute(near).mappings()
    found.sort(key=lambda row: (row["at"], row["id"]), reverse=True)
    return [to_readable(dict(row)) for row in found[:limit]]


def _newest(session: Session, limit: int, filters: LineFilters) -> tuple[list[UUID], datetime]:
    """Return runs that hold the `limit` newest lines that match, and the first moment of the days they are of."""
    days = join_names(
        select(Usage.day, Usage.run_id, func.sum(Usage.attempts)),
        Usage,
        usage_conditions(cast("SummaryFilters", filters)),
    )
    days = days.join(RunRow, RunRow.id == Usage.run_id).where(RunRow.archive_id.is_(None))
    found = session.execute(days.group_by(Usage.day, Usage.run_id).order_by(Usage.day.desc()))
    run_ids: set[UUID] = set()
    first, left = date.max, limit
    until = filters.get("until")
    for day, rows in groupby(found, key=lambda row: row[0]):
        first = day
        of_day = list(rows)
        run_ids |= {run_id for _, run_id, _ in of_day}
        if until is None or day < until.astimezone(UTC).date():  # of the last day only a part may match
            left -= sum(int(attempts) for *_, attempts in of_day)
        if left <= 0:
            break
    return sorted(run_ids), datetime.combine(first, time.min, UTC)


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Line, name) for name in COLUMNS]
