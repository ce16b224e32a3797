"""Our work pools: who is online there, and how many runs each gives out at a time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    get_current_settings,
    temporary_settings,
)

from models.default_model import uses_server
from models.machine import list_gpus
from models.settings import Settings
from tasks.setup.auth_string import lend_auth_string

GPU_POOL, API_POOL = "gpu", "api"
"""`api` is of flows that only talk to the API: they need no GPU and must not wait for one."""
API_POOL_CONCURRENCY = 4
"""A spread backfill coordinates for hours; batches are collected beside it."""


SECONDS_BETWEEN = 5.0
"""For a server that is asked beside other work."""


@contextmanager
def asking(seconds: float = SECONDS_BETWEEN) -> Iterator[SyncPrefectClient]:
    """Give a client that waits for no server that is away."""
    changed = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: seconds}
    with temporary_settings(changed), get_client(sync_client=True) as client:
        yield client


def list_online(client: SyncPrefectClient, pool: str) -> list[str]:
    """Return the names of the workers that have shown themselves of late in a pool, in order; none for a pool that is not there."""
    try:
        workers = client.read_workers_for_work_pool(pool)
    except httpx.HTTPStatusError as error:  # the client says no other, though it does of other questions
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return []
    return sorted(one.name for one in workers if one.status == WorkerStatus.ONLINE)


def gpus_of_engine(settings: Settings) -> int:
    """Return how many GPUs one engine takes: those that share a layer, times the stages of its layers."""
    stages = settings.engine.arguments.get("pipeline_parallel_size", 1)
    return settings.tensor_parallel_size * (stages if isinstance(stages, int) and stages > 1 else 1)


def count_gpu_workers(settings: Settings, online: int) -> int:
    """Return how many runs the pool `gpu` can have at work: as set; else the workers that are online; else this machine's engines.

    `online`: workers of the pool, 0 where no server says. At least 1; 1 where a worker starts containers, which are as many as are allowed.
    """
    if settings.gpu_workers != "auto":
        return settings.gpu_workers
    if settings.pool_type != "process":
        return 1
    here = 1 if uses_server(settings) else len(list_gpus()) // gpus_of_engine(settings)
    return online or max(1, here)


def find_gpu_workers(settings: Settings) -> int:
    """Return the same as the server knows it now; where none is set, or none answers, as this machine is."""
    online = 0
    if settings.gpu_workers == "auto":
        with suppress(httpx.HTTPError, PrefectException):
            online = _count_online()
    return count_gpu_workers(settings, online)


def find_workers_online(settings: Settings) -> int:
    """Return how many runs the pool `gpu` can have at work now: 1 where nobody is online there.

    Raises what the client does where the server does not say so.
    """
    online = _count_online()
    return count_gpu_workers(settings, online) if online else 1


def _count_online() -> int:
    if get_current_settings().api.url is not None:
        lend_auth_string()
        with asking() as client:
            return len(list_online(client, GPU_POOL))
    return 0


def follow_workers(client: SyncPrefectClient, settings: Settings) -> list[str]:
    """Set the limit of the pool `gpu` to the workers that are online there, unless a number is set; return their names.

    Where none is online the limit stays: no run is taken anyway.
    """
    online = list_online(client, GPU_POOL)
    if online and settings.gpu_workers == "auto" and settings.pool_type == "process":
        pool = client.read_work_pool(GPU_POOL)
        if pool.concurrency_limit != len(online):
            client.update_work_pool(GPU_POOL, WorkPoolUpdate(concurrency_limit=len(online)))
    return online
