"""`make deploy`: the work pools, the deployments of prefect.yaml and of the settings' workloads, and the automations against runs whose machine is gone.

Every step makes what is missing and sets right what differs, so a second call changes nothing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import get_current_settings

from flows.automations import automations, ensure_automations, time_to_start
from flows.environment import PROJECT, ends_in_one_line, read_settings
from flows.pool_templates import base_job_template, require_complete
from flows.workload_deployments import read_blocks, with_workloads
from models.errors import BreakevenError, UsageError
from models.settings import Settings
from tasks.display.table_layout import tell
from tasks.setup.auth_string import lend_auth_string
from tasks.setup.prefect_checks import TAG, start_worker
from tasks.setup.workload_deployments import delete_command, gone
from tasks.workers.pools import API_POOL, API_POOL_CONCURRENCY, GPU_POOL, count_gpu_workers, list_online

POOL = GPU_POOL
FILE = PROJECT / "prefect.yaml"
DEPLOYED_FILE = "DEPLOYED_FILE"
"""Tells the build step which file `make deploy` deploys: Prefect does not."""


def pools(client: SyncPrefectClient, settings: Settings) -> dict[str, int]:
    """Return our work pools and how many runs each may have at a time: on `gpu` one for each worker."""
    online = len(list_online(client, POOL))
    return {POOL: count_gpu_workers(settings, online), API_POOL: API_POOL_CONCURRENCY}


def ensure_pool(
    client: SyncPrefectClient, name: str, concurrency: int, settings: Settings | None = None
) -> WorkPool:
    """Make a work pool of the settings' type, or set its limit right, so that two runs never share a GPU, and its template.

    Raises `UsageError` if a pool of this name is of another type.
    """
    settings = settings or Settings()
    template = base_job_template(settings, name)
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return client.create_work_pool(
            WorkPoolCreate(
                name=name,
                type=settings.pool_type,
                base_job_template=template,
                concurrency_limit=concurrency,
            )
        )
    require_type(pool, settings)
    if pool.concurrency_limit != concurrency:
        client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=concurrency))
    if settings.pool_type != "process" and pool.base_job_template != template:
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    return client.read_work_pool(name)


def require_type(pool: WorkPool, settings: Settings) -> None:
    """Raise `UsageError` for a pool whose workers start runs where our installation and outputs are not."""
    if pool.type != settings.pool_type:
        msg = f"the work pool {pool.name!r} is of type {pool.type!r}, not {settings.pool_type!r}: delete or rename it, then deploy again"
        raise UsageError(msg)


def read_pool_names(file: Path) -> set[str]:
    """Return the work pools that a file such as prefect.yaml names. Raises `UsageError` for a file that is none."""
    found: set[str] = read_blocks(file)["pools"]
    return found


def ensure_pools(client: SyncPrefectClient, settings: Settings, file: Path) -> None:
    """Bring our pools in place, and see that every other pool that the file names can run our flows.

    Raises `UsageError` for a pool that is missing and for one of another type, and for containers that would lack something.
    """
    require_complete(settings)
    ours = pools(client, settings)
    for name, concurrency in ours.items():
        ensure_pool(client, name, concurrency, settings)
    for name in sorted(read_pool_names(file) - set(ours)):
        try:
            require_type(client.read_work_pool(name), settings)
        except ObjectNotFound as error:
            msg = (
                f"{file.name} names the work pool {name!r}, which is not there: name {POOL!r} or {API_POOL!r}, or make "
                f"it with `prefect work-pool create {name} --type {settings.pool_type}`"
            )
            raise UsageError(msg) from error


def prepare_pools() -> dict[str, str]:
    """Build step of the deployments, for who calls `prefect deploy` himself. Ends the command with one line."""
    with ends_in_one_line():
        try:
            with get_client(sync_client=True) as client:
                ensure_pools(client, read_settings(), Path(os.environ.get(DEPLOYED_FILE, "prefect.yaml")))
        except (httpx.HTTPError, PrefectException) as error:
            msg = f"the Prefect API refused: {error}"
            raise BreakevenError(msg) from error
    return {}


def deploy_all(file: Path) -> None:
    """Apply a file such as prefect.yaml with Prefect's own command. Raises `BreakevenError` if it fails."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    done = subprocess.run(  # noqa: S603  our own words
        command,
        cwd=PROJECT,
        env=os.environ | {DEPLOYED_FILE: str(file)},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["nothing was said"]
        msg = f"`prefect deploy --all` failed: {said[-1].strip()}"
        raise BreakevenError(msg)


