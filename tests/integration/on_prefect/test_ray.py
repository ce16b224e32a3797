"""A day in shards on a Ray cluster of two nodes, through a real Prefect server; the engine is scripted (docs/ray.md)."""

import importlib.util
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from models.settings import Settings
from tests.integration.backfill.harness import check_published, rows_of, write_days
from tests.integration.on_prefect.ray_nodes import NODES, RayNodes
from tests.integration.on_prefect.site import START_SECONDS, Site, api_of, until
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import settings_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        importlib.util.find_spec("prefect_ray") is None, reason="Ray is not installed: run `make ray`"
    ),
]
LOST = 16 + 4 * 20  # what a killed process may have had in flight and not yet committed
DRIVER = "driver"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the settings of the flow run and of the nodes."""
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    return settings_for(tmp_path, database, gpu_usd_per_hour=None)


@pytest.fixture
def nodes(site: Site, settings: Settings, tmp_path: Path) -> Iterator[RayNodes]:
    """Run a cluster whose nodes have the settings in their environment, and no auth string; and a worker for the flow run."""
    env = site.settings_env(settings)
    env.pop("PREFECT_API_AUTH_STRING")
    nodes = RayNodes(tmp_path, env)
    try:
        with api_of(site) as client:
            site.deploy(client, settings)
        ours = {"EXECUTOR": "ray", "RAY_ADDRESS": nodes.address, "GPU_WORKERS": "auto"}
        more = nodes.client_env | {f"BREAKEVEN_{name}": value for name, value in ours.items()}
        site.start_worker(DRIVER, settings, **more)
        yield nodes
    finally:
        site.kill_workers()
        nodes.close()


def test_a_killed_task_and_a_killed_node_cost_only_what_was_in_flight(
    site: Site, api: SyncPrefectClient, settings: Settings, nodes: RayNodes, tmp_path: Path
) -> None:
    """Tasks on both nodes take shards; one is killed, then the other's node: what is published is what one run would publish."""
    gate, day = tmp_path / "gate", date(2026, 6, 1)
    days = {day: rows_of(day, 600, f"slow gate {gate}")}
    source = write_days(tmp_path / "in.jsonl", days)
    given = {"partition": str(day), "input": str(source), "shards": 8}
    deployment = api.read_deployment_by_name("sentiment/sentiment")
    whole = api.create_flow_run_from_deployment(deployment.id, parameters=given)

    def asked() -> dict[str, list[str]]:
        return {DRIVER: site.asked(DRIVER)} | {name: nodes.asked(name) for name in NODES}

    def at_work(least: int = 1) -> bool:
        return all(len(asked()[name]) >= least for name in NODES)

    until(at_work, "nobody helps", START_SECONDS)
    gate.touch()
    until(lambda: at_work(25), "a node is not at work")
    nodes.kill_task("head")
    before = len(nodes.asked("second"))
    until(lambda: len(nodes.asked("second")) > before + 5, "the second node is not at work")
    nodes.kill_second()
    until(
        lambda: (state := api.read_flow_run(whole.id).state) and state.is_final(), "not ended", START_SECONDS
    )
    assert (state := api.read_flow_run(whole.id).state) is not None
    assert state.is_completed(), f"{state.message}\n{site.logs()}"
    keys = {str(row["id"]) for row in days[day]}
    counted = Counter(key for one in asked().values() for key in one if key in keys)
    assert set(counted) == keys
    assert counted.total() <= len(keys) + 2 * LOST
    check_published(settings, source, days)
    check_books(settings)
    runs = table(settings, "runs")
    assert [run.state for run in runs if run.shard is None] == ["completed"]
    assert {run.flow_run_id for run in runs} == {str(whole.id)}
    assert all(run.state != "running" for run in runs)
    said = [path for path in nodes.files() if site.auth_string.encode() in path.read_bytes()]
    assert not said
