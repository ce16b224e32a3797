"""Copies of prefect.yaml with other schedules, and what the server's scheduler makes of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from flows.deploy import FILE

SCRIPTED = "tests.integration.on_prefect.scripted"
SCHEDULER = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "true",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_SCHEDULED_TIME": "P400D",  # summer time begins and ends
    "PREFECT_WORKER_QUERY_SECONDS": "2",
}
"""The server's own scheduler, which looks further ahead than 100 days."""
Schedule = dict[str, object]


def write_copy(path: Path, schedules: Mapping[str, Schedule]) -> Path:
    """Write a copy of prefect.yaml with these deployments, their schedules changed; those that infer have the scripted engine."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["deployments"] = [one for one in content["deployments"] if one["name"] in schedules]
    for one in content["deployments"]:
        name = one["entrypoint"].rpartition(":")[2]
        if name in {"sentiment", "nightly"}:
            one["entrypoint"] = f"{SCRIPTED}:{name}"
        (schedule,) = one["schedules"]
        schedule.update(schedules[one["name"]])
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def scheduled_by_server(api: SyncPrefectClient, deployment: UUID, *states: str) -> list[FlowRun]:
    """Return the runs of a deployment that the scheduler has made, by when they are due."""
    chosen: dict[str, Any] = {"deployment_id": {"any_": [deployment]}, "tags": {"all_": ["auto-scheduled"]}}
    if states:
        chosen["state"] = {"name": {"any_": list(states)}}
    return api.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(chosen), sort=FlowRunSort.EXPECTED_START_TIME_ASC
    )


def due(runs: list[FlowRun]) -> list[datetime]:
    """Return when runs are, or were, due."""
    return [one.expected_start_time.astimezone(UTC) for one in runs if one.expected_start_time is not None]


def schedule_in_the_past(api: SyncPrefectClient, deployment: UUID, start: datetime, runs: int) -> None:
    """Let the server make the runs that its scheduler would have made at that time."""
    asked = {
        "start_time": start.isoformat(),
        "end_time": datetime.now(UTC).isoformat(),
        "min_runs": runs,
        "max_runs": runs,
    }
    api.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json=asked)
