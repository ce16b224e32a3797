"""Pools whose runs get containers, on a real server: their templates, what it takes of job variables, and a machine that is taken away."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from flows.deploy import POOL, ensure_pool, ensure_pools
from models.errors import UsageError
from models.settings import Settings
from tasks.workers.pools import API_POOL
from tests.integration.backfill.harness import check_days, rows_of, write_days
from tests.integration.on_prefect import scripted
from tests.integration.on_prefect.site import PROJECT, START_SECONDS, Site, api_of, until
from tests.integration.pipeline.harness import settings_for

LEDGER = "BREAKEVEN_DATABASE_URL"
FOLDER = "/srv/breakeven"
SERVER = "http://prefect.jobs.svc:4200/api"
OWN: dict[str, Any] = {
    "image": "registry.example/breakeven:1",
    "volume": "breakeven",
    "environment": {"PREFECT_API_URL": SERVER, "HF_HOME": "/srv/breakeven/.cache/huggingface"},
}
KUBERNETES = OWN | {"secrets": ["breakeven"], "memory": "32Gi", "cpu": "8", "stop_seconds": 90}
DOCKER = OWN | {"secret_blocks": {LEDGER: "ledger"}, "memory": "32Gi"}
DAY = date(2026, 7, 1)
ROWS = rows_of(DAY, 120, "slow")


def settings_of(pool_type: str, own: dict[str, Any]) -> Settings:
    """Return settings of a pool of containers whose ledger is PostgreSQL."""
    return Settings.model_validate(
        {
            "pool_type": pool_type,
            "pool": own,
            "database_url": "postgresql://u:hidden-word@db/ledger",
            "tensor_parallel_size": 2,
            "gpu_workers": 3 if pool_type == "kubernetes" else "auto",
        }
    )


@pytest.fixture
def no_pools(site: Site) -> Iterator[None]:
    """Take our pools away before and after: other tests have process pools of the same names."""

    def clear() -> None:
        with api_of(site) as api:
            for pool in api.read_work_pools():
                if pool.name in {POOL, API_POOL}:
                    api.delete_work_pool(pool.name)
            for one in api.read_deployments():
                api.delete_deployment(one.id)

    clear()
    yield
    clear()


def two_deployments(folder: Path) -> Path:
    """Write a prefect.yaml with one deployment of each pool."""
    whole = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))
    kept = [one for one in whole["deployments"] if one["name"] in {"enrichment", "alerts"}]
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(whole | {"deployments": kept}), encoding="utf-8")
    return path


def refused(api: SyncPrefectClient, deployment: Any, variables: dict[str, Any]) -> bool:  # noqa: ANN401  Prefect's
    """Whether the server refuses a flow run with these job variables."""
    try:
        run = api.create_flow_run_from_deployment(deployment.id, job_variables=variables)
    except PrefectHTTPStatusError:
        return True
    api.delete_flow_run(run.id)
    return False


@pytest.mark.usefixtures("no_pools")
def test_deploying_for_kubernetes(
    site: Site, api: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pools, deployments and the server's own check of job variables; a second time changes nothing, and no secret is there."""
    for name, value in KUBERNETES.items():
        shown = json.dumps(value) if isinstance(value, list | dict) else str(value)
        monkeypatch.setenv(f"BREAKEVEN_POOL__{name.upper()}", shown)
    monkeypatch.setenv("BREAKEVEN_POOL_TYPE", "kubernetes")
    monkeypatch.setenv("BREAKEVEN_TENSOR_PARALLEL_SIZE", "2")
    monkeypatch.setenv("BREAKEVEN_GPU_WORKERS", "3")
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", "postgresql://u:hidden-word@db/ledger")
    file = two_deployments(tmp_path)
    site.apply(file)
    first = [api.read_work_pool(name) for name in (POOL, API_POOL)]
    ensure_pools(api, settings_of("kubernetes", KUBERNETES), file)
    pools = [api.read_work_pool(name) for name in (POOL, API_POOL)]
    assert [one.base_job_template for one in pools] == [one.base_job_template for one in first]
    assert [one.type for one in pools] == ["kubernetes", "kubernetes"]
    defaults = [
        {name: one.get("default") for name, one in pool.base_job_template["variables"]["properties"].items()}
        for pool in pools
    ]
    assert [one["gpus"] for one in defaults] == [2, None]
    assert [one["memory"] for one in defaults] == ["32Gi", None]
    assert [one["env_from"] for one in defaults] == [[{"secretRef": {"name": "breakeven"}}]] * 2
    deployments = {one.name: one for one in api.read_deployments()}
    enrichment, alerts = deployments["enrichment"], deployments["alerts"]
    assert enrichment.job_variables["gpus"] == 2
    assert "gpus" not in alerts.job_variables
    for one in (enrichment, alerts):
        assert one.job_variables["image"] == OWN["image"]
        assert one.job_variables["env"].items() >= OWN["environment"].items()
        assert one.job_variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
        assert one.pull_steps == [{"flows.environment.enter_project": {"folder": FOLDER}}]
        assert "hidden-word" not in one.model_dump_json()
        assert site.auth_string not in one.model_dump_json()
    assert not refused(api, enrichment, {"gpus": 4, "memory": "64Gi"})
    mistakes: list[dict[str, Any]] = [
        {"gpus": "two"},
        {"gpus": -1},
        {"memory": "much"},
        {"image": 1},
        {"env_from": [{}]},
    ]
    for wrong in mistakes:
        assert refused(api, enrichment, wrong), wrong


