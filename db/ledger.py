"""Ledger lines: inserted in bulk, listed, and summed by what is asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import groupby
from typing import Any, TypedDict, Unpack, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    case,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import bulk
from db.daily_usage import add_lines
from db.dialects import day_text
from db.rows import ran_for, readable
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow
from db.tables import PartitionVersionRow as Version
from models.errors import UsageError
from models.ledger.line import LedgerLine
from models.nearest import nearest

OF_VERSION = ("partition", "version", "version_state")
BY = ("workload", "engine", "model", "route", "day", "month", "prompt_version", *OF_VERSION, "purpose")
TOLD_APART = ("engine", "model", "route")
"""Names of `BY` that tell a record's attempts apart: by them, it counts once on each engine."""
COUNTS = ("attempts", "records")
TOKENS = ("input_tokens", "cached_tokens", "output_tokens")
MONEY = ("cost_nano", "counterfactual_nano")
COLUMNS = bulk.COLUMNS

PENDING: ColumnElement[bool] = Line.outcome == literal_column("'pending'")
"""Spelled out, so that a prepared statement can use the index of pending lines as well."""

_SUMMED = tuple(
    getattr(Usage, name)
    for name in (
        *("attempts", "records", "engine_records", "known_tokens"),
        *TOKENS,
        *MONEY,
        *("unknown_cost", "unknown_counterfactual"),
    )
)
_RUNS = 500  # 999 bound values are what any SQLite takes


class LineFilters(TypedDict, total=False):
    """Which lines to take; what is missing or None does not restrict. Times are inclusive.

    `route` is a route as it is shown, such as `vllm>openai:low_confidence`. `purpose` is one of `models.run.PURPOSES`.
    """

    workload: str | None
    engine: str | None
    model: str | None
    outcome: str | None
    route: str | None
    run_id: UUID | None
    purpose: str | None
    since: datetime | None
    until: datetime | None


class SummaryFilters(TypedDict, total=False):
    """Which lines to sum, as `LineFilters` says. `since` and `until` are whole UTC days, inclusive."""

    workload: str | None
    engine: str | None
    model: str | None
    outcome: str | None
    route: str | None
    run_id: UUID | None
    purpose: str | None
    since: date | None
    until: date | None


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
    bulk.insert(session, lines)
    add_lines(session, lines)


def summary(
    session: Session, by: Sequence[str], **filters: Unpack[SummaryFilters]
) -> list[dict[str, object]]:
    """Sum lines by any of `BY`, in the order of these columns, archived ones too: the rollup is read, not they.

    Each row has the `by` columns, then attempts, records, input_tokens, cached_tokens and output_tokens
    (over the lines that know theirs, None if none does), cost_usd and counterfactual_usd (`Decimal`; None
    if any line's is unknown, never 0 for it).
    A record counts once in its run, with its first attempt: on that day, on that workload. By engine, model
    or route, or with one of them as a filter, it counts once on each engine, with its first attempt there.
    Of one outcome a record can have several attempts: with that filter, records is None.
    A line that is pending, or whose outcome is unknown, counts with the upper bound of its cost: a sum
    never shows less than was spent, and sinks when such a line is closed.
    Days and months are UTC days and months of the attempts. `version` and `version_state` (published, superseded,
    open, abandoned) are those of the partition's version that a run worked for, `purpose` is what the run was for:
    evaluations are summed with production where they are not told apart. Raises `UsageError` for an unknown column.
    """
    if unknown := sorted(set(by) - set(BY)):
        found = nearest(unknown[0], BY)
        meant = f"did you mean {found}? " if found else ""
        msg = f"cannot sum by {', '.join(unknown)}; {meant}choose from {', '.join(BY)}"
        raise UsageError(msg)
    expressions = _expressions(session)
    usage = _with_names(
        select(*(expressions[name].label(name) for name in by), *_SUMMED), Usage, _usage_conditions(filters)
    )
    if set(by) & {*OF_VERSION, "purpose"}:
        usage = usage.join(RunRow, RunRow.id == Usage.run_id).join(Version, Version.id == RunRow.version_id)
    groups = usage.subquery()
    keys = [groups.c[name] for name in by]
    sums = _sums(groups, _counted_records(by, filters))
    rows = session.execute(select(*keys, *sums).group_by(*keys).order_by(*keys)).mappings()
    return [_money(row) for row in rows if row["attempts"]]


