"""What `breakeven doctor` says of a real Prefect server, whose scheduler is off: one thing is wrong at a time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolUpdate
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deploy import ensure_pool
from models.settings import Settings
from tasks.setup.prefect_checks import TAG, check_prefect_server
from tests.integration.on_prefect.site import Site

Deploy = Callable[..., UUID]
POOL = "looked-at"


def found() -> dict[str, tuple[str, str]]:
    """Return what doctor says of each thing: its state, and the finding with the advice."""
    return {one.name: (one.state, f"{one.found}; {one.advice}") for one in check_prefect_server(Settings())}


def drop_ours(api: SyncPrefectClient) -> None:
    """Delete every deployment with our tag."""
    for one in api.read_deployments():
        if TAG in one.tags:
            api.delete_deployment(one.id)


@pytest.fixture
def deploy(api: SyncPrefectClient) -> Iterator[Deploy]:
    """Give what makes a deployment with a schedule, on a server that has none of ours."""
    drop_ours(api)
    ensure_pool(api, POOL, 1)
    flow = api.create_flow_from_name("looked-at")

    def make(name: str = "night", *, active: bool = True, paused: bool = False) -> UUID:
        schedule = CronSchedule(cron="15 2 * * *", timezone="UTC")
        return api.create_deployment(
            flow,
            name,
            schedules=[DeploymentScheduleCreate(schedule=schedule, active=active)],
            paused=paused,
            tags=[TAG],
            work_pool_name=POOL,
        )

    yield make
    drop_ours(api)
    api.delete_work_pool(POOL)


def schedule_one(api: SyncPrefectClient, deployment: UUID) -> None:
    """Let the server make the deployment's next run, as its scheduler would."""
    asked = {"start_time": datetime.now(UTC).isoformat(), "min_runs": 1, "max_runs": 1}
    api.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json=asked)


def test_nothing_is_deployed(api: SyncPrefectClient) -> None:
    """The server answers, and no schedule can fire: the command that deploys is named."""
    drop_ours(api)
    assert found()["deployments"] == ("fail", "none: no schedule can fire; run `make deploy`")


def test_the_scheduler_makes_no_runs(api: SyncPrefectClient, deploy: Deploy) -> None:
    """Active schedules without a run fail, with the scheduler and SQLAlchemy named; with some runs it is a warning."""
    first, _ = deploy("night"), deploy("month")
    state, said = found()["schedules"]
    assert state == "fail"
    assert "without a scheduled run: month, night" in said
    assert "SQLAlchemy below 2.1" in said
    schedule_one(api, first)
    assert found()["schedules"][:1] == ("warn",)
    assert "without a scheduled run: month;" in found()["schedules"][1]


def test_scheduled_runs_are_named(api: SyncPrefectClient, deploy: Deploy) -> None:
    """All is well: how many schedules, which run is next and when."""
    schedule_one(api, deploy())
    state, said = found()["schedules"]
    assert state == "ok"
    assert said.startswith("1 active, next: night ")
    assert "02:15 UTC" in said


@pytest.mark.parametrize(
    ("switched", "said"), [({"active": False}, "none is active"), ({"paused": True}, "paused: night")]
)
def test_schedules_are_switched_off(deploy: Deploy, switched: dict[str, bool], said: str) -> None:
    """Said as such, whether the schedule is off or the whole deployment is paused."""
    deploy(**switched)
    assert found()["schedules"][0] == "warn"
    assert said in found()["schedules"][1]


def test_what_keeps_a_pool_from_giving_out_runs(api: SyncPrefectClient, deploy: Deploy) -> None:
    """No worker, a queue or pool that is paused, a limit of no run: each is named, and what to do."""
    deploy()
    assert (
        "no worker is online; start one: `prefect worker start --pool looked-at" in found()[f"pool {POOL}"][1]
    )
    api.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=0))
    assert "limit 0" in found()[f"pool {POOL}"][1]
    (queue,) = api.read_work_queues(POOL)
    api.update_work_queue(queue.id, is_paused=True)
    assert "its queue default is paused" in found()[f"pool {POOL}"][1]
    api.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))
    assert found()[f"pool {POOL}"][0] == "warn"
    assert f"paused; resume it in the UI, or `prefect work-pool resume {POOL}`" in found()[f"pool {POOL}"][1]


def test_what_is_no_prefect_api_is_one_line(site: Site, dead_url: str) -> None:
    """An address of something else, and one that nobody serves."""
    for url in (site.url.removesuffix("/api") + "/docs", dead_url):
        with temporary_settings({PREFECT_API_URL: url}):
            (check,) = check_prefect_server(Settings())
        assert (check.name, check.state) == ("Prefect API", "fail")
        assert "\n" not in check.found
        assert "PREFECT_API_URL" in check.advice
