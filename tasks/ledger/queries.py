"""Asks the ledger and prints the answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

from sqlalchemy.orm import Session

from db.evaluations import LISTED as EVALUATION_COLUMNS
from db.evaluations import list_evaluations
from db.ledger import list_lines
from db.line_filters import LineFilters, SummaryFilters
from db.reference import list_workloads
from db.run_queries import RunFilters, list_runs
from db.summary import TOLD_APART, sum_usage
from models import workloads
from models.errors import UsageError
from models.nearest import unknown_name
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.runtime.ledger_access import reading_ledger

SERVED = ("provider_usd", "served_model", "service_tier", "doubted_usage")
"""What a provider says of how it served an attempt: seldom anything."""
RUN_COLUMNS = (
    *("id", "workload", "partition", "state", "started_at", "ended_at", "engine", "model"),
    *("prompt_version", "infrastructure", "records", "published", "quarantined", "reused", "carried"),
    *("input_tokens", "cached_tokens", "output_tokens", "load_ns", "busy_ns", "idle_ns"),
    *("gpu_cost_usd", "unallocated_usd", "api_cost_usd", "cost_usd", "counterfactual_usd"),
    *("escalated", "waiting", "flow_run_id", "error", "purpose", "engine_arguments"),
    *("shard", "shards", "part_of"),
)
LINE_COLUMNS = (
    *("id", "run_id", "workload", "record_key", "attempt", "at", "route", "outcome", "engine"),
    *("model", "prompt_version", "input_tokens", "cached_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens", "estimated"),
    *("gpu_ns", "cost_usd", "counterfactual_usd", "reuses", "batch_id", "failure", "request_hash"),
    *("answer_hash", "provider_usd", "served_model", "service_tier", "doubted_usage"),
)

RUN_TABLE = (
    *("workload", "partition", "purpose", "state", "started_at", "model", "records", "published"),
    *("quarantined", "reused", "escalated", "waiting", "input_tokens", "output_tokens"),
    *("gpu_cost_usd", "api_cost_usd", "cost_usd", "counterfactual_usd", "error"),
)
LINE_TABLE = (
    *("workload", "record_key", "attempt", "at", "route", "outcome", "failure", "input_tokens"),
    *("cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_usd"),
    *("counterfactual_usd", *SERVED),
)
EVALUATION_TABLE = (
    *("at", "workload", "model", "api_model", "records", "accuracy", "api_accuracy", "ratio", "ratio_low"),
    *("ratio_high", "viability", "threshold"),
)
"""What people see; programs get every column."""
RUN_SPARE = (
    *("reused", "purpose", "gpu_cost_usd", "api_cost_usd", "started_at", "input_tokens", "escalated"),
    *("waiting", "output_tokens", "quarantined", "published", "model", "error"),
)
LINE_SPARE = (
    *SERVED,
    "cache_write_tokens",
    "attempt",
    "reasoning_tokens",
    "cached_tokens",
    "failure",
    "counterfactual_usd",
    "at",
    "input_tokens",
)
SELDOM = ("cache_write_tokens", "reasoning_tokens")
"""Columns of a table for people that is without them where every row has nothing there."""
EVALUATION_SPARE = ("threshold", "api_model", "records", "api_accuracy", "accuracy", "model")
SUM_SPARE = (*SELDOM, "cached_tokens", "attempts", "output_tokens", "input_tokens", "share")
"""What a table can miss where it would be too wide, the first to go first."""


@contextmanager
def asking_ledger(settings: Settings, workload: str | None) -> Iterator[Session]:
    """Open the ledger for a question about a workload, None for all; show on a terminal that it is being read.

    Raises `UsageError` for a name that no workload has, here or in the ledger.
    """
    with show_working("reading the ledger"), reading_ledger(settings) as session:
        check_workload(session, settings, workload)
        yield session


def check_workload(session: Session, settings: Settings, name: str | None) -> None:
    """Raise `UsageError` for a name that no workload has, here or in the ledger; None is any."""
    if name is not None and name not in workloads.names(settings):
        known = sorted({*workloads.names(settings), *list_workloads(session)})
        if name not in known:
            raise UsageError(unknown_name("workload", name, known))


SUMS = (
    *("attempts", "records", "input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens"),
    *("reasoning_tokens", "cost_usd", "counterfactual_usd"),
)


def show_summary(
    settings: Settings,
    by: Sequence[str],
    *,
    output_format: TableFormat = "table",
    **filters: Unpack[SummaryFilters],
) -> None:
    """Print sums over the ledger's lines. Raises `UsageError` for an unknown column.

    A table of routes also shows which share of the records went each way.
    """
    columns: list[str] = [*by, *SUMS]
    with asking_ledger(settings, filters.get("workload")) as session:
        rows: list[dict[str, Any]] = sum_usage(session, by, **filters)
        if output_format == "table" and "route" in by and not {"day", "month"} & set(by):
            _add_shares(rows, _of_all_routes(session, by, filters))
            columns.insert(len(by) + 2, "share")
    write_rows(rows, _without_empty(rows, columns, output_format), output_format, spare=SUM_SPARE)


def _without_empty(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], output_format: TableFormat
) -> list[str]:
    """Leave out of a table what is seldom there and is not here; programs get every column."""
    seldom = (*SELDOM, *SERVED) if output_format == "table" else ()
    empty = [name for name in seldom if not any(row.get(name) for row in rows)]
    return [name for name in columns if name not in empty]


def _of_all_routes(
    session: Session, by: Sequence[str], filters: SummaryFilters
) -> Callable[[Mapping[str, Any]], int | None]:
    """Return how many records went any route, for the row of one route."""
    others = [name for name in by if name not in TOLD_APART]
    within: SummaryFilters = {**filters, "route": None, "engine": None, "model": None}
    records = {
        tuple(row[name] for name in others): row["records"] for row in sum_usage(session, others, **within)
    }
    return lambda row: records.get(tuple(row[name] for name in others))  # type: ignore[return-value]


def _add_shares(rows: Sequence[dict[str, Any]], of: Callable[[Mapping[str, Any]], int | None]) -> None:
    for row in rows:
        records, all_ = row["records"], of(row)
        row["share"] = f"{100 * records / all_:.1f} %" if all_ and records is not None else None


def show_runs(
    settings: Settings, *, limit: int, output_format: TableFormat, **filters: Unpack[RunFilters]
) -> None:
    """Print runs, the newest first."""
    with asking_ledger(settings, filters.get("workload")) as session:
        rows = list_runs(session, limit=limit, **filters)
    columns = RUN_TABLE if output_format == "table" else RUN_COLUMNS
    if filters.get("parts") and output_format == "table":
        columns = ("shard", "shards", *columns)
    write_rows(rows, columns, output_format, spare=RUN_SPARE)


def show_lines(
    settings: Settings, *, limit: int, output_format: TableFormat, **filters: Unpack[LineFilters]
) -> None:
    """Print ledger lines, the newest first."""
    with asking_ledger(settings, filters.get("workload")) as session:
        rows = list_lines(session, limit=limit, **filters)
    columns = LINE_TABLE if output_format == "table" else LINE_COLUMNS
    write_rows(rows, _without_empty(rows, columns, output_format), output_format, spare=LINE_SPARE)


def show_evaluations(
    settings: Settings, *, workload: str | None, limit: int, output_format: TableFormat
) -> None:
    """Print evaluations, the newest first. For people, shares have three digits."""
    with asking_ledger(settings, workload) as session:
        rows = list_evaluations(session, workload=workload, limit=limit)
    if output_format == "table":
        rows = [
            {name: f"{it:.3f}" if isinstance(it, float) else it for name, it in row.items()} for row in rows
        ]
    columns = EVALUATION_TABLE if output_format == "table" else EVALUATION_COLUMNS
    write_rows(rows, columns, output_format, spare=EVALUATION_SPARE)
