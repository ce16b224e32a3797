"""`make deploy`: the work pools, the deployments of prefect.yaml and of the settings' workloads, and the automations against runs whose machine is gone.

Every step makes what is missing and sets right what differs, so a second call changes nothing.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
from prefect import get_client
from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import StateType, WorkPool
from prefect.events.actions import ChangeFlowRunState
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from flows.environment import PROJECT, ends_in_one_line, read_settings
from flows.workload_deployments import read_blocks, with_workloads
from models.errors import BreakevenError, UsageError
from models.settings import Settings
from tasks.display.table_layout import tell
from tasks.setup.auth_string import lend_auth_string
from tasks.setup.prefect_checks import TAG
from tasks.setup.workload_deployments import delete_command, gone
from tasks.workers.pools import API_POOL, API_POOL_CONCURRENCY, GPU_POOL, count_gpu_workers, list_online

POOL = GPU_POOL
FILE = PROJECT / "prefect.yaml"
DEPLOYED_FILE = "DEPLOYED_FILE"
"""Tells the build step which file `make deploy` deploys: Prefect does not."""
AUTOMATION = "breakeven: crash silent runs"
UNSTARTED_AUTOMATION = "breakeven: crash runs that never start"
# Three of the heartbeats that prefect.yaml asks for: two may be lost.
SILENCE = timedelta(seconds=90)
# From a worker's claim of a run to its first line of code: seconds, on an overloaded machine minutes.
START = timedelta(minutes=10)


def pools(client: SyncPrefectClient, settings: Settings) -> dict[str, int]:
    """Return our work pools and how many runs each may have at a time: on `gpu` one for each worker."""
    try:
        online = len(list_online(client, POOL))
    except ObjectNotFound:
        online = 0
    return {POOL: count_gpu_workers(settings, online), API_POOL: API_POOL_CONCURRENCY}


def ensure_pool(client: SyncPrefectClient, name: str, concurrency: int) -> WorkPool:
    """Make a process work pool, or set its concurrency limit right, so that two runs never share a GPU.

    Raises `UsageError` if a pool of this name is of another type.
    """
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        return client.create_work_pool(
            WorkPoolCreate(
                name=name,
                type=ProcessWorker.type,
                base_job_template=template,
                concurrency_limit=concurrency,
            )
        )
    require_process(pool)
    if pool.concurrency_limit != concurrency:
        client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=concurrency))
    return client.read_work_pool(name)


def require_process(pool: WorkPool) -> None:
    """Raise `UsageError` for a pool whose workers start runs where our installation and outputs are not."""
    if pool.type != ProcessWorker.type:
        msg = f"the work pool {pool.name!r} is of type {pool.type!r}, not 'process': delete or rename it, then deploy again"
        raise UsageError(msg)


def read_pool_names(file: Path) -> set[str]:
    """Return the work pools that a file such as prefect.yaml names. Raises `UsageError` for a file that is none."""
    found: set[str] = read_blocks(file)["pools"]
    return found


def ensure_pools(client: SyncPrefectClient, settings: Settings, file: Path) -> None:
    """Bring our pools in place, and see that every other pool that the file names can run our flows.

    Raises `UsageError` for a pool that is missing and for one of another type.
    """
    ours = pools(client, settings)
    for name, concurrency in ours.items():
        ensure_pool(client, name, concurrency)
    for name in sorted(read_pool_names(file) - set(ours)):
        try:
            require_process(client.read_work_pool(name))
        except ObjectNotFound as error:
            msg = (
                f"{file.name} names the work pool {name!r}, which is not there: name {POOL!r} or {API_POOL!r}, or make "
                f"it with `prefect work-pool create {name} --type process`"
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


def automations(
    silence: timedelta = SILENCE, start: timedelta = START
) -> tuple[AutomationCore, AutomationCore]:
    """Describe the automations that mark a run Crashed once its worker and its machine are gone.

    One waits `silence` after the last heartbeat of a run. The other waits `start` after a worker has
    claimed a run (Pending) that has not begun: no heartbeat has come of it, and it holds a slot as well.
    """
    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{end}" for end in ("Completed", "Failed", "Cancelled", "Crashed")}
    return (
        _crash(
            AUTOMATION,
            after=heartbeat,
            expect={heartbeat} | ends,
            within=silence,
            message=f"No heartbeat for {silence.seconds} seconds: the process or its machine is gone.",
        ),
        _crash(
            UNSTARTED_AUTOMATION,
            after="prefect.flow-run.Pending",
            expect={
                f"prefect.flow-run.{state}" for state in ("Running", "Scheduled", "AwaitingConcurrencySlot")
            }
            | ends,
            within=start,
            message=f"Claimed by a worker and not begun within {start.seconds} seconds: the worker or its machine is gone.",
        ),
    )


def _crash(name: str, *, after: str, expect: set[str], within: timedelta, message: str) -> AutomationCore:
    """Describe an automation that marks a run Crashed when `expect` does not follow `after`.

    It looks only at runs that carry our tag, because other runs on the same server may send their
    heartbeats more rarely, or not at all.
    """
    return AutomationCore(
        name=name,
        enabled=True,
        description="Frees the slot in the work pool when the machine of a run is gone.",
        trigger=EventTrigger(
            after={after},
            expect=expect,
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": ["tag"], "prefect.resource.id": [f"prefect.tag.{TAG}"]}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


def ensure_automations(client: SyncPrefectClient, wanted: Iterable[AutomationCore]) -> None:
    """Make the automations, or set right what differs; a second one of the same name is never made."""
    for one in wanted:
        there = client.read_automations_by_name(one.name)
        if not there:
            client.create_automation(one)
            continue
        kept, *spare = there
        if AutomationCore.model_validate(kept.model_dump()) != one:
            client.update_automation(kept.id, one)
        for other in spare:
            client.delete_automation(other.id)


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
            ensure_automations(client, automations())
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
    tell(
        f"deployed; start workers with `make worker` (pool {POOL!r}) and, for the API, `make collector` ({API_POOL!r})"
    )


if __name__ == "__main__":
    main()
