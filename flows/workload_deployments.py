"""The deployments of workloads that no block of prefect.yaml names: made from the settings, as blocks of the same form."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from flows import workloads as flows_of_workloads
from flows.pool_templates import in_containers
from models.errors import UsageError
from models.settings import Settings
from models.settings.places import place_of
from tasks.setup.prefect_checks import TAG
from tasks.setup.workload_deployments import deployable, entrypoint_of, workload_of
from tasks.workers.pools import GPU_POOL

DAILY = "30 2 * * *"
"""When a workload's deployment would run, were its schedule on: UTC."""

OUR_FLOWS = "flows."
"""Where the entrypoints of this project's own deployments begin."""

Block = Mapping[str, Any]


def read_blocks(file: Path) -> dict[str, Any]:
    """Read a file such as prefect.yaml. Raises `UsageError` for one that is none."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        names = [one["work_pool"]["name"] for one in document["deployments"]]
    except yaml.YAMLError as error:
        msg = f"{file} is not YAML: {' '.join(str(error).split())}"
        raise UsageError(msg) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"{file} cannot be deployed ({type(error).__name__}: {error}): each deployment needs a work_pool with a name"
        raise UsageError(msg) from error
    found: dict[str, Any] = document | {"pools": set(names)}
    return found


@contextmanager
def with_workloads(file: Path, settings: Settings) -> Iterator[Path]:
    """Give a copy of a file such as prefect.yaml that has a block for each workload of the settings as well.

    A block that the file has for a workload wins. Where runs get containers, each block says which. The file itself where
    there is nothing to add. Raises `UsageError` for
    a file that is none, and for a workload that cannot be deployed.
    """
    document = read_blocks(file)
    del document["pools"]
    made = make_blocks(document["deployments"], settings)
    containers = settings.pool_type != "process"
    if not made and not containers:
        yield file
        return
    whole = document | {"deployments": [*document["deployments"], *made]}
    if containers:
        whole = in_containers(whole, settings)
    with TemporaryDirectory(prefix="breakeven-deploy-") as folder:
        path = Path(folder, file.name)
        path.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
        yield path


def make_blocks(blocks: Sequence[Block], settings: Settings) -> list[dict[str, Any]]:
    """Make the blocks of the workloads that have an input or a query, and none among these blocks. Raises `UsageError`."""
    written = {workload_of(one.get("entrypoint")) for one in blocks}
    names = {one.get("name"): one.get("entrypoint") for one in blocks}
    pool = next(
        (one["work_pool"] for one in blocks if one["work_pool"]["name"] == GPU_POOL), {"name": GPU_POOL}
    )
    made = []
    for name in deployable(settings):
        if name in written:
            continue
        if name in names and not str(names[name]).startswith(OUR_FLOWS):
            continue  # a flow of the user's own, in the place of the workload's
        if name in names:
            msg = f"the workload {name} has the name of the deployment of {names[name]}: rename it"
            raise UsageError(msg)
        made.append(_block(name, pool, settings))
    return made


def _block(name: str, pool: Block, settings: Settings) -> dict[str, Any]:
    flow = getattr(flows_of_workloads, name, None)
    if not isinstance(flow, Flow) or flow.name != name:
        msg = f"the workload {name} has the name of a part of {flows_of_workloads.__name__}: rename it, so that it can be deployed"
        raise UsageError(msg)
    cron = settings.workload(name).schedule
    return {
        "name": name,
        "entrypoint": entrypoint_of(name),
        "tags": [TAG],
        "work_pool": dict(pool),
        "schedules": [
            {
                "slug": "daily",
                "cron": DAILY if cron is None else _checked(name, cron),
                "timezone": "UTC",
                "active": cron is not None,
            }
        ],
    }


def _checked(name: str, cron: str) -> str:
    try:
        CronSchedule(cron=cron, timezone="UTC")
    except ValidationError as error:
        place = place_of(("workloads", name, "schedule"))
        msg = f"{place}: {name}: schedule {cron!r} is no cron expression, such as {DAILY!r} (minute, hour, day, month, weekday)"
        raise UsageError(msg) from error
    return cron
