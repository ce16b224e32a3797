"""Two ways to send several messages: one after the other here, or as Prefect tasks that try again by themselves."""

from collections.abc import Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture

from db.deliveries import DeliveryMessage
from models.errors import BreakevenError, DeliveryFailed
from models.settings import Settings
from tasks.delivery.deliver import SendEach, deliver
from tasks.documents.letter import Letter


def is_surely_not_taken(_task: object, _run: TaskRun, state: State[None]) -> bool:
    """Whether a failed task may be tried again: only what was surely not taken is."""
    return isinstance(state.result(raise_on_failure=False), DeliveryFailed)


deliver_task = task(
    name="deliver",
    task_run_name="deliver to {message.recipient.target}",
    cache_policy=NO_CACHE,
    retry_condition_fn=is_surely_not_taken,
)(deliver)


def make_direct_sender(letter: Letter, settings: Settings) -> SendEach:
    """Return what sends here, each message once; the same call tries again what failed."""

    def send_each(messages: Sequence[DeliveryMessage]) -> Mapping[DeliveryMessage, BreakevenError | None]:
        return {message: _tried(message, letter, settings) for message in messages}

    return send_each


def _tried(message: DeliveryMessage, letter: Letter, settings: Settings) -> BreakevenError | None:
    try:
        deliver(message, letter, settings)
    except BreakevenError as error:
        return error
    return None


def make_task_sender(letter: Letter, settings: Settings) -> SendEach:
    """Return what sends as tasks of the current flow run: side by side, each tried again after the pauses that are set."""
    pauses = list(settings.delivery_retry_seconds)
    tried = deliver_task.with_options(retries=len(pauses), retry_delay_seconds=pauses)

    def send_each(messages: Sequence[DeliveryMessage]) -> Mapping[DeliveryMessage, BreakevenError | None]:
        futures = {message: tried.submit(message, letter, settings) for message in messages}
        return {message: _outcome(future) for message, future in futures.items()}

    return send_each


def _outcome(future: PrefectFuture[None]) -> BreakevenError | None:
    error = future.result(raise_on_failure=False)
    if error is None or isinstance(error, BreakevenError):
        return error
    return BreakevenError(f"{type(error).__name__}, which is a defect; its task's log says where")
