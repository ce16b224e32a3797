"""A storm over spread backfills: a real Prefect server that is restarted, two workers that are killed, runs that are cancelled."""

import contextvars
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import PrefectException
from prefect.states import Cancelling, Crashed

from flows.parallel_backfill import ParallelBackfill
from models.backfill import PartitionOutcome, to_do
from models.errors import BreakevenError
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import survey
from tests.chaos.database import Database
from tests.chaos.headway import Headway
from tests.chaos.storm import rough_rows
from tests.integration.backfill.harness import ask_for, check_published, day, write_days
from tests.integration.on_prefect.site import Site, api_of
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import WORKLOAD, settings_for

DAYS = 6
ROWS = 60
WORKERS = ("one", "two")
SILENCE_SECONDS = 30.0
"""How long a run may be without a process before it is crashed; our automations wait longer, see `flows/automations.py`."""
LOOK_SECONDS = 5.0
BACKFILLS = 5
BETWEEN = (1.0, 6.0)
AT_WORK = (StateType.RUNNING, StateType.PENDING)


class SpreadBackfill:
    """A spread backfill in a thread of its own, started again and again as a user would."""

    def __init__(self, ask: BackfillRequest, settings: Settings) -> None:
        self.outcomes: list[PartitionOutcome] = []
        self.error: BaseException | None = None
        context = contextvars.copy_context()
        self.thread = threading.Thread(target=context.run, args=(self._run, ask, settings), daemon=True)
        self.thread.start()

    def _run(self, ask: BackfillRequest, settings: Settings) -> None:
        try:
            steps = to_do(survey(ask, settings))
            self.outcomes.extend(ParallelBackfill(settings, len(WORKERS), 0.5)(ask, steps))
        except BreakevenError as error:
            self.outcomes.append(PartitionOutcome(ask.workload, ask.range.first, "failed", error=str(error)))
        except BaseException as error:  # noqa: BLE001  a defect: `calm` fails with it
            self.error = error


