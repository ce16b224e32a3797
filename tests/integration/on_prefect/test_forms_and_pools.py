"""What a user sees of our deployments in Prefect: forms that explain themselves, and pools that can run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate

from flows.deploy import POOL, ensure_pool, ensure_pools
from models.errors import UsageError
from models.settings import Settings
from tasks.workers.pools import API_POOL, API_POOL_CONCURRENCY
from tests.integration.on_prefect.site import PROJECT, Site

ELSEWHERE = "elsewhere"


def prefect_deploy(env: dict[str, str], folder: Path, *which: str) -> subprocess.CompletedProcess[str]:
    """Do what somebody does who knows Prefect and not our `make deploy`."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *which]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)


def moved_to(pool: str, folder: Path) -> Path:
    """Write a prefect.yaml whose deployments are for another pool than `gpu`; return its folder."""
    ours = (PROJECT / "prefect.yaml").read_text(encoding="utf-8")
    changed = re.sub(rf"^    name: {POOL}$", f"    name: {pool}", ours, count=1, flags=re.MULTILINE)
    assert changed != ours
    (folder / "prefect.yaml").write_text(changed, encoding="utf-8")
    return folder


def test_every_parameter_is_explained_in_the_form(site: Site, api: SyncPrefectClient) -> None:
    """Each deployment says what it does, and each of its parameters what it means; pools get their limits."""
    ensure_pool(api, POOL, 7)  # a pool that was made by hand
    done = prefect_deploy(site.env, PROJECT, "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [api.read_work_pool(name).concurrency_limit for name in (POOL, API_POOL)] == [
        1,  # as the site's environment sets it
        API_POOL_CONCURRENCY,
    ]
    deployments = api.read_deployments()
    assert len(deployments) >= 9
    for one in deployments:
        assert len(one.description or "") > 20, one.name
        properties = (one.parameter_openapi_schema or {}).get("properties", {})
        for name, shown in properties.items():
            assert len(shown.get("description") or "") > 10, (one.name, name)
    forms = {one.name: (one.parameter_openapi_schema or {})["properties"] for one in deployments}
    assert len(forms["sentiment"]) == 12
    assert "SQL condition" in forms["sentiment"]["where"]["description"]


def test_a_pool_of_another_type_is_refused_in_a_line(
    site: Site, api: SyncPrefectClient, tmp_path: Path
) -> None:
    """Whoever names one in prefect.yaml hears of it, by `make deploy` and by `prefect deploy`; nothing is deployed there."""
    api.create_work_pool(WorkPoolCreate(name=ELSEWHERE, type="docker", base_job_template={}))
    folder = moved_to(ELSEWHERE, tmp_path)
    with pytest.raises(UsageError, match="'elsewhere' is of type 'docker', not 'process'"):
        ensure_pools(api, Settings(), folder / "prefect.yaml")
    done = prefect_deploy(site.env, folder, "-n", "enrichment")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: the work pool 'elsewhere' is of type 'docker'")
    assert "Traceback" not in done.stdout + done.stderr
    assert ELSEWHERE not in {one.work_pool_name for one in api.read_deployments()}


def test_a_pool_that_is_missing_is_named(api: SyncPrefectClient, tmp_path: Path) -> None:
    """The line says how to make it."""
    folder = moved_to("nowhere", tmp_path)
    with pytest.raises(UsageError, match="prefect work-pool create nowhere --type process"):
        ensure_pools(api, Settings(), folder / "prefect.yaml")
