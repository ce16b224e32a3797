"""Opens the ledger for reading."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.session import make_engine, readers, require_migrated
from models.errors import DatabaseUnavailable
from models.settings import Settings

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
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "load_ns",
    "busy_ns",
    "idle_ns",
    "gpu_cost_usd",
    "unallocated_usd",
    "counterfactual_usd",
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
    "request_hash",
    "answer_hash",
)


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
