"""Asks a Ray cluster to take part in a partition that was cut: tasks of the flow run, by Prefect's own task runner for Ray.

Ray decides where a task runs, and starts it anew, a bounded number of times, when its process or its node is gone. What is done is
decided by the ledger alone, as for workers of a pool (docs/decisions/0025-ray.md). Ray is an extra, imported where it is asked for.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.context import SettingsContext
from prefect.settings import get_current_settings

from flows import ray_tasks
from flows.environment import prefect_api_is_set
from flows.flow_requests import TRIES, flow_parameters
from models.default_model import uses_server
from models.errors import hide_secrets
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.helpers import AskHelpers, Look
from tasks.setup.ray_cluster import answers, refuse_without_ray
from tasks.workers.pools import gpus_of_engine

LOOK_SECONDS = 5.0
END_SECONDS = 3.0
"""How long tasks may take to see by themselves that no shard is left."""
STOP_SECONDS = 30.0
"""How long one that is stopped may take to commit what it has."""
PLAIN = ("partition", "input", "where", "limit", "shard")

log = logging.getLogger(__name__)


class NodesOwnSettings(SettingsContext):
    """Prefect's settings of this process, which are not told to a task: among them is the auth string. A node has its own."""

    def serialize(self, include_secrets: bool = True) -> dict[str, Any]:  # noqa: ARG002  as Prefect calls it
        """Return nothing."""
        return {}


@dataclass(slots=True)
class RayHelpers:
    """The tasks that were asked for in one run; a run goes on without them whatever becomes of them."""

    ray: Any
    _out: list[Any] = field(default_factory=list, init=False)
    _looked: float = field(default=0.0, init=False)

    def ask(self, runner: Any, request: RunRequest, count: int, gpus: int) -> None:  # noqa: ANN401  Prefect's for Ray
        """Submit so many tasks, beginning with the second shard: the first is this process's."""
        from prefect_ray.context import remote_options  # noqa: PLC0415  an extra

        name = f"{request.workload} {request.partition}"
        take = task(
            name="take shards", task_run_name=name, cache_policy=NO_CACHE, persist_result=False, retries=0
        )(ray_tasks.take_shards)
        own = get_current_settings()
        own_profile = SettingsContext.get()
        if own_profile is None:
            msg = "Prefect has no settings in this process"
            raise ValueError(msg)
        with NodesOwnSettings(profile=own_profile.profile, settings=own), remote_options(**options(gpus)):
            for shard in range(2, count + 2):
                future = runner.submit(take, {"given": describe(replace(request, shard=shard))})
                self._out.append(future.wrapped_future)

    def look(self) -> bool:
        """See which have ended, and say of those that failed why. Returns whether some have not."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._wait(0)
        return bool(self._out)

    def tell_off(self) -> None:
        """Let them end that have nothing left to take, then stop the others: what they have is committed."""
        self._wait(END_SECONDS)
        try:
            for one in self._out:
                self.ray.cancel(one)
        except Exception as error:  # noqa: BLE001  whatever Ray says, the run is done
            log.info("tasks on Ray that nobody needs any more were not cancelled: %s", type(error).__name__)
        self._wait(STOP_SECONDS)

    def _wait(self, seconds: float) -> None:
        """Wait so long for the tasks to end, and take those off the list that have."""
        if not self._out:
            return
        try:
            ended, self._out = self.ray.wait(
                self._out, num_returns=len(self._out), timeout=seconds, fetch_local=False
            )
            for one in ended:
                if (failure := self._failure(one)) is not None:
                    log.warning("a task on the Ray cluster failed, the run goes on without it: %s", failure)
        except Exception as error:  # noqa: BLE001  Ray's own errors have no common root; the run goes on without
            log.info("the Ray cluster does not tell of the tasks: %s", type(error).__name__)

    def _failure(self, one: object) -> str | None:
        try:
            ended = self.ray.get(one)
        except self.ray.exceptions.TaskCancelledError:
            return None
        except Exception as error:  # noqa: BLE001  as above: a process or node that is gone
            return f"{type(error).__name__} ({str(error).splitlines()[0] if str(error) else 'no reason'})"
        if isinstance(ended, State) and (ended.is_failed() or ended.is_crashed()):
            return ended.message or "no reason"
        return None


def options(gpus: int) -> dict[str, Any]:
    """Return what Ray is told of a task: its GPUs, and that it is tried so often and no more; by itself Ray would go on for long."""
    return {
        "num_cpus": 1,
        "num_gpus": gpus,
        "max_retries": TRIES - 1,
        "retry_exceptions": False,
        "max_calls": 1,  # its process ends with it, and so what it has of the GPU
        "scheduling_strategy": "SPREAD",
    }


def describe(request: RunRequest) -> dict[str, Any]:
    """Return what a task is told: numbers and names, no records and no settings."""
    given = flow_parameters(request)
    return {"workload": request.workload} | {name: given[name] for name in PLAIN}


def count_tasks(settings: Settings, gpus: int, nodes: Sequence[dict[str, Any]]) -> int:
    """Return how many tasks can be at work at once: as `gpu_workers` says; else as the GPUs of the living nodes, or these, are."""
    if settings.gpu_workers != "auto":
        return settings.gpu_workers
    if not gpus:
        return sum(1 for node in nodes if node["Resources"].get("CPU"))
    return sum(int(node["Resources"].get("GPU", 0)) // gpus for node in nodes)


def count_with_ray(settings: Settings) -> int:
    """Return how many may answer shards, this process among them; 1 where `gpu_workers` is no number: the cluster is asked only once a partition is cut."""
    if settings.gpu_workers == "auto" or settings.ray_address is None or not answers(settings.ray_address):
        return 1
    return 1 + settings.gpu_workers


def find_gpus(settings: Settings, nodes: Sequence[dict[str, Any]]) -> int:
    """Return how many GPUs a task asks for: those of one engine, none where the cluster has none or a server has the model."""
    there = any(node["Resources"].get("GPU") for node in nodes)
    return gpus_of_engine(settings) if there and not uses_server(settings) else 0


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect this process to a cluster, by Prefect's task runner. Raises whatever Ray raises where it cannot be."""
    from prefect_ray import RayTaskRunner  # noqa: PLC0415  an extra

    url = get_current_settings().api.url or ""
    told = {"PREFECT_API_URL": url} if url and hide_secrets(url) == url else {}
    env = {"worker_process_setup_hook": f"{ray_tasks.__name__}.{ray_tasks.set_up.__name__}", "env_vars": told}
    init = {"runtime_env": env, "log_to_driver": False, "logging_level": logging.WARNING}
    before = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack:
        runner = stack.enter_context(RayTaskRunner(address=address, init_kwargs=init))
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has put its own in the place of ours
        yield runner


