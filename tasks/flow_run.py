"""The Prefect flow run that some work is part of, if it is part of one. Outside of flows Prefect is not imported, which takes seconds."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from prefect.context import FlowRunContext

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def flow_run_id() -> str | None:
    """Return the id of the flow run that this is part of, if it is."""
    context = _context()
    return str(context.flow_run.id) if context is not None and context.flow_run is not None else None


def as_task(step: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return a function as a task of the flow run that this is part of; outside of one, the function itself."""
    if _context() is None:
        return step
    from prefect import task  # noqa: PLC0415  inside a flow run it is there already
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415

    return task(name=step.__name__.replace("_", " "), cache_policy=NO_CACHE)(step)


def _context() -> "FlowRunContext | None":
    """Return Prefect's context of a flow run. Who has not imported Prefect is in none."""
    if "prefect.context" not in sys.modules:
        return None
    from prefect.context import FlowRunContext  # noqa: PLC0415  it is imported already

    return FlowRunContext.get()