@pytest.mark.usefixtures("no_pools")
def test_a_pool_of_docker(api: SyncPrefectClient) -> None:
    """Its template names GPUs and volume, and the secret by its block; it is set right like any other, and process pools stay."""
    settings = settings_of("docker", DOCKER)
    ensure_pool(api, POOL, 1, settings)
    ensure_pool(api, POOL, 1, settings_of("docker", DOCKER | {"memory": "64Gi"}))
    template = api.read_work_pool(POOL).base_job_template
    known = template["variables"]["properties"]
    assert known["memory"]["default"] == "64g"
    assert known["volumes"]["default"] == [f"breakeven:{FOLDER}"]
    assert known["device_requests"]["default"][0]["Count"] == 2
    assert template["job_configuration"]["env"] == {LEDGER: "{{ secret_breakeven_database_url }}"}
    assert known["secret_breakeven_database_url"]["default"] == "{{ prefect.blocks.secret.ledger }}"
    with pytest.raises(UsageError, match="is of type 'docker', not 'process': delete or rename it"):
        ensure_pool(api, POOL, 1)


class Pod:
    """A container's first process, with what a worker gives it, without the container."""

    def __init__(self, site: Site, settings: Settings, source: Path, run: FlowRun, log: Path) -> None:
        self.log, self.calls = log, log.with_suffix(".calls")
        self.calls.touch()
        env = site.settings_env(settings) | {
            "PREFECT__FLOW_RUN_ID": str(run.id),
            "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "models,db,tasks,flows",
            "BREAKEVEN_WORKLOADS__SENTIMENT__INPUT": str(source),
            scripted.CALLS: str(self.calls),
        }
        command = [
            sys.executable,
            "-m",
            "flows.container",
            sys.executable,
            "-m",
            "prefect",
            "flow-run",
            "execute",
        ]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=env, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT
            )

    def asked(self) -> int:
        """Count the records that the engine was asked about."""
        return self.calls.read_text(encoding="utf-8").count(f"{DAY:%m%d}")


@pytest.mark.long  # tests/unit/test_container.py: the signal reaches the run alone
def test_a_machine_that_is_taken_away(site: Site, api: SyncPrefectClient, tmp_path: Path) -> None:
    """SIGTERM reaches the run, which commits what it has; the run waits for another worker, which does the rest."""
    settings = settings_for(
        tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", gpu_usd_per_hour=None, commit_records=10
    )
    source = write_days(tmp_path / "in.jsonl", {DAY: ROWS})
    pool = "taken-away"
    ensure_pool(api, pool, 1, settings_of("kubernetes", KUBERNETES))
    deployment = api.create_deployment(
        api.create_flow_from_name("sentiment"),
        "sentiment-in-pods",
        work_pool_name=pool,
        entrypoint="tests.integration.on_prefect.scripted:sentiment",
        pull_steps=[{"flows.environment.enter_project": {"folder": str(PROJECT)}}],
        job_variables={"image": "i", "volume_claim": "v"},
    )
    run = api.create_flow_run_from_deployment(deployment, parameters={"partition": str(DAY)})
    first = Pod(site, settings, source, run, tmp_path / "first.log")
    until(
        lambda: first.asked() > 20 or first.process.poll() is not None, "no record was asked", START_SECONDS
    )
    os.kill(first.process.pid, signal.SIGTERM)
    assert first.process.wait(START_SECONDS) == 0, first.log.read_text()
    said, state = first.log.read_text(), api.read_flow_run(run.id).state
    assert "Traceback" not in said
    assert state is not None
    assert state.name == "AwaitingRetry", said
    committed = re.search(
        r"another worker goes on\. stopped by signal 15; (\d+) records of this run are committed",
        state.message or "",
    )
    assert committed, (state.message, said)
    assert 0 < int(committed[1]) < len(ROWS)

    second = Pod(site, settings, source, run, tmp_path / "second.log")
    assert second.process.wait(START_SECONDS) == 0, second.log.read_text()
    assert api.read_flow_run(run.id).state_name == "Completed", second.log.read_text()
    assert second.asked() == len(ROWS) - int(committed[1]), "what was committed is not asked again"
    check_days(settings, source, {DAY: ROWS})
