"""What Prefect's workers of Kubernetes and Docker make of a pool's template: run in an environment that has both packages.

Reads a list of cases as JSON, `{"type", "template", "variables"}`, and prints for each what would be sent to the cluster or to Docker. It
fails where the worker's own configuration class, the Kubernetes client's model of a job or Docker's client refuses something.
Imports nothing of this project (tests/integration/test_worker_templates.py starts it).
"""

import asyncio
import json
import sys
from importlib import import_module
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import BlockDocument, Flow, FlowRun

RUN = FlowRun.model_validate(
    {"id": UUID(int=1), "flow_id": UUID(int=2), "name": "dark-muskox", "state": None}
)
FLOW = Flow.model_validate({"id": UUID(int=2), "name": "sentiment"})


class NoBlocks:
    """Stands for the client of a server: its one block is a secret."""

    async def read_block_document_by_name(self, name: str, block_type_slug: str, **_: Any) -> Any:  # noqa: ANN401
        """Return the block that a template names."""
        assert block_type_slug == "secret", name
        values = {"block_schema_id": UUID(int=3), "block_type_id": UUID(int=4)}
        return BlockDocument.model_validate(values | {"name": name, "data": {"value": f"value of {name}"}})


async def kubernetes(case: dict[str, Any]) -> Any:  # noqa: ANN401  JSON
    """Return the job, as the Kubernetes client understands it and as the worker wrote it."""
    worker, client_of = (
        import_module(name) for name in ("prefect_kubernetes.worker", "kubernetes_asyncio.client")
    )
    made = await worker.KubernetesWorkerJobConfiguration.from_template_and_values(
        case["template"], case["variables"], client=NoBlocks()
    )
    made.prepare_for_flow_run(RUN, flow=FLOW)
    async with client_of.ApiClient() as client:
        job = client._ApiClient__deserialize(made.job_manifest, "V1Job")
        return {
            "written": made.job_manifest,
            "understood": client.sanitize_for_serialization(job),
            "seconds": made.pod_watch_timeout_seconds,
        }


async def docker(case: dict[str, Any]) -> Any:  # noqa: ANN401  JSON
    """Return what Docker's client would send."""
    worker, containers = (
        import_module(name) for name in ("prefect_docker.worker", "docker.models.containers")
    )
    made = await worker.DockerWorkerJobConfiguration.from_template_and_values(
        case["template"], case["variables"], client=NoBlocks()
    )
    made.prepare_for_flow_run(RUN, flow=FLOW)
    one = worker.DockerWorker.__new__(worker.DockerWorker)
    settings = one._build_container_settings(_Docker(), made)
    return containers._create_container_args(settings | {"version": "1.43"})


class _Docker:
    """Stands for Docker's client, of which the worker asks the version."""

    @staticmethod
    def version() -> dict[str, str]:
        """Return that of a Docker of today."""
        return {"Version": "28.2.2"}


if __name__ == "__main__":
    found = [
        asyncio.run({"kubernetes": kubernetes, "docker": docker}[one["type"]](one))
        for one in json.load(sys.stdin)
    ]
    json.dump(found, sys.stdout, default=str)
