"""What a page over the ledger asks: names to choose from, what is in doubt, and lines page by page.

However many lines there are, none of this scans them: the rollup tells which runs hold lines that match, and
how many; the lines themselves are then read run by run along their key, as many as fit the page.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from db.rows import dollars, ran_for, readable
from db.tables import DailyUsageRow as Usage
from db.tables import InfrastructureRow, ModelRow, PromptRow, RunRow
from db.tables import LedgerLineRow as Line
from models.economics.pricing import nano_to_usd
from models.errors import UsageError
from models.run import PRODUCTION

IN_DOUBT = ("pending", "unknown_outcome")
"""Outcomes whose lines count with the most that they can have cost."""

MOST_READ = 250_000
"""Lines that are read for one page, about: where few match, the page ends there and the next one goes on."""

_ROUTE = re.compile(r"(?:(?P<requested>[^>:]+)>)?(?P<engine>[^>:]+)(?::(?P<reason>.+))?")
_LINE_FIELDS = (
    "run_id",
    "record_key",
    "attempt",
    "at",
    "requested",
    "engine",
    "reason",
    "outcome",
    "failure",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "estimated",
    "cost_nano",
    "counterfactual_nano",
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lines to take; None does not restrict. Days are UTC days of the attempts, both inclusive.

    `route` is a route as it is shown, such as `vllm>openai:low_confidence`. `purpose` is one of `models.run.PURPOSES`.
    """

    workload: str | None = None
    engine: str | None = None
    model: str | None = None
    route: str | None = None
    outcome: str | None = None
    run_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    purpose: str | None = PRODUCTION


@dataclass(frozen=True, slots=True)
class Position:
    """A line's place in the order of pages: the newest run first, in a run by record, then by attempt.

    Without a record it is the place before the run's first line.
    """

    run_id: UUID
    record_key: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class LinesPage:
    """Some lines in the order of pages, and the place after which more follow (None: these are the last)."""

    rows: list[dict[str, object]]
    following: Position | None


@dataclass(frozen=True, slots=True)
class _Run:
    """A run, how many of its lines match, and how many it has."""

    id: UUID
    matches: int
    lines: int


@dataclass(frozen=True, slots=True)
class Matching:
    """How many lines match: those that are here, and those that were archived to files."""

    here: int
    archived: int


@dataclass(frozen=True, slots=True)
class Choices:
    """Names that lines carry, sorted, and the first and last UTC day that has lines (None: there are no lines)."""

    workloads: list[str]
    engines: list[str]
    models: list[str]
    routes: list[str]
    outcomes: list[str]
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Doubts:
    """What sums over some lines should not be read without.

    `in_doubt` lines are pending or of unknown outcome, and stand in every sum with `at_most_usd`, the most
    they can have cost. `estimated` lines hold an estimate; `unknown_*` lines do not know a cost, and
    `known_*_usd` is the sum over those that do.
    """

    in_doubt: int
    at_most_usd: Decimal
    estimated: int
    unknown_cost: int
    unknown_counterfactual: int
    known_cost_usd: Decimal
    known_counterfactual_usd: Decimal


def choices(session: Session, purpose: str | None = None) -> Choices:
    """Return what the lines of a purpose (None: all), archived ones too, can be told apart by."""
    rows = session.execute(
        select(
            PromptRow.workload,
            ModelRow.name,
            Usage.requested,
            Usage.engine,
            Usage.reason,
            Usage.outcome,
            func.min(Usage.day).label("first_day"),
            func.max(Usage.day).label("last_day"),
        )
        .join(PromptRow, PromptRow.id == Usage.prompt_id)
        .join(ModelRow, ModelRow.id == Usage.model_id)
        .where(Usage.attempts > 0, *_of_purpose(purpose))
        .group_by(
            PromptRow.workload, ModelRow.name, Usage.requested, Usage.engine, Usage.reason, Usage.outcome
        )
    ).all()
    return Choices(
        workloads=sorted({row.workload for row in rows}),
        engines=sorted({row.engine for row in rows}),
        models=sorted({row.name for row in rows}),
        routes=sorted({route_text(row.requested, row.engine, row.reason) for row in rows}),
        outcomes=sorted({row.outcome for row in rows}),
        first_day=min((row.first_day for row in rows), default=None),
        last_day=max((row.last_day for row in rows), default=None),
    )