class SpreadStorm:
    """One storm over a site."""

    def __init__(
        self,
        seed: int,
        folder: Path,
        site: Site,
        api: SyncPrefectClient,
        settings: Settings,
        database: Database,
    ) -> None:
        self._random, self._site, self._api, self.settings = Random(seed), site, api, settings
        self._database = database
        self._days = {day(n): rough_rows(day(n), ROWS, self._random) for n in range(DAYS)}
        for rows in self._days.values():
            for row in rows:
                if isinstance(row["text"], str) and row["text"].strip():
                    row["text"] = f"slow {row['text']}"
        self._source = write_days(folder / "in.jsonl", self._days)
        self._backfills: list[SpreadBackfill] = []
        self._silent: dict[UUID, float] = {}
        self.happened: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    @property
    def _ask(self) -> BackfillRequest:
        return ask_for(self._source, self._days)

    def rage(self, seconds: float) -> None:
        """Let faults happen for so many seconds."""
        for name in WORKERS:
            self._start_worker(name)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not any(one.thread.is_alive() for one in self._backfills):
                self._start()
            time.sleep(self._random.uniform(*BETWEEN))
            faults: list[Callable[[], None]] = [
                self._kill_worker,
                self._restart_server,
                self._cancel_run,
                self._second_backfill,
                self._late_data,
            ]
            if self._database.restarts:
                faults.append(self._restart_database)
            fault = self._random.choice(faults)
            self.happened[fault.__name__.strip("_")] += 1
            fault()
            self._supervise()

    def _supervise(self) -> None:
        """Start workers again that have ended, as a service manager does: one that finds no server gives up at once."""
        for name, worker in list(self._site.workers.items()):
            if worker.process.poll() is not None:
                self._start_worker(name)

    def _crash_silent(self) -> None:
        """Do what our automations do: crash runs that hold a place in the pool, and of which no process is left."""
        with suppress(httpx.HTTPError, PrefectException):
            now = time.monotonic()
            silent = [run.id for run in self._claimed() if not self._alive(run)]
            self._silent = {flow_run: self._silent.get(flow_run, now) for flow_run in silent}
            for flow_run, since in self._silent.items():
                if now - since >= SILENCE_SECONDS:
                    self._api.set_flow_run_state(flow_run, Crashed(message="No heartbeat"), force=True)

    def _start_worker(self, name: str) -> None:
        shards = self.settings.workload(WORKLOAD).shards
        more = {} if shards is None else {f"BREAKEVEN_WORKLOADS__{WORKLOAD.upper()}__SHARDS": str(shards)}
        self._site.start_worker(name, self.settings, **more)

    def _start(self) -> SpreadBackfill:
        self._backfills.append(SpreadBackfill(self._ask, self.settings))
        return self._backfills[-1]

    def _second_backfill(self) -> None:
        if sum(one.thread.is_alive() for one in self._backfills) < len(WORKERS):
            self._start()

    def _late_data(self) -> None:
        of = self._random.choice(list(self._days))
        rows = self._days[of]
        late = [row | {"id": f"late{len(rows)}-{number}"} for number, row in enumerate(rows[:5])]
        self._days[of] = [*late, *rows]
        write_days(self._source, self._days)

    def _claimed(self) -> list[FlowRun]:
        return [
            run
            for run in self._api.read_flow_runs()
            if run.state is not None and run.state.type in {*AT_WORK, StateType.CANCELLING}
        ]

    def _cancel_run(self) -> None:
        if runs := [run for run in self._claimed() if run.state_type in AT_WORK]:
            self._api.set_flow_run_state(self._random.choice(runs).id, Cancelling(), force=True)

    def _kill_worker(self) -> None:
        """Kill a worker with its run, let Prefect find that out as our automation does, and start another."""
        name = self._random.choice(WORKERS)
        self._site.workers[name].kill()
        for run in self._claimed():
            if not self._alive(run):
                self._api.set_flow_run_state(run.id, Crashed(message="No heartbeat"), force=True)
        self._start_worker(name)

    @staticmethod
    def _alive(run: FlowRun) -> bool:
        """Whether a process of this run is still there."""
        for command in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if str(run.id).encode() in command.read_bytes():
                    return True
        return False

    def _restart_server(self) -> None:
        self._site.stop_server()
        time.sleep(self._random.uniform(0.0, 3.0))
        self._site.start_server()

    def _restart_database(self) -> None:
        self._database.restart(self._random.uniform(0.0, 3.0))

    def calm(self) -> None:
        """Wait for what is at work, then run the command until nothing fails, and see that everything adds up."""
        self._wait()
        for _ in range(BACKFILLS):
            last = self._start()
            self._wait()
            if last.error is None and all(one.state != "failed" for one in last.outcomes):
                break
        for one in self._backfills:
            if one.error is not None:
                raise AssertionError(repr(one.error)) from one.error
        self.ends += Counter(one.state for backfill in self._backfills for one in backfill.outcomes)
        steps = {step.action for step in survey(self._ask, self.settings)}
        assert steps == {"nothing"}, [one.error for one in last.outcomes]
        assert {row.owner for row in table(self.settings, "leases")} == {None}
        check_published(self.settings, self._source, self._days)

    def _wait(self) -> None:
        headway, looked = Headway(self.settings), time.monotonic()
        while any(one.thread.is_alive() for one in self._backfills):
            assert not headway.is_lacking(), f"a backfill does not get on\n{self._site.logs()}"
            self._supervise()
            if time.monotonic() - looked >= LOOK_SECONDS:
                self._crash_silent()
                looked = time.monotonic()
            time.sleep(0.5)

    def report(self) -> str:
        """Say what happened."""
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.happened.items()))
        runs = Counter(row.state for row in table(self.settings, "runs"))
        shards = sum(row.shard is not None for row in table(self.settings, "runs"))
        flow_runs: Counter[str] = Counter()
        with suppress(httpx.HTTPError, PrefectException):
            flow_runs.update(run.state_name or "" for run in self._api.read_flow_runs())
        return f"faults: {faults}\npartitions: {dict(self.ends)}; flow runs: {dict(flow_runs)}; runs: {dict(runs)}, {shards} of shards"


def spread_weather(
    seed: int,
    seconds: float,
    folder: Path,
    make_database: Callable[[Path], Database],
    shards: int | None = None,
) -> str:
    """Go through one storm over a site of its own and return its report; `shards`: into which each day is cut. Raises `AssertionError`."""
    folder.mkdir()
    (folder / "site").mkdir()
    database = make_database(folder)
    settings = settings_for(
        folder,
        database.url,
        gpu_workers=len(WORKERS),
        gpu_usd_per_hour=None,
        workloads={} if shards is None else {WORKLOAD: {"shards": shards}},
    )
    site = Site(folder / "site")
    try:
        site.start_server()
        with api_of(site) as api:
            site.deploy(api, settings)
            storm = SpreadStorm(seed, folder, site, api, settings, database)
            try:
                storm.rage(seconds)
                storm.calm()
            except AssertionError as error:
                error.add_note(f"seed {seed}\n{storm.report()}")
                raise
            return f"seed {seed}\n{storm.report()}"
    finally:
        site.close()
