"""Which lines a page over the ledger shows: conditions by keys, which the rollup and the lines both carry."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from db.routes import parse_route
from db.rows import ran_for
from db.run_parts import ids_with_parts
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow
from models.run import PRODUCTION


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lines to take; None does not restrict. Days are UTC days of the attempts, both inclusive.

    `route` is a route as it is shown, such as `vllm>openai:low_confidence`. `purpose` is one of `models.run.PURPOSES`.
    `run_id`: that run's, and those of its shards.
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


def match_purpose(purpose: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions on the rollup for a purpose (None: any)."""
    return [] if purpose is None else [Usage.run_id.in_(select(RunRow.id).where(ran_for(purpose)))]


def match_usage(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on the rollup."""
    conditions = [*_named(Usage, filters), *match_purpose(filters.purpose)]
    if filters.since is not None:
        conditions.append(Usage.day >= filters.since)
    if filters.until is not None:
        conditions.append(Usage.day <= filters.until)
    return conditions


def match_lines(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on lines."""
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
        conditions.append(table.run_id.in_(select(RunRow.id).where(ids_with_parts(filters.run_id))))
    if filters.route is not None:
        requested, engine, reason = parse_route(filters.route)
        conditions += [table.requested == requested, table.engine == engine]
        conditions.append(func.coalesce(table.reason, "") == reason)
    return conditions
