"""A backfill spread over two process workers of one pool, through a real Prefect server; the engine is scripted."""

import contextvars
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling, Crashed

from flows.deploy import POOL
from flows.parallel_backfill import ParallelBackfill
from models.backfill import PartitionOutcome, to_do
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import survey
from tests.integration.backfill.harness import (
    actions,
    ask_for,
    check_published,
    rows_of,
    write_days,
)
from tests.integration.on_prefect.site import PROJECT, START_SECONDS, Site, api_of, until
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import published, settings_for
from tests.integration.pipeline.test_shards_auto import take_times

Input = tuple[Path, dict[date, list[dict[str, object]]]]
WORKERS = ("one", "two")
POLL_SECONDS = 0.3
WINDOW_AND_COMMITS = 16 + 4 * 20  # what a killed run may have had in flight and not yet committed


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of workers and backfills; every test has days of its own in them."""
    folder = tmp_path_factory.mktemp("spread")
    return settings_for(folder, f"sqlite:///{folder / 'ledger.db'}", gpu_workers=2, gpu_usd_per_hour=None)


@pytest.fixture(scope="module", autouse=True)
def workers(site: Site, settings: Settings) -> Iterator[None]:
    """Make the deployment, and run two workers."""
    with api_of(site) as client:
        site.deploy(client, settings)
    for name in WORKERS:
        site.start_worker(name, settings)
    yield
    site.kill_workers()


class Backfill:
    """A spread backfill in a thread of its own."""

    def __init__(self, ask: BackfillRequest, settings: Settings) -> None:
        self.outcomes: list[PartitionOutcome] = []
        self.error: BaseException | None = None
        self._steps = to_do(survey(ask, settings))
        self._ask, self._settings = ask, settings
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcomes.extend(ParallelBackfill(self._settings, 2, POLL_SECONDS)(self._ask, self._steps))
        except BaseException as error:  # noqa: BLE001  shown by `states`
            self.error = error

    def states(self, site: Site) -> dict[date, str]:
        """Wait for the end; return how each partition ended."""
        self._thread.join(200)
        assert not self._thread.is_alive(), site.logs()
        if self.error is not None:
            raise self.error
        return {one.partition: one.state for one in self.outcomes}


def days_from(folder: Path, first: date, *counts: int, word: str = "slow") -> Input:
    """Write an input of days that no other test has."""
    days = {
        first + timedelta(number): rows_of(first + timedelta(number), count, word)
        for number, count in enumerate(counts)
    }
    return write_days(folder / "in.jsonl", days), days


def flow_runs(api: SyncPrefectClient, days: dict[date, list[dict[str, object]]]) -> list[FlowRun]:
    """Return the flow runs of these days, oldest first."""
    named = {f"sentiment {one}" for one in days}
    asked = {str(one) for one in days}
    found = [
        run for run in api.read_flow_runs() if run.name in named or run.parameters.get("partition") in asked
    ]
    return sorted(found, key=lambda run: str(run.created))


def running(api: SyncPrefectClient, days: dict[date, list[dict[str, object]]]) -> list[FlowRun]:
    """Return the flow runs of these days that are at work."""
    return [run for run in flow_runs(api, days) if run.state and run.state.type == StateType.RUNNING]


def asked_of(site: Site, days: dict[date, list[dict[str, object]]]) -> Counter[str]:
    """Count how often each record of these days was asked about, over both workers."""
    keys = {row["id"] for rows in days.values() for row in rows}
    return Counter(key for name in WORKERS for key in site.asked(name) if key in keys)


def test_two_backfills_share_their_runs_over_both_workers(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """The command and a second backfill of the same range at once: one run a day, on both workers, nothing asked twice."""
    source, days = days_from(tmp_path, date(2026, 1, 1), 20, 20, 20, 20)
    first = Backfill(ask_for(source, days), settings)
    command = [sys.executable, "-m", "cli", "backfill", "sentiment", "--from", str(min(days))]
    command += ["--to", str(max(days)), "--input", str(source), "--parallel", "2", "--yes"]
    done = subprocess.run(
        command,
        env=site.settings_env(settings),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr + site.logs()
    assert first.states(site) == dict.fromkeys(days, "done")
    assert done.stdout.count("done") + done.stderr.count("nothing is to be done") >= 1
    runs = flow_runs(api, days)
    assert len(runs) == len(days)
    assert all(run.state is not None and run.state.is_completed() for run in runs)
    assert asked_of(site, days) == Counter({str(row["id"]): 1 for rows in days.values() for row in rows})
    assert all(site.asked(name) for name in WORKERS)
    check_published(settings, source, days)


def test_a_killed_worker_costs_only_what_was_in_flight(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """Worker and run are gone without a word; once Prefect knows, the other worker takes the day over where it stood."""
    source, days = days_from(tmp_path, date(2026, 2, 1), 140, 140)
    backfill = Backfill(ask_for(source, days), settings)
    ids = {str(row["id"]) for rows in days.values() for row in rows}
    until(lambda: all(len(ids & set(site.asked(name))) > 30 for name in WORKERS), "no two runs at work")
    own = ids & set(site.asked("one"))
    lost = next(one for one, rows in days.items() if own & {str(row["id"]) for row in rows})
    site.workers["one"].kill()
    (run,) = (run for run in running(api, days) if run.parameters["partition"] == str(lost))
    api.set_flow_run_state(run.id, Crashed(message="No heartbeat"), force=True)  # as our automation does
    assert backfill.states(site) == dict.fromkeys(days, "done")
    site.start_worker("one", settings)
    assert len(flow_runs(api, days)) == 3
    assert sum(asked_of(site, days).values()) <= 280 + WINDOW_AND_COMMITS
    assert actions(ask_for(source, days), settings) == ["nothing", "nothing"]
    check_published(settings, source, days)


@pytest.mark.long
def test_a_restarted_server_delays_and_harms_nothing(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """It is away while both runs work; runs, workers and backfill go on when it is back, and nothing is asked twice.

    A run that Prefect takes for crashed while its server is away (on a slow machine) is followed by another one.
    """
    source, days = days_from(tmp_path, date(2026, 3, 1), 80, 80, 10)
    backfill = Backfill(ask_for(source, days), settings)
    until(lambda: asked_of(site, days).total() > 40, "no run")
    site.stop_server()
    site.start_server()
    assert backfill.states(site) == dict.fromkeys(days, "done"), site.logs()
    assert 3 <= len(flow_runs(api, days)) <= 6
    assert max(asked_of(site, days).values()) == 1
    check_published(settings, source, days)


@pytest.mark.long
def test_a_cancelled_run_keeps_what_had_finished_and_a_paused_pool_waits(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """Cancelled: the day failed, its lease is free. The next backfill waits for the paused pool, then does what is left."""
    source, days = days_from(tmp_path, date(2026, 4, 1), 400)
    backfill = Backfill(ask_for(source, days), settings)
    until(lambda: asked_of(site, days).total() > 30, "no run")
    (run,) = flow_runs(api, days)
    api.set_flow_run_state(run.id, Cancelling(), force=True)
    assert list(backfill.states(site).values()) == ["failed"], site.logs()
    (outcome,) = backfill.outcomes
    assert outcome.result is not None
    assert 0 < outcome.result.records < 400
    assert {row.owner for row in table(settings, "leases")} == {None}

    api.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))
    again = Backfill(ask_for(source, days), settings)
    until(lambda: len(flow_runs(api, days)) == 2, "no second run")
    before = asked_of(site, days).total()
    threading.Event().wait(3.0)
    assert again.outcomes == []
    assert asked_of(site, days).total() == before
    api.update_work_pool(POOL, WorkPoolUpdate(is_paused=False))
    assert list(again.states(site).values()) == ["done"], site.logs()
    assert asked_of(site, days).total() <= 400 + 16
    check_published(settings, source, days)


@pytest.mark.long
def test_a_day_in_shards_is_answered_by_both_workers_and_by_one_when_the_other_is_gone(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """The whole run asks the pool for help, takes over what a killed worker had begun, and publishes once."""
    gate = tmp_path / "gate"
    source, days = days_from(tmp_path, date(2026, 5, 1), 240, word=f"slow gate {gate}")
    given = {"partition": str(min(days)), "input": str(source), "shards": 4}
    deployment = api.read_deployment_by_name("sentiment/sentiment")
    whole = api.create_flow_run_from_deployment(deployment.id, parameters=given)
    ids = {str(row["id"]) for rows in days.values() for row in rows}

    def at_work(least: int = 1) -> list[str]:
        return [name for name in WORKERS if len(ids & set(site.asked(name))) >= least]

    until(at_work, "nobody is at work", START_SECONDS)
    (first,) = at_work()
    until(lambda: len(at_work()) == 2, "nobody helps", START_SECONDS)
    other = next(name for name in WORKERS if name != first)
    gate.touch()
    until(lambda: other in at_work(25), "the other one is not at work")
    site.workers[other].kill()
    until(
        lambda: (state := api.read_flow_run(whole.id).state) and state.is_final(), "not ended", START_SECONDS
    )
    assert (state := api.read_flow_run(whole.id).state) is not None
    assert state.is_completed(), f"{state.message}\n{site.logs()}"
    site.start_worker(other, settings)
    assert sum(asked_of(site, days).values()) <= 240 + WINDOW_AND_COMMITS
    runs = [run for run in table(settings, "runs") if run.partition == min(days)]
    assert [run.state for run in runs if run.shard is None] == ["completed"]
    assert len({run.flow_run_id for run in runs}) == 2
    assert all(one.state and not one.state.is_scheduled() for one in flow_runs(api, days))
    check_published(settings, source, days)


def final(api: SyncPrefectClient, flow_run: UUID) -> bool:
    """Whether a flow run has ended."""
    state = api.read_flow_run(flow_run).state
    return state is not None and state.is_final()


@pytest.mark.long
def test_auto_cuts_a_day_for_the_workers_that_are_online(
    site: Site, api: SyncPrefectClient, settings: Settings, tmp_path: Path
) -> None:
    """The last of this file, since it lets the runs that the ledger knows have taken longer: then a day is worth both workers."""
    source, days = days_from(tmp_path, date(2026, 6, 1), 60, 200)
    deployment = api.read_deployment_by_name("sentiment/sentiment")
    for of, times in zip(sorted(days), (1_000_000, 1), strict=True):
        given = {"partition": str(of), "input": str(source), "shards": "auto"}
        whole = api.create_flow_run_from_deployment(deployment.id, parameters=given)
        until(partial(final, api, whole.id), "not ended", START_SECONDS)
        assert (state := api.read_flow_run(whole.id).state) is not None
        assert state.is_completed(), f"{state.message}\n{site.logs()}"
        assert published(settings, day=of).height == len(days[of])
        take_times(settings, times)
    runs = {of: [run.shards for run in table(settings, "runs") if run.partition == of] for of in days}
    assert list(runs.values()) == [[None], [8] * 9]
