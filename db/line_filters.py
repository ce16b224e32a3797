"""Which lines, or which of their daily sums, a query takes: the same words for both."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from db.routes import route_of
from db.rows import ran_for
from db.run_parts import ids_with_parts
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow


class NameFilters(TypedDict, total=False):
    """Which lines to take; what is missing or None does not restrict.

    `route` is a route as it is shown, such as `vllm>openai:low_confidence`. `purpose` is one of `models.run.PURPOSES`.
    `run_id`: that run's, and those of its shards.
    """

    workload: str | None
    engine: str | None
    model: str | None
    outcome: str | None
    route: str | None
    run_id: UUID | None
    purpose: str | None


class LineFilters(NameFilters, total=False):
    """Which lines to list. Times are inclusive."""

    since: datetime | None
    until: datetime | None


class SummaryFilters(NameFilters, total=False):
    """Which lines to sum. `since` and `until` are whole UTC days, inclusive."""

    since: date | None
    until: date | None


def join_names(
    statement: Select[Any], table: type[Line | Usage], conditions: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    """Join the names that the filters speak of, and take what they ask for."""
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
    }
    conditions = [column == filters[name] for name, column in equal.items() if filters.get(name) is not None]
    if (run_id := filters.get("run_id")) is not None:
        conditions.append(table.run_id.in_(select(RunRow.id).where(ids_with_parts(cast("UUID", run_id)))))
    if (purpose := filters.get("purpose")) is not None:
        conditions.append(table.run_id.in_(select(RunRow.id).where(ran_for(str(purpose)))))
    return conditions


def line_conditions(filters: LineFilters) -> list[ColumnElement[bool]]:
    """Return the conditions on lines."""
    conditions = _conditions(Line, filters)
    if (since := filters.get("since")) is not None:
        conditions.append(Line.at >= since)
    if (until := filters.get("until")) is not None:
        conditions.append(Line.at <= until)
    return conditions


def usage_conditions(filters: SummaryFilters) -> list[ColumnElement[bool]]:
    """Return the conditions on the rollup."""
    conditions = _conditions(Usage, filters)
    if (since := filters.get("since")) is not None:
        conditions.append(Usage.day >= _day(since))
    if (until := filters.get("until")) is not None:
        conditions.append(Usage.day <= _day(until))
    return conditions


def _day(at: date) -> date:
    return at.astimezone(UTC).date() if isinstance(at, datetime) else at
