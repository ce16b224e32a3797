"""What our process relies on in Prefect, by what happens: schedules fire, late runs, limits, and a machine that is gone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Pending

from flows.automations import automations, ensure_automations
from flows.dates import yesterday
from flows.deploy import POOL
from models.doctor import SetupCheck
from models.settings import Settings
from tasks.setup.prefect_checks import check_prefect_server
from tasks.workers.pools import API_POOL
from tests.integration.backfill.harness import rows_of, write_days
from tests.integration.on_prefect.schedules import (
    SCHEDULER,
    due,
    schedule_in_the_past,
    scheduled_by_server,
    write_copy,
)
from tests.integration.on_prefect.scripted import LINE
from tests.integration.on_prefect.site import Site, until
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import published, settings_for
from tests.ledgers import new_sqlite

EVERY_TWO_MINUTES = {"cron": "*/2 * * * *", "timezone": "Asia/Kolkata", "active": True}
OFF: dict[str, object] = {"active": False}
FIRST: dict[str, dict[str, object]] = {
    "sentiment": EVERY_TWO_MINUTES,
    "collect_batches": EVERY_TWO_MINUTES,
    "nightly": {"timezone": "America/New_York"},
    "break-even": {"timezone": "Pacific/Auckland"},
}
SECOND: dict[str, dict[str, object]] = FIRST | {
    "sentiment": OFF,
    "collect_batches": OFF,
    "nightly": {"cron": "30 7 1 1,7 *", "timezone": "America/New_York"},
}
SILENCE, START = timedelta(seconds=60), timedelta(seconds=10)
PATIENCE = 400.0
SLOW_DAY = date(2026, 3, 1)
NEW_YORK, AUCKLAND = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Auckland")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of the site: three records for each of the last days, and a day of many slow ones."""
    folder = tmp_path_factory.mktemp("schedules")
    today = datetime.now(UTC).date()
    days = {one: rows_of(one, 3) for one in (today - timedelta(back) for back in range(6))}
    source = write_days(folder / "in.jsonl", days | {SLOW_DAY: rows_of(SLOW_DAY, 4000, "slow")})
    url = new_sqlite(folder / "ledger.db")
    return settings_for(folder, url, workloads={"sentiment": {"input": str(source)}})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[Site]:
    """Run a server of their own with the deployments of a copy of prefect.yaml, in which two schedules are of minutes."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder, **SCHEDULER)
    try:
        site.start_server()
        site.apply(write_copy(folder / "first.yaml", FIRST), settings=settings)
        yield site
    finally:
        site.close()


@pytest.fixture(scope="module")
def workers(site: Site, settings: Settings) -> Site:
    """Run two workers of the pool `gpu`, whose limit is one run, and one of the pool `api`."""
    for name, pool in (("one", POOL), ("two", POOL), ("collector", API_POOL)):
        site.start_worker(name, settings, pool)
    return site


def deployment(api: SyncPrefectClient, name: str) -> DeploymentResponse:
    """Read a deployment by its name."""
    (found,) = (one for one in api.read_deployments() if one.name == name)
    return found


def ended(api: SyncPrefectClient, run: FlowRun, site: Site) -> FlowRun:
    """Wait until a run has ended; return it as it is then."""
    until(lambda: (state := api.read_flow_run(run.id).state) and state.is_final(), run.name, PATIENCE)
    found = api.read_flow_run(run.id)
    assert found.state_name in {"Completed", "Crashed"}, site.logs()
    return found


def trigger(api: SyncPrefectClient, name: str, **parameters: object) -> FlowRun:
    """Ask for a run of a deployment now."""
    return api.create_flow_run_from_deployment(deployment(api, name).id, parameters=parameters)


def checks(found: list[SetupCheck]) -> dict[str, tuple[str, str]]:
    """Return what doctor says of each thing: its state, and the finding with the advice."""
    return {one.name: (one.state, f"{one.found}; {one.advice}") for one in found}


def overlaps(runs: list[FlowRun]) -> list[str]:
    """Return which runs began before the one before them had ended, with both times."""
    never = datetime.max.replace(tzinfo=UTC)
    began = sorted(runs, key=lambda one: one.start_time or never)
    return [
        f"{one.name} ended {one.end_time}, {other.name} began {other.start_time}"
        for one, other in pairwise(began)
        if one.end_time is None or other.start_time is None or one.end_time > other.start_time
    ]


def test_late_runs_take_the_day_that_they_were_due_for(
    site: Site, api: SyncPrefectClient, settings: Settings, request: pytest.FixtureRequest
) -> None:
    """Two nights and a month had no worker: each is Late, doctor says so; then each takes its own day, one run at a time.

    The month is that of the schedule's time zone. Two workers never have two runs at a time, the pool's limit.
    """
    night, month = deployment(api, "nightly"), deployment(api, "break-even")
    now = datetime.now(UTC)
    schedule_in_the_past(api, night.id, now - timedelta(3), 2)
    schedule_in_the_past(api, month.id, now - timedelta(70), 1)
    until(lambda: len(scheduled_by_server(api, night.id, "Late")) == 2, "the nights are not late")
    until(lambda: len(scheduled_by_server(api, month.id, "Late")) == 1, "the month is not late")
    state, said = checks(check_prefect_server(Settings()))["pool gpu"]
    assert state == "fail"
    assert "no worker is online" in said
    assert "late runs wait" in said
    assert "`make worker`" in said
    request.getfixturevalue("workers")
    late = [*scheduled_by_server(api, night.id)[:2], *scheduled_by_server(api, month.id)[:1]]
    first, second, monthly = (ended(api, one, site) for one in late)
    for one in (first, second):
        partition = yesterday(due([one])[0])
        assert (one.state_name, one.name) == ("Completed", f"nightly {partition}")
        assert published(settings, day=partition).height == 3
    assert due([second])[0].date() - due([first])[0].date() == timedelta(1)
    at = due([monthly])[0].astimezone(AUCKLAND)
    assert (at.day, at.hour) == (1, 6)
    assert (monthly.state_name, monthly.name) == ("Completed", f"break_even {at - timedelta(2):%Y-%m}")
    others = scheduled_by_server(api, deployment(api, "sentiment").id, "Completed")
    assert overlaps([first, second, *others]) == []


def test_a_schedule_of_minutes_publishes(workers: Site, api: SyncPrefectClient, settings: Settings) -> None:
    """The scheduler makes the runs, the workers of both pools take them; the run publishes, with lines in ledger and log."""
    sentiment, collecting = (deployment(api, name) for name in ("sentiment", "collect_batches"))
    for one in (sentiment, collecting):
        until(lambda one=one: scheduled_by_server(api, one.id), "the scheduler makes no runs")  # type: ignore[misc]
        until(
            lambda one=one: scheduled_by_server(api, one.id, "Completed"),  # type: ignore[misc]
            f"no scheduled run of {one.name} has completed: {workers.url}",
            PATIENCE,
        )
    run, *_ = scheduled_by_server(api, sentiment.id, "Completed")
    partition = yesterday(due([run])[0])
    assert run.name == f"sentiment {partition}"
    assert published(settings, day=partition).height == 3
    (written,) = (row for row in table(settings, "runs") if row.flow_run_id == str(run.id))
    assert len([row for row in table(settings, "ledger_lines") if row.run_id == written.id]) == 3
    of_run = LogFilter.model_validate({"flow_run_id": {"any_": [run.id]}})
    until(
        lambda: LINE in {one.message for one in api.read_logs(of_run)}, "no line of our packages in the log"
    )
    found = checks(check_prefect_server(Settings()))
    assert {found[name][0] for name in ("schedules", "pool api")} == {"ok"}, found
    assert found["pool gpu"][0] == "warn", found
    assert "fewer slots than workers" in found["pool gpu"][1]


def test_a_changed_schedule_reaches_the_scheduled_runs(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """After `make deploy` runs are due by the new cron and zone, summer and winter; none where it is off, none twice."""
    night, month = deployment(api, "nightly"), deployment(api, "break-even")
    before = due(scheduled_by_server(api, night.id, "Scheduled"))
    assert {(at.hour, at.minute) for at in (one.astimezone(NEW_YORK) for one in before)} == {(2, 15)}
    months = due(scheduled_by_server(api, month.id, "Scheduled"))
    assert len(months) >= 3
    site.apply(write_copy(tmp_path / "second.yaml", SECOND), settings=settings)
    until(lambda: scheduled_by_server(api, night.id, "Scheduled"), "nothing is scheduled after the change")
    nights = due(scheduled_by_server(api, night.id, "Scheduled"))
    assert {(one.astimezone(NEW_YORK).month, one.astimezone(NEW_YORK).hour) for one in nights} == {
        (1, 7),
        (7, 7),
    }
    assert {one.hour for one in nights} == {12, 11}  # winter and summer, in UTC
    until(lambda: len(scheduled_by_server(api, month.id, "Scheduled")) >= len(months), "the months are gone")
    assert due(scheduled_by_server(api, month.id, "Scheduled")) == months
    off = [deployment(api, name).id for name in ("sentiment", "collect_batches")]
    until(
        lambda: not any(scheduled_by_server(api, one, "Scheduled") for one in off), "what is off is scheduled"
    )


def test_a_machine_that_is_gone_frees_its_slot(workers: Site, api: SyncPrefectClient) -> None:
    """Worker and run are killed without a word: the server marks night and workload Crashed, and the next run begins.

    So it does with a run that a worker had claimed and not begun.
    """
    ensure_automations(api, automations(SILENCE))
    night = trigger(api, "nightly", partition=str(SLOW_DAY))
    until(lambda: busy_with_slow(workers) or api.read_flow_run(night.id).end_time, workers.logs(), PATIENCE)
    (lost,) = busy_with_slow(workers)
    workers.workers[lost].kill()

    ensure_automations(api, automations(SILENCE, START))
    workers.workers["collector"].kill()
    claimed = trigger(api, "break-even", month="2026-01")
    api.set_flow_run_state(
        claimed.id, Pending(), force=True
    )  # what a worker does first with a run that it claims
    crashes(ended(api, claimed, workers), f"not begun within {START.seconds}")
    ensure_automations(api, automations(SILENCE))  # a run may take longer to begin on a busy machine

    waiting = trigger(api, "sentiment", partition=str(datetime.now(UTC).date() - timedelta(5)))
    crashed = ended(api, night, workers)
    crashes(crashed, f"No heartbeat for {SILENCE.seconds}")
    (inner,) = (one for one in api.read_flow_runs() if one.name == f"sentiment {SLOW_DAY}")
    crashes(ended(api, inner, workers), f"No heartbeat for {SILENCE.seconds}")
    after = ended(api, waiting, workers)
    assert after.state_name == "Completed"
    assert overlaps([crashed, after]) == []


def busy_with_slow(site: Site) -> list[str]:
    """Return which workers have been asked about slow records."""
    return [
        name
        for name in ("one", "two")
        if any(key.startswith(f"{SLOW_DAY:%m%d}s") for key in site.asked(name))
    ]


def crashes(run: FlowRun, message: str) -> None:
    """See that a run was marked Crashed with this message."""
    assert run.state is not None
    assert run.state.is_crashed()
    assert message in (run.state.message or "")
