"""Asks the ledger and prints the answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Unpack

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.ledger import LineFilters, lines, summary
from db.runs import RunFilters, list_runs
from db.session import make_engine, readers, require_migrated
from models.errors import DatabaseUnavailable
from models.settings import Settings
from tasks.output import Format, write_rows

RUN_COLUMNS = (
    "id",
    "workload",
    "partition",
    "state",
    "started_at",
    "ended_at",
    "engine",
    "model",
    "prompt_version",
    "infrastructure",
    "records",
    "published",
    "quarantined",
    "reused",
    "carried",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "load_ns",
    "busy_ns",
    "idle_ns",
    "gpu_cost_usd",
    "unallocated_usd",
    "api_cost_usd",
    "cost_usd",
    "counterfactual_usd",
    "escalated",
    "waiting",
    "flow_run_id",
    "error",
)
LINE_COLUMNS = (
    "id",
    "run_id",
    "workload",
    "record_key",
    "attempt",
    "at",
    "route",
    "outcome",
    "engine",
    "model",
    "prompt_version",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "estimated",
    "gpu_ns",
    "cost_usd",
    "counterfactual_usd",
    "reuses",
    "batch_id",
    "failure",
    "request_hash",
    "answer_hash",
)

RUN_TABLE = (
    "workload",
    "partition",
    "state",
    "started_at",
    "model",
    "records",
    "published",
    "quarantined",
    "reused",
    "escalated",
    "waiting",
    "input_tokens",
    "output_tokens",
    "gpu_cost_usd",
    "api_cost_usd",
    "counterfactual_usd",
    "error",
)
LINE_TABLE = (
    "workload",
    "record_key",
    "attempt",
    "at",
    "route",
    "outcome",
    "failure",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "cost_usd",
    "counterfactual_usd",
)
"""What people see; programs get every column."""


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Session]:
    """Open the ledger that the settings name. Raises `UsageError` where there is none yet."""
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        require_migrated(engine)
        with readers(engine)() as session:
            yield session
    except DBAPIError as error:
        msg = f"the ledger's database does not answer ({type(error.orig).__name__}); check BREAKEVEN_DATABASE_URL"
        raise DatabaseUnavailable(msg) from error
    finally:
        engine.dispose()


SUMS = (
    "attempts",
    "records",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "cost_usd",
    "counterfactual_usd",
)


def show_summary(
    settings: Settings,
    by: Sequence[str],
    *,
    output_format: Format = "table",
    **filters: Unpack[LineFilters],
) -> None:
    """Print sums over the ledger's lines. Raises `UsageError` for an unknown column."""
    with open_ledger(settings) as session:
        rows = summary(session, by, **filters)
    write_rows(rows, [*by, *SUMS], output_format)


def show_runs(
    settings: Settings, *, limit: int, output_format: Format, **filters: Unpack[RunFilters]
) -> None:
    """Print runs, the newest first."""
    with open_ledger(settings) as session:
        rows = list_runs(session, limit=limit, **filters)
    write_rows(rows, RUN_TABLE if output_format == "table" else RUN_COLUMNS, output_format)


def show_lines(
    settings: Settings, *, limit: int, output_format: Format, **filters: Unpack[LineFilters]
) -> None:
    """Print ledger lines, the newest first."""
    with open_ledger(settings) as session:
        rows = lines(session, limit=limit, **filters)
    write_rows(rows, LINE_TABLE if output_format == "table" else LINE_COLUMNS, output_format)
