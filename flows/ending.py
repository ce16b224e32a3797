"""How a flow ends when it cannot complete: one line, and the Prefect state that fits."""

from prefect import State, get_client
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Crashed, Failed

from models.errors import BreakevenError, Interrupted


def ended(error: BreakevenError) -> State[BreakevenError]:
    """Turn an expected failure into the flow's final state, with the error's one line as message.

    A flow returns this state instead of raising, because Prefect logs a traceback for what is
    raised. Whoever calls the flow as a function gets the error raised all the same.

    A run that was asked to stop ends as Cancelled if the stop was a cancellation in Prefect, and as
    Crashed if it came from outside (the worker or the machine goes down, Ctrl-C).
    """
    if not isinstance(error, Interrupted):
        return Failed(message=str(error), data=error)
    if _cancellation_was_asked():
        return Cancelled(message=str(error), data=error)
    return Crashed(message=str(error), data=error)


def _cancellation_was_asked() -> bool:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return False
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(context.flow_run.id).state
    return state is not None and state.is_cancelling()
