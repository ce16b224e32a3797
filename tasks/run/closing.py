"""How a run is closed that does not complete."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import runs, shards
from models.errors import BreakevenError, InputError, Interrupted, LeaseLost, NoAnswerFits, UsageError
from tasks.planning.asked_with import hash_settings
from tasks.planning.open_run import OpenRun

CLOSING_SECONDS = 3.0
"""How long the end of a failing run waits for the database; whoever stops a run waits for this too."""
FOR_GOOD = (UsageError, InputError)
"""What another try of a shard does not mend."""

log = logging.getLogger(__name__)


@contextmanager
def close_on_failure(run: OpenRun) -> Iterator[None]:
    """See that a run which does not complete is closed as failed or interrupted, and its lease freed."""
    try:
        yield
    except LeaseLost:  # the new owner has closed our row already
        raise
    except Interrupted as error:
        _close(run, "interrupted", str(error))
        raise
    except NoAnswerFits as error:
        stopped_with = None if run.api is None else hash_settings(run.workload, run.api.options)
        _close(run, "failed", str(error), stopped_with)
        raise
    except BreakevenError as error:
        _close(run, "failed", str(error), final=isinstance(error, FOR_GOOD))
        raise
    except BaseException as error:
        # A defect, or Prefect's own way of stopping: the row names the kind, never a record's text.
        _close(run, "failed", type(error).__name__)
        raise
    finally:
        run.version.ledger.close()


def _close(
    run: OpenRun,
    state: Literal["failed", "interrupted"],
    error: str,
    stopped_with: str | None = None,
    *,
    final: bool = False,
) -> None:
    """Write the end of a run, and give its shard back; `final`: another try of that is of no use."""
    ledger = run.version.ledger

    def end(session: Session) -> None:
        runs.finish(session, run.keys.run_id, state, error, stopped_with)
        if run.shard is not None:
            shards.give_back(session, run.shard, error if state == "failed" else None, final=final)

    patience = min(CLOSING_SECONDS, ledger.patience_seconds)
    try:
        replace(ledger, patience_seconds=patience).write(end, release=True)
    except (DBAPIError, BreakevenError) as failure:
        # The lease expires by itself, and the next run closes this row.
        log.warning("the run's end could not be written: %s", type(failure).__name__)
