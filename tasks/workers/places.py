"""Where workers of this machine stand: one for each group of GPUs, with the variables that give it those."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.default_model import uses_server
from models.errors import UsageError
from models.gpus import (
    VISIBLE,
    Group,
    choose_devices,
    environment_of,
    group_devices,
    leave_visible,
    name_worker,
)
from models.settings import Settings
from tasks.workers.pools import API_POOL, API_POOL_CONCURRENCY, gpus_of_engine

CPU = "cpu"
"""What a worker without a device takes."""


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """One worker to be: its name, its pool, how many runs it takes at a time, what it is given of the machine.

    `takes`: what no second worker of this machine may have; `environment`: variables for it and for its runs.
    """

    name: str
    pool: str
    limit: int
    takes: tuple[str, ...]
    environment: Mapping[str, str]


def place_workers(
    settings: Settings,
    pool: str,
    wanted: str | None,
    host: str,
    devices: Group,
    environment: Mapping[str, str],
) -> tuple[WorkerPlace, ...]:
    """Return the workers of a pool on this machine; of `gpu` one for each engine that its GPUs can hold.

    `wanted`: `all`, or the GPUs that are named; `devices`: all of this machine, of which the environment may leave
    fewer. Without a GPU, and where a server has the engine, there is one worker without a device. Raises `UsageError`.
    """
    if pool == API_POOL:
        if wanted is not None:
            msg = "no run of the pool api takes a GPU: leave --gpus out"
            raise UsageError(msg)
        return (_place(host, pool, API_POOL_CONCURRENCY, (API_POOL,), {}),)
    if uses_server(settings):
        if wanted is not None:
            msg = "an own server has the engine, so no worker takes a GPU: leave --gpus out"
            raise UsageError(msg)
        return (_place(host, pool, 1, (CPU,), {}),)
    visible = leave_visible(devices, environment.get(VISIBLE) if devices else None)
    groups = group_devices(choose_devices(visible, wanted or "all"), gpus_of_engine(settings))
    if not groups:
        return (_place(host, pool, 1, (CPU,), {}),)
    return tuple(
        _place(host, pool, 1, tuple(one.label for one in group), environment_of(group)) for group in groups
    )


def _place(
    host: str, pool: str, limit: int, takes: tuple[str, ...], environment: Mapping[str, str]
) -> WorkerPlace:
    return WorkerPlace(name_worker(host, takes), pool, limit, takes, environment)
