"""One run of one partition: prepare, infer, publish; and how it is closed when that fails."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Literal

from sqlalchemy.exc import DBAPIError

from db import runs
from models.errors import BreakevenError, EngineError, Interrupted, LeaseLost, NoAnswerFits
from models.run import PRODUCTION, Purpose, RunResult
from models.settings import Settings
from tasks.planning.asked_with import hash_settings
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.resume_run import resume_run
from tasks.planning.start_run import prepare
from tasks.run.collect import collect
from tasks.run.infer import Inferred, infer
from tasks.run.publish import publish, wait
from tasks.run.scratch import open_scratch
from tasks.runtime.flow_run import as_task
from tasks.runtime.leased_ledger import hold_lease
from tasks.runtime.shared_engine import shared_engine
from tasks.runtime.stop_signals import stop_on_signals

CLOSING_SECONDS = 3.0
"""How long the end of a failing run waits for the database; whoever stops a run waits for this too."""

log = logging.getLogger(__name__)


def run_request(request: RunRequest, settings: Settings) -> RunResult:
    """Run one workload over one partition and publish it.

    A published partition is left alone, unless it is asked for again: all of it (`rerun`), or only what is
    new or changed in its input (`refresh`). What a killed run had committed is not done again. Raises the errors of `models.errors`; whatever
    had finished by then is committed, and the run's row says how it ended.
    """
    with defer_stop(request.workload, request.partition):
        return _run(request, settings)


def _run(request: RunRequest, settings: Settings) -> RunResult:
    run = as_task(prepare)(request, settings)
    if isinstance(run, RunResult):
        return run
    with close_on_failure(run), shared_engine(settings, workloads=[request.workload]) as shared:
        try:
            with hold_lease(run.version.ledger) as lost, open_scratch(run) as scratch:
                inferred = as_task(infer)(run, scratch, shared, lost)
        except EngineError:
            shared.discard()
            raise
        return publish_or_wait(run, inferred)


def collect_partition(
    workload: str, partition: date, *, settings: Settings, purpose: Purpose = PRODUCTION
) -> RunResult:
    """Take up what waits of one partition; publish it if nothing waits any more.

    Raises the errors of `models.errors`; what was collected by then is committed.
    """
    with defer_stop(workload, partition):
        run = as_task(resume_run)(workload, partition, settings, purpose)
        if run is None:
            return RunResult(workload, partition, "skipped")
        with close_on_failure(run):
            with hold_lease(run.version.ledger) as lost, open_scratch(run) as scratch:
                collected = as_task(collect)(run, scratch, lost)
            return publish_or_wait(run, collected)


@contextmanager
def defer_stop(workload: str, partition: date) -> Iterator[None]:
    """Let the steps of a run decide when a stop signal ends it, so that it never breaks into Prefect's own work.

    Raises `Interrupted` for a signal that came when the run could no longer be stopped, or where the run failed
    after it: who runs several partitions would otherwise go on with the next one.
    """
    with stop_on_signals() as stop:
        try:
            yield
        except Interrupted:
            raise
        except BreakevenError as error:
            if stop():
                raise stop.interrupted(str(error)) from error
            raise
        if stop():
            left = f"the run of {workload} {partition} had ended by then"
            raise stop.interrupted(left)


def publish_or_wait(run: OpenRun, inferred: Inferred) -> RunResult:
    """Publish the partition, or let the run wait for what is left."""
    if inferred.waiting or not run.input_read:
        return as_task(wait)(run, inferred)
    return as_task(publish)(run, inferred)


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
        _close(run, "failed", str(error))
        raise
    except BaseException as error:
        # A defect, or Prefect's own way of stopping: the row names the kind, never a record's text.
        _close(run, "failed", type(error).__name__)
        raise
    finally:
        run.version.ledger.close()


def _close(
    run: OpenRun, state: Literal["failed", "interrupted"], error: str, stopped_with: str | None = None
) -> None:
    ledger = run.version.ledger
    patience = min(CLOSING_SECONDS, ledger.patience_seconds)
    try:
        replace(ledger, patience_seconds=patience).write(
            lambda session: runs.finish(session, run.keys.run_id, state, error, stopped_with), release=True
        )
    except (DBAPIError, BreakevenError) as failure:
        # The lease expires by itself, and the next run closes this row.
        log.warning("the run's end could not be written: %s", type(failure).__name__)