def lines(
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
    chosen = _with_names(select(*names, *_columns()), Line, _line_conditions(filters))
    chosen = chosen.order_by(Line.at.desc(), Line.id.desc()).limit(limit)
    if limit is None:
        return [readable(dict(row)) for row in session.execute(chosen).mappings()]
    run_ids, first = _newest(session, limit, filters)
    found: list[RowMapping] = []
    for start in range(0, len(run_ids), _RUNS):
        near = chosen.where(Line.run_id.in_(run_ids[start : start + _RUNS]), Line.at >= first)
        found += session.execute(near).mappings()
    found.sort(key=lambda row: (row["at"], row["id"]), reverse=True)
    return [readable(dict(row)) for row in found[:limit]]


def read_lines(session: Session, run_id: UUID) -> Iterator[LedgerLine]:
    """Yield a run's lines exactly as they are kept, in the order of their keys."""
    for row in session.execute(select(*_columns()).where(Line.run_id == run_id).order_by(Line.id)):
        yield LedgerLine(**row._asdict())


def totals(session: Session, run_id: UUID) -> LineTotals:
    """Sum a run's lines themselves, for checks against the engine's own figures and the run's."""
    count = func.count()
    sums = [func.coalesce(func.sum(getattr(Line, name)), 0) for name in (*TOKENS, "gpu_ns")]
    money = [
        case((func.count(column) == count, func.coalesce(func.sum(column), 0)))
        for column in (Line.cost_nano, Line.counterfactual_nano)
    ]
    records = func.count(Line.record_key.distinct())
    row = session.execute(select(count, records, *sums, *money).where(Line.run_id == run_id)).one()
    attempts, distinct, *more = (_whole(value) for value in row)
    return LineTotals(attempts or 0, distinct or 0, *more)  # type: ignore[arg-type]  # tokens and time are no NULL


def _sums(rows: FromClause, records: str | None) -> list[ColumnElement[Any]]:
    """Sum rows of the rollup; a cost is NULL where a line's is unknown, tokens where no line knows its."""
    known = func.sum(rows.c["known_tokens"]) > 0
    counted = null() if records is None else func.sum(rows.c[records])
    return [
        func.sum(rows.c["attempts"]).label("attempts"),
        counted.label("records"),
        *(case((known, func.sum(rows.c[name]))).label(name) for name in TOKENS),
        *(
            case((func.sum(rows.c[unknown]) == 0, func.sum(rows.c[name]))).label(name)
            for name, unknown in zip(MONEY, ("unknown_cost", "unknown_counterfactual"), strict=True)
        ),
    ]


def _counted_records(by: Sequence[str], filters: SummaryFilters) -> str | None:
    """Name the rollup's column that counts records as they are told apart here, None where it has none."""
    if filters.get("outcome") is not None:
        return None
    told_apart = any(name in by or filters.get(name) is not None for name in TOLD_APART)
    return "engine_records" if told_apart else "records"


def _newest(session: Session, limit: int, filters: LineFilters) -> tuple[list[UUID], datetime]:
    """Return runs that hold the `limit` newest lines that match, and the first moment of the days they are of."""
    days = _with_names(
        select(Usage.day, Usage.run_id, func.sum(Usage.attempts)),
        Usage,
        _usage_conditions(cast("SummaryFilters", filters)),
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
    day = Usage.__table__.c.day
    return {
        "workload": PromptRow.__table__.c.workload,
        "engine": Usage.__table__.c.engine,
        "model": ModelRow.__table__.c.name,
        "route": route_of(Usage),
        "day": day_text(session, day, days=True),
        "month": day_text(session, day, days=False),
        "prompt_version": PromptRow.__table__.c.version,
        "partition": Version.__table__.c.partition,
        "version": Version.__table__.c.version,
        "version_state": Version.__table__.c.state,
        "purpose": RunRow.__table__.c.purpose,
    }


def route_of(table: type[Line | Usage]) -> ColumnElement[str]:
    """Write an attempt's route as people read it.

    `vllm`: served as requested. `vllm:low_confidence`: served there, but the record was passed on for
    that reason. `vllm>openai:low_confidence`: served elsewhere than requested, and why.
    """
    there = table.requested + literal(">") + table.engine
    reason = func.coalesce(literal(":") + func.nullif(table.reason, ""), "")
    return case((table.requested == table.engine, table.engine), else_=there) + reason


def _with_names(
    statement: Select[Any], table: type[Line | Usage], conditions: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    return (
        statement.select_from(table)
        .join(PromptRow, PromptRow.id == table.prompt_id)
        .join(ModelRow, ModelRow.id == table.model_id)
        .where(*conditions)
    )


def _conditions(table: type[Line | Usage], filters: Mapping[str, object]) -> list[ColumnElement[bool]]:
    """Return what lines and their rollup are both filtered by."""
    equal = {
        "workload": PromptRow.workload,
        "engine": table.engine,
        "model": ModelRow.name,
        "outcome": table.outcome,
        "route": route_of(table),
        "run_id": table.run_id,
    }
    conditions = [column == filters[name] for name, column in equal.items() if filters.get(name) is not None]
    if (purpose := filters.get("purpose")) is not None:
        conditions.append(table.run_id.in_(select(RunRow.id).where(ran_for(str(purpose)))))
    return conditions


def _line_conditions(filters: LineFilters) -> list[ColumnElement[bool]]:
    conditions = _conditions(Line, filters)
    if (since := filters.get("since")) is not None:
        conditions.append(Line.at >= since)
    if (until := filters.get("until")) is not None:
        conditions.append(Line.at <= until)
    return conditions


def _usage_conditions(filters: SummaryFilters) -> list[ColumnElement[bool]]:
    conditions = _conditions(Usage, filters)
    if (since := filters.get("since")) is not None:
        conditions.append(Usage.day >= _day(since))
    if (until := filters.get("until")) is not None:
        conditions.append(Usage.day <= _day(until))
    return conditions


def _day(at: date) -> date:
    return at.astimezone(UTC).date() if isinstance(at, datetime) else at
