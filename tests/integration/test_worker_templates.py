"""Our pools' templates against Prefect's own workers of Kubernetes and Docker, in an environment that is made for it and thrown away."""

import copy
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.deploy import FILE, POOL
from flows.environment import PROJECT
from flows.pool_templates import base_job_template, in_containers
from models.settings import Settings
from tasks.workers.pools import API_POOL

UV = PROJECT / ".cache" / "uv-venv" / "bin" / "uv"
PACKAGES = (f"prefect=={version('prefect')}", "prefect-kubernetes==0.7.11", "prefect-docker==0.7.3")
SCRIPT = PROJECT / "tests" / "container_worker.py"
OWN: dict[str, Any] = {
    "image": "i:1",
    "volume": "v",
    "environment": {"PREFECT_API_URL": "http://p/api"},
    "memory": "32Gi",
    "shared_memory": "16Gi",
}
KUBERNETES = {
    "secrets": ["s"],
    "cpu": "8",
    "service_account": "sa",
    "node_selector": {"a": "b"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
}
DOCKER = {"secret_blocks": {"BREAKEVEN_DATABASE_URL": "ledger"}}


def case(kind: str, own: dict[str, Any], pool: str, deployment: str) -> dict[str, Any]:
    """Return a template, and the variables that a deployment of prefect.yaml gets for it."""
    settings = Settings.model_validate({"pool_type": kind, "pool": OWN | own, "tensor_parallel_size": 2})
    document = in_containers(yaml.safe_load(FILE.read_text(encoding="utf-8")), settings)
    (block,) = (one for one in document["deployments"] if one["name"] == deployment)
    variables = block["work_pool"]["job_variables"]
    return {"type": kind, "template": base_job_template(settings, pool), "variables": variables}


@pytest.mark.long
def test_prefects_workers_take_the_templates(tmp_path: Path) -> None:
    """A job with GPUs and secrets by reference that the Kubernetes client knows whole; a container as Docker's client sends it."""
    env = os.environ | {"VIRTUAL_ENV": "", "PREFECT_HOME": str(tmp_path / "home")}
    python = tmp_path / "workers" / "bin" / "python"
    for command in (
        ["venv", str(tmp_path / "workers"), "--python", sys.executable],
        ["pip", "install", "--python", str(python), *PACKAGES],
    ):
        done = subprocess.run([UV, *command], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Prefect's packages cannot be installed here: {done.stderr[-300:]}")
    cases = [
        case("kubernetes", KUBERNETES, POOL, "nightly"),
        case("kubernetes", KUBERNETES, API_POOL, "alerts"),
        case("docker", DOCKER, POOL, "nightly"),
        case("docker", DOCKER, API_POOL, "alerts"),
    ]
    ran = subprocess.run(
        [python, SCRIPT],
        input=json.dumps(cases),
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    gpu_job, api_job, gpu_container, api_container = json.loads(ran.stdout)

    pod = gpu_job["written"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 2, "memory": "32Gi"}
    assert container["envFrom"] == [{"secretRef": {"name": "s"}}]
    assert [*container["command"], *container["args"]] == [
        *("python", "-m", "flows.container"),
        *("prefect", "flow-run", "execute"),
    ]
    assert {"name": "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR", "value": "reschedule"} in container["env"]
    assert api_job["written"]["spec"]["template"]["spec"]["containers"][0]["resources"] == {
        "limits": {},
        "requests": {},
    }
    assert gpu_job["seconds"] == 3600
    for job in (gpu_job, api_job):
        expected = copy.deepcopy(job["written"])
        spec = expected["spec"]["template"]["spec"]
        assert [spec.pop(name) for name in ("parallelism", "completions")] == [
            1,
            1,
        ]  # Prefect wants them there
        assert as_text(job["understood"]) == as_text(expected), "a name that Kubernetes does not know"

    assert gpu_container["host_config"]["DeviceRequests"][0]["Count"] == 2
    assert "DeviceRequests" not in api_container["host_config"]
    for one in (gpu_container, api_container):
        assert one["environment"]["BREAKEVEN_DATABASE_URL"] == "value of ledger"
        assert one["environment"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
        assert one["host_config"]["Binds"] == ["v:/srv/breakeven"]
        assert one["entrypoint"] == ["python", "-m", "flows.container"]


def as_text(value: Any) -> Any:  # noqa: ANN401  JSON
    """Write numbers as the Kubernetes client does, and leave out what is empty or has no name in a job yet."""
    if isinstance(value, dict):
        return {name: as_text(one) for name, one in value.items() if one not in ({}, [], None)}
    return [as_text(one) for one in value] if isinstance(value, list) else str(value)
