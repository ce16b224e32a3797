"""What `breakeven doctor` asks the Prefect server: does it answer, do our schedules fire, does anyone take the runs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

import httpx
import httpx2
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    get_current_settings,
    temporary_settings,
)
from pydantic import ValidationError

from models.doctor import SetupCheck
from models.engines.api.fetch import fetch
from models.errors import UsageError
from models.gpus import describe_sharing
from models.settings import Settings
from tasks.setup.auth_string import find_auth_string
from tasks.setup.workload_deployments import delete_command, deployable, gone, workload_of
from tasks.workers.pools import GPU_POOL, list_online

TAG = "breakeven"
"""Marks our deployments and flow runs on a server that may have others."""
MAKE_SERVER_URL = "http://127.0.0.1:4200/api"
START_WORKER = {"gpu": "`make worker`", "api": "`make collector`"}
SECONDS_FOR_THE_API = 3.0


def start_worker(pool: str, pool_type: str) -> str:
    """Return the command that starts a worker of a pool; for containers in the cluster, or on the machine with Docker."""
    if pool_type == "process" and pool in START_WORKER:
        return START_WORKER[pool]
    return f"`prefect worker start --pool {pool} --type {pool_type}`"


def check_prefect_server(settings: Settings) -> list[SetupCheck]:
    """Check the Prefect API; if it answers, also deployments, scheduled runs, and each work pool. Nothing is changed."""
    url = get_current_settings().api.url or find_server_of_make()
    if not url:
        advice = "`breakeven run` needs none; for schedules: `make server`, `make deploy`, `make worker`"
        return [SetupCheck("Prefect API", "warn", "none set", advice)]
    try:
        fetch(f"{url}/health", seconds=SECONDS_FOR_THE_API).raise_for_status()
    except httpx2.HTTPError as error:
        advice = "start it with `make server` or correct PREFECT_API_URL"
        return [SetupCheck("Prefect API", "fail", f"{url}: {type(error).__name__}", advice)]
    try:
        changed = {PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0} | _auth_for(url)
        with temporary_settings(changed), get_client(sync_client=True) as client:
            return [_check_open(url), *_deployed(client, settings)]
    except UsageError as error:
        return [SetupCheck("Prefect API", "fail", url, str(error))]
    except (httpx.HTTPError, httpx2.HTTPError, PrefectException, ValidationError, ValueError) as error:
        said = (str(error).splitlines() or [""])[0]
        advice = (
            "correct PREFECT_API_URL (it ends in /api) and PREFECT_API_AUTH_STRING, or see the server's log"
        )
        return [SetupCheck("Prefect API", "fail", f"{url}: {type(error).__name__}: {said}", advice)]


def _auth_for(url: str) -> dict[Any, Any]:
    """Return the setting that shows `make server` its auth string, none where the user has set one himself."""
    own = get_current_settings().api
    if own.key is not None or (own.auth_string and own.auth_string.get_secret_value()):
        return {}
    found = find_auth_string(url)
    return {} if found is None else {PREFECT_API_AUTH_STRING: found}


def _check_open(url: str) -> SetupCheck:
    """See whether the server tells anybody who asks: whoever may write to it has the workers run commands."""
    answer = fetch(f"{url}/admin/version", seconds=SECONDS_FOR_THE_API)
    if not answer.is_success:
        return SetupCheck("Prefect API", "ok", url)
    advice = (
        "every program and every web page that reaches it can have the workers run commands: start it with `make server`, or set "
        "PREFECT_SERVER_API_AUTH_STRING for it and PREFECT_API_AUTH_STRING for its clients (docs/prefect.md)"
    )
    return SetupCheck("Prefect API", "warn", f"{url} asks nobody who he is", advice)


def find_server_of_make() -> str | None:
    """Return the address of `make server` if a server answers there."""
    try:
        fetch(f"{MAKE_SERVER_URL}/health", seconds=SECONDS_FOR_THE_API, proxies=False).raise_for_status()
    except httpx2.HTTPError:
        return None
    return MAKE_SERVER_URL


def _deployed(client: SyncPrefectClient, settings: Settings) -> list[SetupCheck]:
    ours = client.read_deployments(
        deployment_filter=DeploymentFilter.model_validate({"tags": {"all_": [TAG]}})
    )
    if not ours:
        return [SetupCheck("deployments", "fail", "none: no schedule can fire", "run `make deploy`")]
    pools = sorted({one.work_pool_name or "" for one in ours})
    return [
        _check_deployments(ours, settings),
        *check_schedules(client, ours),
        *(
            check_pool(client, name, [one for one in ours if (one.work_pool_name or "") == name])
            for name in pools
        ),
    ]


def _check_deployments(ours: Sequence[DeploymentResponse], settings: Settings) -> SetupCheck:
    """See that each workload with an input has its deployment, and that none is left of one that has gone."""
    names = ", ".join(sorted(one.name for one in ours))
    entrypoints = [one.entrypoint for one in ours]
    there = {workload_of(one) for one in entrypoints}
    advice = []
    if missing := [name for name in deployable(settings) if name not in there]:
        advice.append(f"{', '.join(missing)}: not deployed, run `make deploy`")
    if left := gone(entrypoints, settings):
        commands = ", ".join(f"`{delete_command(name)}`" for name in left)
        advice.append(f"{', '.join(left)}: no workload any more, {commands}")
    return SetupCheck("deployments", "warn" if advice else "ok", names, "; ".join(advice))


def check_schedules(client: SyncPrefectClient, deployments: Sequence[DeploymentResponse]) -> list[SetupCheck]:
    """See that the server's scheduler has made runs for every active schedule; name what is switched off."""
    scheduled = [one for one in deployments if any(schedule.active for schedule in one.schedules)]
    paused = sorted(one.name for one in scheduled if one.paused)
    checks = []
    if paused:
        advice = "resume them in the UI, or run `make deploy`"
        checks.append(SetupCheck("schedules", "warn", f"paused: {', '.join(paused)}", advice))
    active = [one for one in scheduled if not one.paused]
    if not active:
        advice = "set `active: true` in prefect.yaml, or a workload's `schedule`, and run `make deploy`"
        return checks or [SetupCheck("schedules", "warn", "none is active: nothing runs by itself", advice)]
    due = {one.name: _next_run(client, one) for one in active}
    known = sorted((at, name) for name, at in due.items() if at is not None)
    if without := sorted(name for name, at in due.items() if at is None):
        state: Literal["warn", "fail"] = "warn" if known else "fail"
        found = f"active, but without a scheduled run: {', '.join(without)}"
        return [*checks, SetupCheck("schedules", state, found, _advice_about_the_scheduler())]
    at, name = known[0]
    return [
        *checks,
        SetupCheck("schedules", "ok", f"{len(known)} active, next: {name} {at:%Y-%m-%d %H:%M} UTC"),
    ]