def doubts(session: Session, filters: Filters) -> Doubts:
    """Count the matching lines, archived ones too, of which a figure is an upper bound, estimated or unknown."""
    unsettled = Usage.outcome.in_(IN_DOUBT)
    row = session.execute(
        select(
            func.sum(case((unsettled, Usage.attempts), else_=0)),
            func.sum(case((unsettled, Usage.cost_nano), else_=0)),
            func.sum(Usage.estimated),
            func.sum(Usage.unknown_cost),
            func.sum(Usage.unknown_counterfactual),
            func.sum(Usage.cost_nano),
            func.sum(Usage.counterfactual_nano),
        ).where(*_of_usage(filters))
    ).one()
    in_doubt, at_most, estimated, no_cost, no_counterfactual, cost, there = (int(n or 0) for n in row)
    return Doubts(
        in_doubt,
        nano_to_usd(at_most),
        estimated,
        no_cost,
        no_counterfactual,
        nano_to_usd(cost),
        nano_to_usd(there),
    )


def matching(session: Session, filters: Filters) -> Matching:
    """Count the lines that match, by the rollup."""
    rows = session.execute(
        select(RunRow.archive_id.is_not(None).label("archived"), func.sum(Usage.attempts).label("attempts"))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(*_of_usage(filters))
        .group_by(RunRow.archive_id.is_not(None))
    )
    counts = {bool(row.archived): int(row.attempts or 0) for row in rows}
    return Matching(counts.get(False, 0), counts.get(True, 0))


def lines_page(
    session: Session,
    filters: Filters,
    *,
    after: Position | None = None,
    limit: int = 50,
    most_read: int = MOST_READ,
) -> LinesPage:
    """Return the next lines that match, after a position or from the newest run on.

    They are `limit` lines, or fewer where the runs that were read for them held `most_read` lines. A row has
    the names of workload, prompt version, model, purpose and route, the line's own fields, and money as `Decimal`
    dollars. Raises `UsageError` for a position in a run that the ledger does not know.
    """
    rows: list[dict[str, object]] = []
    read = 0
    # each run has at least one line, except for the first, which the page before may have read to its end
    for run in _runs_with_lines(session, filters, after, limit + 2):
        if rows and read >= most_read:
            return LinesPage(rows, Position(run.id))
        within = after if after is not None and after.run_id == run.id else None
        rows += _lines_of_run(session, run.id, filters, within, min(limit + 1 - len(rows), run.matches))
        read += run.lines
        if len(rows) > limit:
            return LinesPage(rows[:limit], _position(rows[limit - 1]))
    return LinesPage(rows, None)


def machines(session: Session) -> list[dict[str, object]]:
    """Return every machine at every rate that runs were charged at, the newest rate first."""
    rows = session.execute(
        select(InfrastructureRow.__table__).order_by(
            InfrastructureRow.kind, InfrastructureRow.effective_from.desc(), InfrastructureRow.id.desc()
        )
    ).mappings()
    return [{**row, "usd_per_hour": dollars(row["nano_usd_per_hour"])} for row in rows]


def route_text(requested: str, engine: str, reason: str | None) -> str:
    """Write a route as people read it: `vllm`, `vllm:low_confidence`, `vllm>openai:low_confidence`."""
    served = engine if requested == engine else f"{requested}>{engine}"
    return f"{served}:{reason}" if reason else served


def _route_parts(route: str) -> tuple[str, str, str]:
    """Return requested engine, engine and reason ("": none) of a route. Raises `UsageError`."""
    found = _ROUTE.fullmatch(route)
    if found is None:
        msg = f"{route!r} is no route; write it as the ledger does, such as vllm>openai:low_confidence"
        raise UsageError(msg)
    return found["requested"] or found["engine"], found["engine"], found["reason"] or ""


