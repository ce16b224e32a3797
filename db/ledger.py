"""Ledger lines: inserted in bulk, summed by what is asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, TypedDict, Unpack
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, RowMapping, Select, case, func, literal, literal_column, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.columns import Key
from db.daily_usage import add_lines
from db.dialects import is_postgresql, utc_text
from db.rows import readable
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow
from models.errors import UsageError
from models.ledger import LedgerLine

BY = ("workload", "engine", "model", "route", "day", "month")
COUNTS = ("attempts", "records")
TOKENS = ("input_tokens", "cached_tokens", "output_tokens")
MONEY = ("cost_nano", "counterfactual_nano")
COLUMNS = tuple(column.key for column in Line.__table__.columns)

PENDING: ColumnElement[bool] = Line.outcome == literal_column("'pending'")
"""Spelled out, so that a prepared statement can use the index of pending lines as well."""

_TYPES = tuple(column.type for column in Line.__table__.columns)
_COPY = f"COPY ledger_lines ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
# For each statement SQLite builds the checks' lists of words anew: row by row that takes twice the time.
_ROWS = 999 // len(COLUMNS)  # 999 bound values are what any SQLite takes
_KEYS = tuple(place for place, type_ in enumerate(_TYPES) if isinstance(type_, Key))
_AT = COLUMNS.index("at")
_values: Callable[[LedgerLine], tuple[Any, ...]] = attrgetter(*COLUMNS)


class LineFilters(TypedDict, total=False):
    """Which lines to take; what is missing or None does not restrict. Times are inclusive.

    `route` is a route as it is shown, such as `vllm>openai:low_confidence`.
    """

    workload: str | None
    engine: str | None
    model: str | None
    outcome: str | None
    route: str | None
    run_id: UUID | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the lines of one run. Tokens are over lines that know theirs.

    Pending lines count with the upper bound of their cost. `cost_nano` and `counterfactual_nano` are None if any line's is unknown; `gpu_ns` counts an unknown
    share as none.
    """

    attempts: int
    records: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    gpu_ns: int
    cost_nano: int | None
    counterfactual_nano: int | None


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
    session.flush()
    if is_postgresql(session):
        _copy(session, lines)
    else:
        connection = session.connection()
        for first in range(0, len(lines), _ROWS):
            rows = [_for_sqlite(line) for line in lines[first : first + _ROWS]]
            connection.exec_driver_sql(_insert(len(rows)), tuple(chain.from_iterable(rows)))
    add_lines(session, lines)


def summary(session: Session, by: Sequence[str], **filters: Unpack[LineFilters]) -> list[dict[str, object]]:
    """Sum lines by any of `BY`, in the order of these columns.

    Each row has the `by` columns, then attempts, records (distinct records of distinct runs),
    input_tokens, cached_tokens and output_tokens (over the lines that know theirs, None if none
    does), cost_usd and counterfactual_usd (`Decimal`; None if any line's is unknown, never 0 for it).
    A line that is pending, or whose outcome is unknown, counts with the upper bound of its cost: a sum
    never shows less than was spent, and sinks when such a line is closed.
    Days and months are UTC days and months of the attempts. Raises `UsageError` for an unknown column.
    """
    if unknown := sorted(set(by) - set(BY)):
        msg = f"cannot sum by {', '.join(unknown)}; choose from {', '.join(BY)}"
        raise UsageError(msg)
    expressions = _expressions(session)
    keys = [expressions[name].label(name) for name in by]
    rows = session.execute(_sums(keys, filters)).mappings()
    return [_money(row) for row in rows if row["attempts"]]


def lines(
    session: Session, *, limit: int | None = None, **filters: Unpack[LineFilters]
) -> list[dict[str, object]]:
    """Return lines, the newest first, with names for keys, hex for hashes and `Decimal` dollars for money."""
    names = (
        PromptRow.workload.label("workload"),
        PromptRow.version.label("prompt_version"),
        ModelRow.name.label("model"),
        _route().label("route"),
    )
    chosen = _joined(select(*names, *_columns()), filters)
    rows = session.execute(chosen.order_by(Line.at.desc(), Line.id.desc()).limit(limit)).mappings()
    return [readable(dict(row)) for row in rows]


def read_lines(session: Session, run_id: UUID) -> Iterator[LedgerLine]:
    """Yield a run's lines exactly as they are kept, in the order of their keys."""
    for row in session.execute(select(*_columns()).where(Line.run_id == run_id).order_by(Line.id)):
        yield LedgerLine(**row._asdict())