def ask_ray(settings: Settings) -> AskHelpers:
    """Return what asks the Ray cluster of the settings."""

    @contextmanager
    def ask(request: RunRequest, _run_id: UUID, shards: int) -> Iterator[Look]:
        address = refuse_without_ray(settings, server=prefect_api_is_set())
        with ExitStack() as stack:
            helpers = _begin(stack, address, request, shards, settings.for_workload(request.workload))
            yield (lambda: False) if helpers is None else helpers.look

    return ask


def _begin(
    stack: ExitStack, address: str, request: RunRequest, shards: int, settings: Settings
) -> RayHelpers | None:
    """Ask for tasks; None, and a line that says so, where the cluster is not to be had: all shards are answered here then."""
    try:
        if not answers(address):
            msg = "it does not answer"
            raise ConnectionError(msg)  # noqa: TRY301  one way to say it
        runner = stack.enter_context(connected(address))
        import ray  # noqa: PLC0415  an extra

        helpers = RayHelpers(ray)
        stack.callback(helpers.tell_off)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        gpus = find_gpus(settings, nodes)
        wanted = RunRequest(request.workload, request.partition, request.input, request.where, request.limit)
        count = min(shards - 1, count_tasks(settings, gpus, nodes))
        if count == 0:
            log.warning(
                "no node of the Ray cluster at %s has room for a task (%s), all shards are answered here; where it grows "
                "by itself, set gpu_workers",
                address,
                f"{gpus} GPUs each" if gpus else "a CPU each",
            )
        helpers.ask(runner, wanted, count, gpus)
    except Exception as error:  # noqa: BLE001  Ray's own errors have no common root; the run goes on without
        said = " ".join(str(error).split())[:300]
        log.warning(
            "the Ray cluster at %s is not asked, all shards are answered here: %s (%s)",
            address,
            type(error).__name__,
            said,
        )
        return None
    return helpers