def _runs_with_lines(
    session: Session, filters: Filters, after: Position | None, limit: int
) -> Sequence[_Run]:
    """Return runs that hold matching lines, the newest first."""
    statement = (
        select(Usage.run_id, func.sum(Usage.attempts))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(*_of_usage(filters), RunRow.archive_id.is_(None), Usage.attempts > 0)
        .group_by(Usage.run_id, RunRow.started_at)
        .order_by(RunRow.started_at.desc(), Usage.run_id.desc())
        .limit(limit)
    )
    if after is not None:
        began = session.execute(select(RunRow.started_at).where(RunRow.id == after.run_id)).scalar()
        if began is None:
            msg = f"the ledger knows no run {after.run_id}"
            raise UsageError(msg)
        same = and_(RunRow.started_at == began, RunRow.id <= after.run_id)
        statement = statement.where(or_(RunRow.started_at < began, same))
    found = session.execute(statement).all()
    every = select(Usage.run_id, func.sum(Usage.attempts)).group_by(Usage.run_id)
    totals = session.execute(every.where(Usage.run_id.in_([run_id for run_id, _ in found])))
    lines = {run_id: total for run_id, total in totals}  # noqa: C416  a row is no tuple to the type checker
    return [_Run(run_id, int(matches), int(lines[run_id])) for run_id, matches in found]


def _lines_of_run(
    session: Session, run_id: UUID, filters: Filters, after: Position | None, limit: int
) -> Iterator[dict[str, object]]:
    statement = (
        select(
            PromptRow.workload,
            PromptRow.version.label("prompt_version"),
            ModelRow.name.label("model"),
            RunRow.purpose,
            *(getattr(Line, name) for name in _LINE_FIELDS),
        )
        .join(RunRow, RunRow.id == Line.run_id)
        .join(PromptRow, PromptRow.id == Line.prompt_id)
        .join(ModelRow, ModelRow.id == Line.model_id)
        .where(Line.run_id == run_id, *_of_lines(filters))
        .order_by(Line.record_key, Line.attempt)
        .limit(limit)
    )
    if after is not None and after.record_key is not None:
        place = tuple_(literal(after.record_key), literal(after.attempt))
        statement = statement.where(tuple_(Line.record_key, Line.attempt) > place)
    for row in session.execute(statement).mappings():
        route = route_text(row["requested"], row["engine"], row["reason"])
        yield {**readable(dict(row)), "route": route}


def _position(row: dict[str, Any]) -> Position:
    return Position(row["run_id"], row["record_key"], row["attempt"])


def _of_purpose(purpose: str | None) -> list[ColumnElement[bool]]:
    return [] if purpose is None else [Usage.run_id.in_(select(RunRow.id).where(ran_for(purpose)))]


def _of_usage(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = [*_named(Usage, filters), *_of_purpose(filters.purpose)]
    if filters.since is not None:
        conditions.append(Usage.day >= filters.since)
    if filters.until is not None:
        conditions.append(Usage.day <= filters.until)
    return conditions


def _of_lines(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = _named(Line, filters)
    if filters.since is not None:
        conditions.append(Line.at >= datetime.combine(filters.since, time.min, UTC))
    if filters.until is not None:
        conditions.append(Line.at <= datetime.combine(filters.until, time.max, UTC))
    return conditions


def _named(table: type[Usage | Line], filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions that the rollup and the lines share, by the keys that both carry."""
    conditions: list[ColumnElement[bool]] = []
    if filters.workload is not None:
        of_workload = select(PromptRow.id).where(PromptRow.workload == filters.workload)
        conditions.append(table.prompt_id.in_(of_workload))
    if filters.model is not None:
        conditions.append(table.model_id.in_(select(ModelRow.id).where(ModelRow.name == filters.model)))
    if filters.engine is not None:
        conditions.append(table.engine == filters.engine)
    if filters.outcome is not None:
        conditions.append(table.outcome == filters.outcome)
    if filters.run_id is not None:
        conditions.append(table.run_id == filters.run_id)
    if filters.route is not None:
        requested, engine, reason = _route_parts(filters.route)
        conditions += [table.requested == requested, table.engine == engine]
        conditions.append(func.coalesce(table.reason, "") == reason)
    return conditions
