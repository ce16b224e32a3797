"""How a flow ends: with a table of its partitions, and when it cannot complete with one line and the Prefect state that fits."""

import logging
import os
from collections.abc import Mapping
from typing import cast
from uuid import UUID

import httpx
from prefect import State, get_client, runtime
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, PrefectException
from prefect.states import Cancelled, Crashed, Failed

from models.engines.loads import Job
from models.errors import BreakevenError, Interrupted
from models.run import RunResult
from tasks.display.prefect_artifacts import publish_cost_table
from tasks.display.run_rows import cost_row
from tasks.run.each_partition import failure_line, failure_row

log = logging.getLogger(__name__)


def final_state(error: BreakevenError) -> State[BreakevenError]:
    """Turn an expected failure into the flow's final state, with the error's one line as message.

    A flow returns this state instead of raising, because Prefect logs a traceback for what is
    raised. Whoever calls the flow as a function gets the error raised all the same.

    A run that was asked to stop ends as Cancelled if the stop was a cancellation in Prefect, and as
    Crashed if it came from outside (the worker or the machine goes down, Ctrl-C).
    """
    data = _for_the_engine(error)
    if not isinstance(error, Interrupted):
        return Failed(message=str(error), data=data)
    if _cancellation_was_asked():
        return Cancelled(message=str(error), data=data)
    return Crashed(message=str(error), data=data)


def show_and_end(
    key: str, about: str, results: list[RunResult], failures: Mapping[Job, Exception], jobs: int
) -> list[RunResult] | State[BreakevenError]:
    """Show what several partitions came to as a table in Prefect; end as failed if any did."""
    rows = [cost_row(result) for result in results]
    rows += [failure_row(job, error) for job, error in failures.items()]
    if rows:
        publish_cost_table(key, rows, about)
    return final_state(BreakevenError(failure_line(failures, jobs))) if failures else results


def _for_the_engine(error: BreakevenError) -> BreakevenError:
    """Return what Prefect raises for a flow's final state: the error, or in a worker's process an `Abort`.

    There the state and its message are all that anybody reads. Prefect's engine logs a traceback twice for an
    error and exits with 1, which the worker takes for a crash; for an `Abort` it ends with one line and 0.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return error
    if os.environ.get("PREFECT__FLOW_RUN_ID") != str(context.flow_run.id):
        return error
    return cast("BreakevenError", Abort(str(error)))


def _cancellation_was_asked() -> bool:
    """Whether this run, or the one that its worker was given and that called it, is being cancelled."""
    root = runtime.flow_run.root_flow_run_id
    if root is None:
        return False
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(root)).state
    except (httpx.HTTPError, PrefectException) as failure:
        log.warning("Prefect does not say whether the run was cancelled: %s", type(failure).__name__)
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
