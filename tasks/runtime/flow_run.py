"""The Prefect flow run that some work is part of, if it is part of one. Outside of flows Prefect is not imported, which takes seconds."""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from models.errors import BreakevenError, Interrupted

if TYPE_CHECKING:
    from prefect import State
    from prefect.context import FlowRunContext

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def flow_run_id() -> str | None:
    """Return the id of the flow run that this is part of, if it is."""
    context = _context()
    return str(context.flow_run.id) if context is not None and context.flow_run is not None else None


def as_task(step: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return a function as a task of the flow run that this is part of; outside of one, the function itself.

    It raises the function's errors. The task ends in the state that fits an expected failure, because Prefect
    logs a traceback for what a task raises.
    """
    if _context() is None:
        return step
    from prefect import State, task  # noqa: PLC0415  inside a flow run it is there already
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415

    @wraps(step)
    def run(*positional: Parameters.args, **named: Parameters.kwargs) -> Result:
        try:
            return step(*positional, **named)
        except BreakevenError as error:
            return cast("Result", _final_state(error))

    recorded = task(name=step.__name__.replace("_", " "), cache_policy=NO_CACHE)(run)

    def call(*positional: Parameters.args, **named: Parameters.kwargs) -> Result:
        ended: object = recorded(*positional, **named)
        return cast("Result", ended.result() if isinstance(ended, State) else ended)

    return call


def _final_state(error: BreakevenError) -> "State[BreakevenError]":
    from prefect.states import Cancelled, Failed  # noqa: PLC0415

    if not isinstance(error, Interrupted):
        return Failed(message=str(error), data=error)
    logging.getLogger("prefect.task_runs").addFilter(_cancelled_is_no_error)
    return Cancelled(message=str(error), data=error)


def _cancelled_is_no_error(record: logging.LogRecord) -> bool:
    """Lower the level of Prefect's line about a cancelled task, which it writes as an error."""
    if record.levelno == logging.ERROR and record.getMessage().startswith("Finished in state Cancelled("):
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    return True


def _context() -> "FlowRunContext | None":
    """Return Prefect's context of a flow run. Who has not imported Prefect is in none."""
    if "prefect.context" not in sys.modules:
        return None
    from prefect.context import FlowRunContext  # noqa: PLC0415  it is imported already

    return FlowRunContext.get()