def totals(session: Session, run_id: UUID) -> Totals:
    """Sum a run's lines, for checks against the engine's own figures and the run's."""
    row = session.execute(_sums([], {"run_id": run_id})).mappings().one()
    gpu_ns = session.execute(select(func.sum(Line.gpu_ns)).where(Line.run_id == run_id)).scalar()
    return Totals(
        attempts=int(row["attempts"] or 0),
        records=int(row["records"] or 0),
        input_tokens=int(row["input_tokens"] or 0),
        cached_tokens=int(row["cached_tokens"] or 0),
        output_tokens=int(row["output_tokens"] or 0),
        gpu_ns=int(gpu_ns or 0),
        cost_nano=_whole(row["cost_nano"]),
        counterfactual_nano=_whole(row["counterfactual_nano"]),
    )


@cache
def _insert(rows: int) -> str:
    values = ", ".join([f"({', '.join('?' * len(COLUMNS))})"] * rows)
    return f"INSERT INTO ledger_lines ({', '.join(COLUMNS)}) VALUES {values}"  # noqa: S608 - our own names


def _for_sqlite(line: LedgerLine) -> tuple[Any, ...]:
    """Return a line's values as the column types store them; done value by value they cost thrice the insert."""
    values = list(_values(line))
    values[_AT] = line.at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    for place in _KEYS:
        if (key := values[place]) is not None:
            values[place] = key.bytes
    return tuple(values)


def _copy(session: Session, lines: Sequence[LedgerLine]) -> None:
    """COPY in the session's own transaction; errors become what SQLAlchemy would have made of them."""
    connection = session.connection()
    driver, dialect = connection.connection.driver_connection, connection.dialect
    if not isinstance(driver, psycopg.Connection):
        msg = f"expected psycopg's connection, got {type(driver).__name__}"
        raise TypeError(msg)
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types([type_.compile(dialect).lower() for type_ in _TYPES])
            for line in lines:
                copy.write_row(_values(line))
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            _COPY, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=driver.closed
        ) from error


def _sums(keys: Sequence[ColumnElement[Any]], filters: LineFilters) -> Select[Any]:
    """Sum a record's attempts first, then the records, which counts distinct records on any database."""
    inner = _joined(
        select(
            *keys,
            func.count().label("attempts"),
            *(func.sum(getattr(Line, name)).label(name) for name in (*TOKENS, *MONEY)),
            *(func.count(getattr(Line, name)).label(f"known_{name}") for name in MONEY),
        ),
        filters,
    )
    each = inner.group_by(*keys, Line.run_id, Line.record_key).subquery()
    attempts = func.sum(each.c.attempts)
    groups = [each.c[key.name] for key in keys]
    return (
        select(
            *groups,
            attempts.label("attempts"),
            func.count().label("records"),
            *(func.sum(each.c[name]).label(name) for name in TOKENS),
            *(
                case((func.sum(each.c[f"known_{name}"]) == attempts, func.sum(each.c[name]))).label(name)
                for name in MONEY
            ),
        )
        .group_by(*groups)
        .order_by(*groups)
    )


def _money(row: RowMapping) -> dict[str, object]:
    whole = {
        name: _whole(value) if name in {*COUNTS, *TOKENS, *MONEY} else value for name, value in row.items()
    }
    return readable(whole)


def _whole(value: int | Decimal | None) -> int | None:
    return None if value is None else int(value)  # PostgreSQL sums BIGINT to NUMERIC


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Line, name) for name in COLUMNS]


def _expressions(session: Session) -> dict[str, ColumnElement[Any]]:
    at = Line.__table__.c.at
    return {
        "workload": PromptRow.__table__.c.workload,
        "engine": Line.__table__.c.engine,
        "model": ModelRow.__table__.c.name,
        "route": _route(),
        "day": utc_text(session, at, days=True),
        "month": utc_text(session, at, days=False),
    }


def _route() -> ColumnElement[str]:
    """Write an attempt's route as people read it.

    `vllm`: served as requested. `vllm:low_confidence`: served there, but the record was passed on for
    that reason. `vllm>openai:low_confidence`: served elsewhere than requested, and why.
    """
    reason = func.coalesce(literal(":") + Line.reason, "")
    return (
        case((Line.requested == Line.engine, Line.engine), else_=Line.requested + literal(">") + Line.engine)
        + reason
    )


def _joined(statement: Select[Any], filters: LineFilters) -> Select[Any]:
    statement = (
        statement.select_from(Line)
        .join(PromptRow, PromptRow.id == Line.prompt_id)
        .join(ModelRow, ModelRow.id == Line.model_id)
    )
    equal = {
        "workload": PromptRow.workload,
        "engine": Line.engine,
        "model": ModelRow.name,
        "outcome": Line.outcome,
        "route": _route(),
        "run_id": Line.run_id,
    }
    for name, value in filters.items():
        if value is None:
            continue
        if name == "since":
            statement = statement.where(Line.at >= value)
        elif name == "until":
            statement = statement.where(Line.at <= value)
        else:
            statement = statement.where(equal[name] == value)
    return statement