def _next_run(client: SyncPrefectClient, deployment: DeploymentResponse) -> datetime | None:
    """Return when the next run that the scheduler has made for a deployment is due."""
    chosen = _filter([deployment], {"type": {"any_": ["SCHEDULED"]}})
    chosen["next_scheduled_start_time"] = {"after_": datetime.now(UTC)}
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(chosen),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=1,
    )
    at = found[0].next_scheduled_start_time if found else None
    return None if at is None else at.astimezone(UTC)


def _filter(deployments: Sequence[DeploymentResponse], state: dict[str, Any]) -> dict[str, Any]:
    return {"deployment_id": {"any_": [one.id for one in deployments]}, "state": state}


def _advice_about_the_scheduler() -> str:
    return (
        "look again a minute after `make deploy`; if none come, the server's scheduler fails or is switched off: read the "
        f"server's log, and start it with `make server` (SQLAlchemy below 2.1; here {version('sqlalchemy')}). "
        "It makes runs for the next 100 days"
    )


def check_pool(client: SyncPrefectClient, name: str, deployments: Sequence[DeploymentResponse]) -> SetupCheck:
    """See that a work pool gives out its runs and that a worker takes them; count the runs that are late."""
    label = f"pool {name}"
    late = client.count_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(_filter(deployments, {"name": {"any_": ["Late"]}}))
    )
    state: Literal["warn", "fail"] = "fail" if late else "warn"
    waiting = f"; {late} late {'run waits' if late == 1 else 'runs wait'}" if late else ""
    try:
        there = client.read_work_pool(name)
    except ObjectNotFound:
        return SetupCheck(label, "fail", f"is not there{waiting}", "run `make deploy`")
    queues = {one.work_queue_name for one in deployments}
    stopped = [one.name for one in client.read_work_queues(name) if one.is_paused and one.name in queues]
    if there.is_paused or stopped:
        what = "paused" if there.is_paused else f"its queue {stopped[0]} is paused"
        return SetupCheck(
            label, state, f"{what}{waiting}", f"resume it in the UI, or `prefect work-pool resume {name}`"
        )
    if there.concurrency_limit == 0:
        return SetupCheck(
            label, state, f"limit 0: no run is given out{waiting}", "run `make deploy`, which sets it right"
        )
    online = list_online(client, name)
    if not online:
        return SetupCheck(
            label, state, f"no worker is online{waiting}", f"start one: {start_worker(name, there.type)}"
        )
    slots = f"{there.active_slots or 0} of {there.concurrency_limit} slots in use"
    found = f"{len(online)} online ({', '.join(online)}), {slots}{waiting}"
    advice = describe_sharing(online) if name == GPU_POOL else []
    if name == GPU_POOL and there.concurrency_limit is not None and there.concurrency_limit < len(online):
        advice.append(
            "fewer slots than workers: set gpu_workers to auto, or to their number, and run `make deploy`"
        )
    return SetupCheck(label, "warn" if advice else "ok", found, "; ".join(advice))
