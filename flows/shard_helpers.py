"""Asks the workers of a pool to take part in a partition that was cut: flow runs of the workload's own deployment."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.states import Cancelled

from flows.environment import prefect_api_is_set
from flows.flow_requests import TRIES, find_deployment, flow_parameters, request_run
from flows.ray_helpers import ask_ray, count_with_ray
from models.errors import BreakevenError
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.planning.workers import WorkersNotCounted
from tasks.run.helpers import AskHelpers, Look
from tasks.runtime.stop_signals import stop_on_signals
from tasks.setup.prefect_checks import TAG
from tasks.workers.pools import SECONDS_BETWEEN, asking, find_gpu_workers, find_workers_online

LOOK_SECONDS = 5.0
"""How often the flow runs are looked at, which need nobody to go on, and how long a server that is away is waited for."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ShardHelpers:
    """The flow runs that were asked for in one run; a run goes on without them whatever becomes of them."""

    client: SyncPrefectClient
    deployment: UUID
    request: RunRequest
    key: str
    _out: dict[int, UUID] = field(default_factory=dict, init=False)
    _tries: dict[int, int] = field(default_factory=dict, init=False)
    _looked: float = field(default=0.0, init=False)
    _coming: bool = field(default=True, init=False)

    def ask(self, count: int) -> None:
        """Ask for so many, beginning with the second shard: the first is this process's."""
        for shard in range(2, count + 2):
            self._ask_for(shard, f"{self.key}/{shard}")

    def look(self) -> bool:
        """Ask again for those that crashed; what cannot be asked now is asked later. Returns whether a worker is yet to begin one."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return self._coming
        self._looked = time.monotonic()
        try:
            coming = False
            for shard, flow_run_id in self._out.items():
                state = self.client.read_flow_run(flow_run_id).state
                coming |= state is None or not (state.is_running() or state.is_final())
                if state is not None and state.is_crashed() and self._tries[shard] < TRIES:
                    self._ask_for(shard, f"{self.key}/{shard}/{flow_run_id}")
            self._coming = coming
        except (httpx.HTTPError, PrefectException, BreakevenError) as error:
            log.info("the Prefect API does not tell of the other workers: %s", type(error).__name__)
        return self._coming

    def tell_off(self) -> None:
        """Cancel those that no worker has begun: there is nothing left to take."""
        try:
            for flow_run_id in self._out.values():
                state = self.client.read_flow_run(flow_run_id).state
                if state is not None and (state.is_scheduled() or state.is_pending()):
                    told: State[None] = Cancelled(message="all shards were taken by then")
                    self.client.set_flow_run_state(flow_run_id, told)
        except (httpx.HTTPError, PrefectException) as error:
            log.info("flow runs that nobody needs any more were not cancelled: %s", type(error).__name__)

    def _ask_for(self, shard: int, key: str) -> None:
        given = flow_parameters(replace(self.request, shard=shard))
        with stop_on_signals() as stop:
            run, _ = request_run(self.client, self.deployment, given, key, stop, [TAG, "shard"], LOOK_SECONDS)
        self._out[shard] = run.id
        self._tries[shard] = self._tries.get(shard, 0) + 1


def ask_workers(settings: Settings) -> AskHelpers:
    """Return what asks the workers of the workload's pool, where there is a Prefect server that knows it; or a Ray cluster, if that is set."""
    if settings.executor == "ray":
        return ask_ray(settings)

    @contextmanager
    def ask(request: RunRequest, run_id: UUID, shards: int) -> Iterator[Look]:
        if not prefect_api_is_set():
            yield do_nothing
            return
        wanted = RunRequest(request.workload, request.partition, request.input, request.where, request.limit)
        with get_client(sync_client=True) as client:
            helpers: ShardHelpers | None = None
            try:
                deployment = find_deployment(client, request.workload, "the Prefect API")
                key = f"breakeven/{request.workload}/{request.partition}/{run_id}"
                helpers = ShardHelpers(client, deployment, wanted, key)
                helpers.ask(min(shards - 1, find_gpu_workers(settings)))
            except (httpx.HTTPError, PrefectException, BreakevenError) as error:
                if helpers is not None:
                    helpers.tell_off()
                why = error if isinstance(error, BreakevenError) else type(error).__name__
                log.warning("no other worker is asked to take part, all shards are answered here: %s", why)
                yield do_nothing
                return
            try:
                yield helpers.look
            finally:
                helpers.tell_off()

    return ask


def do_nothing() -> bool:
    """See after nobody."""
    return False


def count_takers(workload: str, settings: Settings) -> int:
    """Return how many workers may take shards of a workload, of which this process is one: 1 where no server is set up.

    Raises `WorkersNotCounted` where the server does not tell.
    """
    if not prefect_api_is_set():
        return 1
    if settings.executor == "ray":
        return count_with_ray(settings)
    try:
        with asking() as client:
            find_deployment(client, workload, "the Prefect API")
        return find_workers_online(settings)
    except httpx.TimeoutException as error:
        msg = f"the server did not answer in {SECONDS_BETWEEN:g} s: counted as one worker"
        raise WorkersNotCounted(msg) from error
    except (httpx.HTTPError, PrefectException, BreakevenError) as error:
        why = (
            error
            if isinstance(error, BreakevenError)
            else f"the server did not tell ({type(error).__name__})"
        )
        msg = f"{why}: counted as one worker"
        raise WorkersNotCounted(msg) from error
