"""A workload of a file from `make deploy` to published rows: on the real server, by a real worker, without an edit of prefect.yaml."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from flows.deploy import POOL
from models.settings import Settings
from tasks.setup.prefect_checks import check_prefect_server
from tests.faulty_api import FaultyApi
from tests.integration.on_prefect.site import Site, api_of, until
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
        'schedule = "0 5 * * *"\n',
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREAKEVEN_WORKLOADS_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def deployed(site: Site, workloads_dir: Path) -> Iterator[Site]:
    """Deploy, and see that tests of other files find none of it."""
    assert workloads_dir.is_dir()
    site.apply()
    yield site
    site.kill_workers()
    with api_of(site) as client:
        for name in (NAME, OTHER):
            with suppress(ObjectNotFound):
                client.delete_deployment(client.read_deployment_by_name(f"{name}/{name}").id)


def test_a_workload_of_a_file_runs_by_its_deployment(
    deployed: Site, api: SyncPrefectClient, tmp_path: Path, workloads_dir: Path
) -> None:
    """Its schedule is on, a worker imports its flow by its name, and every record is published."""
    there = api.read_deployment_by_name(f"{NAME}/{NAME}")
    assert there.entrypoint == f"flows.workloads:{NAME}"
    assert [one.active for one in there.schedules] == [True]
    assert there.work_pool_name == POOL
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    with FaultyApi() as endpoint:
        deployed.start_worker(
            "topics",
            settings,
            BREAKEVEN_WORKLOADS_DIR=str(workloads_dir),
            BREAKEVEN_API_MODE="sync",
            BREAKEVEN_API_BASE_URL=endpoint.url,
        )
        asked = {"partition": "2026-11-01", "engine": "openai"}
        run = api.create_flow_run_from_deployment(there.id, parameters=asked)
        until(lambda: (state := api.read_flow_run(run.id).state) and state.is_final(), run.name, RUN_SECONDS)
        ended = api.read_flow_run(run.id)
        assert ended.state_name == "Completed", deployed.logs()
        assert len(endpoint.seen) == 5
    assert ended.name == f"{NAME} 2026-11-01"
    published = pl.read_parquet(tmp_path / "out" / NAME / "date=2026-11-01" / "records.parquet")
    assert sorted(published["id"].to_list()) == [f"r{number}" for number in range(5)]
    assert set(published["label"].to_list()) <= {"bills", "parcels"}


def test_a_workload_that_has_gone_keeps_its_deployment(
    deployed: Site, api: SyncPrefectClient, workloads_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next deploy, and doctor, name it with the command that deletes it; a new one is missed until it is deployed."""
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
