"""What a work pool of containers asks for, and what deployments add: from the settings, in the words of Prefect's workers.

The templates lie beside this module in `pools/`. They are ours, so that `make deploy` needs none of Prefect's packages for
Kubernetes or Docker: those are the worker's.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from models.errors import UsageError
from models.settings import Settings
from tasks.workers.pools import GPU_POOL, gpus_of_engine

LEDGER = "BREAKEVEN_DATABASE_URL"
SERVER = "PREFECT_API_URL"
STEP = "flows.environment.enter_project"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FILES = Path(__file__).with_name("pools")

Container = Literal["kubernetes", "docker"]


def base_job_template(settings: Settings, pool: str) -> dict[str, Any]:
    """Return the template of one of our pools; on `gpu` a run asks for GPUs, memory and cores."""
    if settings.pool_type == "process":
        return ProcessWorker.get_default_base_job_template()
    template: dict[str, Any] = json.loads((_FILES / f"{settings.pool_type}.json").read_text(encoding="utf-8"))
    known = template["variables"]["properties"]
    for name, value in _defaults(settings, settings.pool_type, gpu=pool == GPU_POOL).items():
        if value not in (None, {}, []):
            known[name]["default"] = value
    if settings.pool_type == "docker" and (blocks := settings.pool.secret_blocks):
        _add_secrets(template, blocks)
    return template


def _add_secrets(template: dict[str, Any], blocks: Mapping[str, str]) -> None:
    """Let Prefect's worker put the values of blocks among the variables of a run, beside those of its deployment.

    They stand in no deployment, since `prefect deploy` would write the secret itself there. The server wants each name in
    the template to be a variable, so each block is the default of one.
    """
    hidden = template["job_configuration"]["env"] = {}
    for variable, block in blocks.items():
        name = f"secret_{variable.lower()}"
        hidden[variable] = f"{{{{ {name} }}}}"
        template["variables"]["properties"][name] = {
            "title": variable,
            "description": "The block that holds it.",
            "type": "string",
            "default": f"{{{{ prefect.blocks.secret.{block} }}}}",
        }


def _defaults(settings: Settings, kind: Container, *, gpu: bool) -> dict[str, Any]:
    """Return the defaults of the template's variables."""
    own = settings.pool
    gpus, memory = (count_gpus(settings), own.memory) if gpu else (0, None)
    if kind == "docker":
        request = {"Driver": "", "Count": gpus, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
        return {
            "image": own.image,
            "env": own.environment,
            "volumes": [f"{own.volume}:{own.folder}"],
            "folder": own.folder,
            "memory": memory and _as_docker(memory),
            "shared_memory": _as_docker(own.shared_memory),
            "device_requests": [request] if gpus else None,
        }
    return {
        "image": own.image,
        "env": own.environment,
        "namespace": own.namespace,
        "service_account_name": own.service_account,
        "gpus": gpus or None,
        "cpu_request": own.cpu if gpu else None,
        "memory": memory,
        "shared_memory": own.shared_memory,
        "env_from": [{"secretRef": {"name": name}} for name in own.secrets],
        "volume_claim": own.volume,
        "folder": own.folder,
        "node_selector": own.node_selector if gpu else None,
        "tolerations": list(own.tolerations) if gpu else None,
        "stop_seconds": own.stop_seconds,
        "finished_job_ttl": own.keep_seconds,
        "pod_watch_timeout_seconds": own.start_seconds,
    }


def _as_docker(quantity: str) -> str:
    return quantity.removesuffix("i").lower()


def count_gpus(settings: Settings) -> int:
    """Return the GPUs that a run of the pool `gpu` asks for."""
    if settings.pool.gpus is not None:
        return settings.pool.gpus
    return 0 if settings.engine.kind == "server" else gpus_of_engine(settings)


def in_containers(document: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what prefect.yaml holds as pools of containers want it: image, variables, GPUs, and where the project lies.

    What a block sets itself wins.
    """
    changed = copy.deepcopy(dict(document))
    for block in (changed, *changed["deployments"]):
        for step in block.get("pull") or []:
            if isinstance(step, dict) and STEP in step:
                step[STEP] = {"folder": settings.pool.folder} | (step[STEP] or {})
    for block in changed["deployments"]:
        pool = dict(block["work_pool"])
        own = dict(pool.get("job_variables") or {})
        given: dict[str, Any] = {"image": settings.pool.image}
        if settings.pool_type == "kubernetes" and pool["name"] == GPU_POOL:
            given["gpus"] = count_gpus(settings)
        env = settings.pool.environment | (own.get("env") or {})
        block["work_pool"] = pool | {"job_variables": given | own | {"env": env}}
    return changed


def require_complete(settings: Settings) -> None:
    """See that a run in a container would have an image, the ledger, its outputs and the Prefect server.

    Raises `UsageError` with all that is missing.
    """
    if settings.pool_type != "process" and (missing := _missing(settings)):
        msg = f"pool_type is {settings.pool_type}: {'; '.join(missing)} (docs/kubernetes.md)"
        raise UsageError(msg)


def _missing(settings: Settings) -> list[str]:
    own, faults = settings.pool, []
    if own.image is None:
        faults.append("set pool.image to an image that was made with the Dockerfile")
    if own.volume is None:
        faults.append("set pool.volume, else what a run publishes goes with its container")
    if settings.pool_type == "kubernetes" and settings.gpu_workers == "auto":
        faults.append("set gpu_workers to how many runs may be at work at a time")
    urls = (settings.database_url.get_secret_value(), own.environment.get(LEDGER, ""))
    named = own.secrets if settings.pool_type == "kubernetes" else LEDGER in own.secret_blocks
    if any(url.startswith("sqlite") for url in urls):
        faults.append("the ledger is SQLite, which containers cannot share: set database_url to a PostgreSQL")
    elif not named and LEDGER not in own.environment:
        faults.append(f"no run would know the ledger: {_how(settings)} with {LEDGER}")
    api = get_current_settings().api
    if settings.pool_type == "kubernetes" and not own.secrets and (api.auth_string or api.key):
        faults.append(f"the Prefect server asks who a run is: {_how(settings)} with PREFECT_API_AUTH_STRING")
    url = own.environment.get(SERVER) or api.url or ""
    if urlsplit(url).hostname in _LOOPBACK:
        faults.append(
            f"no container reaches {url}: set {SERVER} in [pool.environment] to the server's address there"
        )
    return faults


def _how(settings: Settings) -> str:
    if settings.pool_type == "kubernetes":
        return "name in pool.secrets a Kubernetes secret"
    return "name in pool.secret_blocks a Prefect block Secret"
