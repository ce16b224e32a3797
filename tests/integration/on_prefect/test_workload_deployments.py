"""A workload of a file from `make deploy` to published rows: on the real server, by a real worker, without an edit of prefect.yaml."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.dates import yesterday
from flows.deploy import POOL
from models.settings import Settings
from tasks.setup.prefect_checks import check_prefect_server
from tests.faulty_api import FaultyApi
from tests.integration.on_prefect.schedules import SCHEDULER, due, scheduled_by_server
from tests.integration.on_prefect.site import Site, until
from tests.integration.pipeline.harness import settings_for

NAME, OTHER = "my-topics", "other-topics"
RUN_SECONDS = 300.0


@pytest.fixture(scope="module")
def workloads_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder of workloads with one whose name no Python could write, and let deploys find it."""
    folder = tmp_path_factory.mktemp("workloads")
    rows = [{"id": f"r{number}", "text": f"message {number}"} for number in range(5)]
    source = folder / "in.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (folder / f"{NAME}.toml").write_text(
        'kind = "label"\nprompt = "Which topic?"\nlabels = ["bills", "parcels"]\ninput = "in.jsonl"\n'
        'schedule = "* * * * *"\npolicy = { complex_over_chars = 1 }\n',
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREAKEVEN_WORKLOADS_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server of their own, whose scheduler is on."""
    site = Site(tmp_path_factory.mktemp("site"), **SCHEDULER)
    try:
        site.start_server()
        yield site
    finally:
        site.close()


@pytest.fixture(scope="module")
def deployed(site: Site, workloads_dir: Path) -> Site:
    """Deploy what the settings have."""
    assert workloads_dir.is_dir()
    site.apply()
    return site


@pytest.mark.long  # it waits for a minute to come; test_schedules.py shows the same of a preset
def test_the_schedule_of_a_workloads_file_publishes(
    deployed: Site, api: SyncPrefectClient, tmp_path: Path, workloads_dir: Path
) -> None:
    """It fires: the server makes the run, a worker imports the flow by its name, and every record of yesterday is published."""
    there = api.read_deployment_by_name(f"{NAME}/{NAME}")
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    with FaultyApi() as endpoint:
        deployed.start_worker(
            "topics",
            settings,
            BREAKEVEN_WORKLOADS_DIR=str(workloads_dir),
            BREAKEVEN_API_MODE="sync",
            BREAKEVEN_API_BASE_URL=endpoint.url,
        )
        until(
            lambda: scheduled_by_server(api, there.id, "Completed"),
            f"no scheduled run has completed: {deployed.url}",
            RUN_SECONDS,
        )
        deployed.kill_workers()
        assert len(endpoint.seen) == 5
    run, *_ = scheduled_by_server(api, there.id, "Completed")
    day = yesterday(due([run])[0])
    assert run.name == f"{NAME} {day}"
    published = pl.read_parquet(tmp_path / "out" / NAME / f"date={day}" / "records.parquet")
    assert sorted(published["id"].to_list()) == [f"r{number}" for number in range(5)]
    assert set(published["label"].to_list()) <= {"bills", "parcels"}


def test_a_workload_that_has_gone_keeps_its_deployment(
    deployed: Site, api: SyncPrefectClient, workloads_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next deploy, and doctor, name it with the command that deletes it; a new one is missed until it is deployed."""
    there = api.read_deployment_by_name(f"{NAME}/{NAME}")
    assert there.entrypoint == f"flows.workloads:{NAME}"
    assert there.work_pool_name == POOL
    (workloads_dir / f"{NAME}.toml").rename(workloads_dir / f"{OTHER}.toml")
    deployed.apply()
    command = f"`prefect deployment delete {NAME}/{NAME}`"
    said = capsys.readouterr().err
    assert f"no workload any more, but still deployed: {NAME}; delete with {command}" in said
    assert api.read_deployment_by_name(f"{NAME}/{NAME}")
    own = {"kind": "text", "prompt": "Say it.", "input": "in.jsonl"}
    settings = Settings.model_validate({"workloads": {OTHER: own, "third": own}})
    (check,) = [one for one in check_prefect_server(settings) if one.name == "deployments"]
    assert check.state == "warn"
    assert check.advice == f"third: not deployed, run `make deploy`; {NAME}: no workload any more, {command}"