def drop_stale_runs(client: SyncPrefectClient) -> None:
    """Delete runs that the scheduler has made of schedules that are off now.

    Prefect deletes them as well, but its scheduler may be at work on the schedule as it was, and makes them anew.
    """
    ours = DeploymentFilter.model_validate({"tags": {"all_": [TAG]}})
    for one in client.read_deployments(deployment_filter=ours):
        if not one.paused and any(schedule.active for schedule in one.schedules):
            continue
        made = {"deployment_id": {"any_": [one.id]}, "tags": {"all_": ["auto-scheduled"]}}
        waiting = FlowRunFilter.model_validate(made | {"state": {"name": {"any_": ["Scheduled", "Late"]}}})
        while stale := client.read_flow_runs(flow_run_filter=waiting, limit=200):
            for run in stale:
                client.delete_flow_run(run.id)


def api_url() -> str:
    """Return the address of the Prefect API. Raises `UsageError` if none is set."""
    url = get_current_settings().api.url
    if not url:
        msg = "no Prefect API: set PREFECT_API_URL, or start a server here with `make server`"
        raise UsageError(msg)
    return url


def find_gone(client: SyncPrefectClient, settings: Settings) -> list[str]:
    """Return the workloads of which there is a deployment, though the settings do not know them any more."""
    ours = DeploymentFilter.model_validate({"tags": {"all_": [TAG]}})
    return gone([one.entrypoint for one in client.read_deployments(deployment_filter=ours)], settings)


def deploy(file: Path = FILE) -> list[str]:
    """Bring pools, the deployments of a file and of the settings' workloads, and automations in place.

    Returns the workloads that have gone and whose deployment stays. Raises `BreakevenError` in one line.
    """
    if not file.is_file():
        msg = f"no file {file}: name a copy of prefect.yaml, or nothing for prefect.yaml itself"
        raise UsageError(msg)
    url, settings = api_url(), read_settings()
    lend_auth_string()
    try:
        with get_client(sync_client=True) as client:
            if (failure := client.api_healthcheck()) is not None:
                msg = f"no Prefect API answers at {url} ({type(failure).__name__}): start one with `make server`"
                raise UsageError(msg) from failure
            with with_workloads(file, settings) as whole:
                ensure_pools(client, settings, whole)
                deploy_all(whole)
            ensure_automations(client, automations(start=time_to_start(settings)))
            drop_stale_runs(client)
            return find_gone(client, settings)
    except (httpx.HTTPError, PrefectException) as error:
        if (
            isinstance(error, httpx.HTTPStatusError)
            and error.response.status_code == httpx.codes.UNAUTHORIZED
        ):
            msg = f"the Prefect API at {url} wants an auth string: set PREFECT_API_AUTH_STRING (docs/prefect.md)"
            raise UsageError(msg) from error
        msg = f"the Prefect API at {url} refused: {error}"
        raise BreakevenError(msg) from error


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Deploy the file that is named, else prefect.yaml; say what stands, or what is in the way."""
    with ends_in_one_line():
        left = deploy(*(Path(one).resolve() for one in arguments[:1]))
    if left:
        how = "; ".join(f"`{delete_command(name)}`" for name in left)
        tell(f"no workload any more, but still deployed: {', '.join(left)}; delete with {how}")
    started = (
        f"{start_worker(name, read_settings().pool_type)} (pool {name!r})" for name in (POOL, API_POOL)
    )
    tell(f"deployed; start workers with {' and, for the API, '.join(started)}")


if __name__ == "__main__":
    main()
