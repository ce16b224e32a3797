"""`breakeven worker`: starts, watches and stops the workers of this machine."""

import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence

import httpx
import httpx2
from prefect.context import refresh_global_settings_context
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import get_current_settings

from models.engines.api.fetch import fetch
from models.errors import BreakevenError, UsageError
from models.gpus import VISIBLE
from models.machine import list_gpus
from models.settings import Settings
from tasks.display.table_layout import tell
from tasks.setup.auth_string import auth_file, lend_auth_string
from tasks.setup.prefect_checks import find_server_of_make
from tasks.workers.crew import watch_crew
from tasks.workers.locks import DeviceLocks
from tasks.workers.places import WorkerPlace, place_workers
from tasks.workers.pools import GPU_POOL, SECONDS_BETWEEN, asking, follow_workers, list_online
from tasks.workers.watched_worker import PAUSES, WatchedWorker

URL = "PREFECT_API_URL"
SECONDS_TO_ANSWER = 30.0
"""For a server that nothing can begin without."""
POLL_SECONDS = 2.0
"""Between two times that a worker asks for runs."""
SOON_SECONDS, LATER_SECONDS = 2.0, 15.0
"""Between two looks at the pool: until all workers are online, and then."""


def run_workers(
    settings: Settings,
    pool: str,
    wanted: str | None,
    environment: Mapping[str, str],
    pauses: Sequence[float] = PAUSES,
) -> None:
    """Start the workers of a pool on this machine and watch them until a signal asks to stop.

    `wanted`: `all` or the GPUs that are named, see `place_workers`; `environment`: of the workers. Raises `UsageError`
    in one line for what keeps any worker from starting, and what `watch_crew` raises.
    """
    host = socket.gethostname()
    places = place_workers(settings, pool, wanted, host, list_gpus(), os.environ)
    url = find_server()
    lend_auth_string()
    require_pool(pool, url)
    locks = DeviceLocks(auth_file().parent / "workers", host)
    try:
        crew = [WatchedWorker(one, command_of(one), locks, pauses) for one in places]
        for one in places:
            tell(f"{one.name}: pool {pool}, {one.limit} at a time, {describe_devices(one)}")
        watcher = PoolWatcher(settings, pool, url, [one.name for one in places])
        watch_crew(crew, dict(environment) | {URL: url} | polling(), watcher.server_answers, watcher.look)
    finally:
        locks.close()


def polling() -> dict[str, str]:
    """Return how often workers ask for runs, seconds, where nobody has set it: Prefect's ten are long to a partition in shards."""
    is_set = "query_seconds" in get_current_settings().worker.model_fields_set
    return {} if is_set else {"PREFECT_WORKER_QUERY_SECONDS": f"{POLL_SECONDS:g}"}


def describe_devices(place: WorkerPlace) -> str:
    """Write the variable that gives a worker its devices."""
    return f"{VISIBLE}={place.environment[VISIBLE]}" if place.environment else "no device of its own"


def command_of(place: WorkerPlace) -> list[str]:
    """Return what starts Prefect's worker of a place."""
    command = [sys.executable, "-m", "flows.watched_worker", "--pool", place.pool]
    return [*command, "--name", place.name, "--limit", str(place.limit), "--watcher", str(os.getpid())]


def find_server() -> str:
    """Return the address of the Prefect API: the one that is set, else that of `make server`. Raises `UsageError` where none answers."""
    url = get_current_settings().api.url
    if url is None:
        url = find_server_of_make()
        if url is None:
            msg = f"no Prefect API: set {URL}, or start a server here with `make server`"
            raise UsageError(msg)
        os.environ[URL] = url
        refresh_global_settings_context()
    if not answers(url, SECONDS_TO_ANSWER):
        msg = f"no Prefect API answers at {url}: start one with `make server`, or correct {URL}"
        raise UsageError(msg)
    return url


def answers(url: str, seconds: float) -> bool:
    """Whether a Prefect API answers there."""
    try:
        return fetch(f"{url}/health", seconds=seconds).is_success
    except httpx2.HTTPError:
        return False


def require_pool(pool: str, url: str) -> None:
    """Raise `UsageError` where the server has no such pool, or does not let this client in."""
    try:
        with asking(SECONDS_TO_ANSWER) as client:
            client.read_work_pool(pool)
    except ObjectNotFound as error:
        msg = f"the work pool {pool!r} is not there at {url}: run `make deploy`"
        raise UsageError(msg) from error
    except (httpx.HTTPError, PrefectException) as error:
        said = (str(error).splitlines() or [""])[0]
        msg = f"the Prefect API at {url} refused: {said} (PREFECT_API_AUTH_STRING, docs/prefect.md)"
        raise BreakevenError(msg) from error


class PoolWatcher:
    """Looks at the pool now and then: says when all workers are online, and keeps the limit of the pool `gpu` at what is there."""

    def __init__(self, settings: Settings, pool: str, url: str, names: Sequence[str]) -> None:
        self._settings, self._pool, self._url, self._names = settings, pool, url, names
        self._next = 0.0
        self._online = self._away = False

    def server_answers(self) -> bool:
        """Whether a worker can start now; says once that none can."""
        here = answers(self._url, SECONDS_BETWEEN)
        if not here and not self._away:
            tell(f"no Prefect API answers at {self._url}: a worker is started again when one does")
        self._away = not here
        return here

    def look(self) -> None:
        """Look, where it is time. A server that is away is no fault: the workers wait for it as well."""
        if time.monotonic() < self._next:
            return
        try:
            with asking() as client:
                online = (
                    follow_workers(client, self._settings)
                    if self._pool == GPU_POOL
                    else list_online(client, self._pool)
                )
        except (httpx.HTTPError, PrefectException):
            online = []
        if not self._online and set(self._names) <= set(online):
            self._online = True
            tell(f"online: {', '.join(self._names)}; Ctrl-C stops them")
        self._next = time.monotonic() + (LATER_SECONDS if self._online else SOON_SECONDS)
