"""From `make deploy` to published rows: a real server, a real process worker, the real engine."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import BaseModel

from flows.automations import AUTOMATION, UNSTARTED_AUTOMATION, automations
from flows.deploy import POOL, main
from tasks.workers.pools import API_POOL, API_POOL_CONCURRENCY
from tests.integration.on_prefect.site import PROJECT, Site, until
from tests.integration.pipeline.harness import settings_for

RUN_SECONDS = 400.0
VOLATILE = {"created", "updated", "last_polled", "status"}


def without_times(value: Any) -> Any:  # noqa: ANN401  JSON
    """Drop the keys that say when something was touched."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key not in VOLATILE}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def what_stands(api: SyncPrefectClient) -> dict[str, Any]:
    """Read all that a deploy is about, ids included."""
    deployments = sorted(api.read_deployments(), key=lambda one: one.name)
    everything: dict[str, Sequence[BaseModel]] = {
        "pools": [api.read_work_pool(name) for name in (POOL, API_POOL)],
        "deployments": deployments,
        "automations": api.read_automations(),
    }
    return {
        kind: [without_times(one.model_dump(mode="json")) for one in there]
        for kind, there in everything.items()
    }


@pytest.fixture(scope="module")
def deployed(site: Site) -> Site:
    """Deploy to the server."""
    site.apply()
    return site


@pytest.mark.usefixtures("deployed")
def test_what_prefect_yaml_says_stands(api: SyncPrefectClient) -> None:
    """One slot on the GPU, the night and the collecting scheduled, the single workloads ready but inactive."""
    for name, limit in ((POOL, 1), (API_POOL, API_POOL_CONCURRENCY)):
        pool = api.read_work_pool(name)
        assert (pool.type, pool.concurrency_limit) == ("process", limit)
    schedules = {one.name: one.schedules for one in api.read_deployments()}
    assert {name: [schedule.active for schedule in there] for name, there in schedules.items()} == {
        "nightly": [True],
        "enrichment": [False],
        "sentiment": [False],
        "classification": [False],
        "collect_batches": [True],
        "break-even": [True],
        "alerts": [True],
        "evaluation": [False],
        "training": [],
        "backfill": [],
        "backfill-spread": [],
    }
    for schedule in (schedule for there in schedules.values() for schedule in there):
        assert isinstance(schedule.schedule, CronSchedule)
        assert schedule.schedule.timezone == "UTC"
    for one in api.read_deployments():
        assert one.work_pool_name == (
            API_POOL if one.name in {"collect_batches", "break-even", "alerts", "backfill-spread"} else POOL
        )
        assert int(one.job_variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) >= 30
        assert str(PROJECT) not in one.model_dump_json()
    assert {one.name for one in api.read_automations()} == {AUTOMATION, UNSTARTED_AUTOMATION}


def test_a_second_deploy_sets_right_what_was_changed(deployed: Site, api: SyncPrefectClient) -> None:
    """A changed limit, a schedule that was switched off, a paused deployment, an automation edited and made twice.

    All else stays as it is: same ids, same schedules.
    """
    before = what_stands(api)
    api.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=7))
    night = api.read_deployment_by_name("nightly/nightly")
    api.update_deployment_schedule(night.id, night.schedules[0].id, active=False)
    api.pause_deployment(api.read_deployment_by_name("collect_batches/collect_batches").id)
    (automation,) = api.read_automations_by_name(AUTOMATION)
    edited = automations()[0].model_copy(update={"enabled": False})
    api.update_automation(automation.id, edited)
    api.create_automation(edited)
    deployed.apply()
    after = what_stands(api)
    assert (after["pools"], after["deployments"]) == (before["pools"], before["deployments"])
    names = [[one["name"] for one in stand["automations"]] for stand in (before, after)]
    assert sorted(names[1]) == sorted(names[0]) == sorted([AUTOMATION, UNSTARTED_AUTOMATION])
    assert all(one["enabled"] for one in after["automations"])
    assert [one for one in after["automations"] if one["name"] == UNSTARTED_AUTOMATION] == [
        one for one in before["automations"] if one["name"] == UNSTARTED_AUTOMATION
    ]


@pytest.mark.parametrize("configured", [False, True])
def test_without_an_api_deploy_says_what_to_start(
    dead_url: str, capsys: pytest.CaptureFixture[str], *, configured: bool
) -> None:
    """One line, no traceback, and no temporary server that would forget the deployments."""
    changed = {PREFECT_API_URL: dead_url} if configured else {}
    without = set() if configured else {PREFECT_API_URL}
    with temporary_settings(changed, restore_defaults=without), pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "make server" in said
    assert len(said.splitlines()) == 1


def test_a_file_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`make deploy FILE=…` with a name that is wrong says so, before any server is asked."""
    with pytest.raises(SystemExit) as ended:
        main(["none.yaml"])
    assert ended.value.code == 2
    assert "none.yaml: name a copy of prefect.yaml" in capsys.readouterr().err


@pytest.mark.engine
def test_a_deployment_run_publishes_and_accounts(
    deployed: Site, api: SyncPrefectClient, tmp_path: Path
) -> None:
    """A worker runs the real engine over the samples, publishes, and accounts for every record."""
    sample = {"sentiment": {"input": "samples/sentiment.jsonl"}}
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", workloads=sample)
    deployed.start_worker("real", settings)
    try:
        there = api.read_deployment_by_name("sentiment/sentiment")
        run = api.create_flow_run_from_deployment(there.id, parameters={"partition": "2026-11-01"})
        until(lambda: (state := api.read_flow_run(run.id).state) and state.is_final(), run.name, RUN_SECONDS)
    finally:
        deployed.kill_workers()
    ended = api.read_flow_run(run.id)
    assert ended.state_name == "Completed", deployed.logs()
    assert ended.name == "sentiment 2026-11-01"
    check_published(tmp_path, ended)


def check_published(folder: Path, flow_run: FlowRun) -> None:
    """Every sample of the day is published or quarantined, and every published one has its ledger line."""
    lines = (PROJECT / "samples" / "sentiment.jsonl").read_text().splitlines()
    times = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in lines if line]
    samples = sum(at.astimezone(UTC).date().isoformat() == "2026-11-01" for at in times)

    partition = folder / "out" / "sentiment" / "date=2026-11-01"
    published = pl.read_parquet(partition / "records.parquet", hive_partitioning=False)[
        "record_key"
    ].to_list()
    quarantined = pl.read_parquet(partition / "quarantine.parquet", hive_partitioning=False).height
    assert len(published) + quarantined == samples > quarantined
    with closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        accounted = ledger.execute(
            "SELECT record_key, run_id, input_tokens, cost_nano FROM ledger_lines"
        ).fetchall()
        run = ledger.execute(
            "SELECT id, input_tokens, gpu_cost_nano - unallocated_nano, published FROM runs WHERE flow_run_id = ?",
            [str(flow_run.id)],
        ).fetchone()
    assert sorted(line[0] for line in accounted) == sorted(published)
    assert {line[1] for line in accounted} == {run[0]}
    assert run[1] == sum(line[2] or 0 for line in accounted) > 0
    assert run[2] == sum(line[3] for line in accounted) > 0
    assert run[3] == len(published)
