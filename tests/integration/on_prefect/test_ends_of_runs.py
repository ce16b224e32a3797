"""How runs end on a real server and worker: cancelled at any moment, and left alone by a worker that was killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, Log, StateType
from prefect.states import Cancelling

from flows.deploy import POOL
from models.settings import Settings
from tests.integration.backfill.harness import check_days, rows_of, write_days
from tests.integration.on_prefect import scripted
from tests.integration.on_prefect.site import PROJECT, Site, api_of, children_of
from tests.integration.pipeline.harness import settings_for
from tests.sampling import sampled

WORKER = "ends"
DAYS = {date(2026, 5, number): rows_of(date(2026, 5, number), 120, "slow") for number in range(1, 8)}
FLOWS = ("sentiment", "nightly", "backfill")
ERROR = 40
PATIENCE_SECONDS = 300.0
ENDS = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}


class Bench:
    """A site with the scripted flows deployed as prefect.yaml says, and one worker."""

    def __init__(self, site: Site, settings: Settings, source: Path) -> None:
        self.site, self.settings, self.source = site, settings, source
        self.deployments: dict[str, UUID] = {}

    def deploy(self, client: SyncPrefectClient) -> None:
        """Make the deployments, each with what prefect.yaml has for its namesake."""
        named = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
        variables = {one["name"]: one["work_pool"]["job_variables"] for one in named}
        self.site.deploy(client, self.settings)
        for name in FLOWS:
            self.deployments[name] = client.create_deployment(
                client.create_flow_from_name(name),
                name,
                work_pool_name=POOL,
                entrypoint=f"tests.integration.on_prefect.scripted:{name}",
                pull_steps=[{"flows.environment.enter_project": {}}],
                job_variables=variables[name],
            )

    def start_worker(self) -> None:
        """Start the worker, whose runs load and publish for seconds."""
        slow = {scripted.LOAD_SECONDS: "5", scripted.PUBLISH_SECONDS: "5"}
        source = {"BREAKEVEN_WORKLOADS__SENTIMENT__INPUT": str(self.source)}
        self.site.start_worker(WORKER, self.settings, **slow, **source)

    def noted(self, what: str) -> int:
        """Count the lines of the file of calls that hold this."""
        return self.site.calls(WORKER).read_text(encoding="utf-8").count(what)

    def until(self, ready: Callable[[], object]) -> None:
        """Wait for something, on a busy machine for long; show all logs if it does not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            assert time.monotonic() < deadline, self.site.logs()
            time.sleep(0.1)

    def worker_log(self) -> str:
        """Return what the worker has printed."""
        return self.site.workers[WORKER].log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bench(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Make the deployments and run a worker."""
    folder = tmp_path_factory.mktemp("ends")
    settings = settings_for(folder, f"sqlite:///{folder / 'ledger.db'}", gpu_usd_per_hour=None)
    bench = Bench(site, settings, write_days(folder / "in.jsonl", DAYS))
    with api_of(site) as client:
        bench.deploy(client)
    bench.start_worker()
    yield bench
    site.kill_workers()


def state_type(api: SyncPrefectClient, run: FlowRun) -> StateType | None:
    """Read the type of a flow run's state."""
    return api.read_flow_run(run.id).state_type


def ended(api: SyncPrefectClient, run: FlowRun, bench: Bench) -> FlowRun:
    """Wait for the end of a flow run."""
    bench.until(lambda: state_type(api, run) in ENDS)
    return api.read_flow_run(run.id)


def is_process_of(run: FlowRun, pid: int) -> bool:
    """Whether a process is the one of a flow run."""
    try:
        return str(run.id).encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has just ended
        return False


def called_by(api: SyncPrefectClient, run: FlowRun) -> list[FlowRun]:
    """Read the flow runs that a flow run has called."""
    inside = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]))
    return api.read_flow_runs(flow_run_filter=inside)


def log_of(api: SyncPrefectClient, run: FlowRun) -> list[Log]:
    """Read the log of a flow run and of those that it called."""
    runs = [run.id, *(one.id for one in called_by(api, run))]
    return api.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=runs)))


@pytest.mark.parametrize(
    ("flow", "parameters", "moment", "said"),
    [
        ("sentiment", {"partition": "2026-05-01"}, scripted.LOADING, " 0 records of this run are committed"),
        pytest.param(
            *("sentiment", {"partition": "2026-05-01"}, scripted.PUBLISHING, "all records are committed"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            *("nightly", {"partition": "2026-05-02"}, "0502", "records of this run are committed"),
            marks=pytest.mark.long,
        ),
        (
            "backfill",
            {"workload": "sentiment", "from_date": "2026-05-03", "to_date": "2026-05-04"},
            "0503",
            "records of this run are committed",
        ),
    ],
    ids=["load", "publish", "nightly", "backfill"],
)
def test_cancelling_is_told_in_a_few_lines(
    bench: Bench, api: SyncPrefectClient, flow: str, parameters: dict[str, Any], moment: str, said: str
) -> None:
    """No error and no traceback, on the worker's console nor in the run's log; a line says what is committed."""
    before, printed = bench.noted(moment), len(bench.worker_log())
    run = api.create_flow_run_from_deployment(bench.deployments[flow], parameters=parameters)
    bench.until(lambda: bench.noted(moment) > before + 20 * moment.isdigit())
    api.set_flow_run_state(run.id, Cancelling(), force=True)
    assert ended(api, run, bench).state_name == "Cancelled"
    last_line = f"Execution of flow run '{run.id}'"
    bench.until(lambda: last_line in bench.worker_log())
    console = bench.worker_log()[printed:]
    assert "Traceback" not in console
    assert "ERROR" not in console
    assert console.count("\n") < 40

    log = log_of(api, run)
    assert [line.message for line in log if line.level >= ERROR] == []
    assert any(said in line.message for line in log), [line.message for line in log]
    assert {one.state_name for one in called_by(api, run)} <= {"Cancelled"}


@pytest.mark.parametrize("moment", sampled(["start", "infer"], {"start"}))
def test_a_run_whose_worker_was_killed_publishes(
    bench: Bench, api: SyncPrefectClient, tmp_path: Path, moment: str
) -> None:
    """The pipes of its output are broken, before its first line or later; it goes on and ends as Completed."""
    day = date(2026, 5, 5 if moment == "start" else 6)
    key = f"{day:%m%d}"
    run = api.create_flow_run_from_deployment(
        bench.deployments["sentiment"], parameters={"partition": str(day)}
    )
    worker = bench.site.workers[WORKER].process
    if moment == "start":
        bench.until(lambda: any(is_process_of(run, pid) for pid in children_of(worker.pid)))
    else:
        bench.until(lambda: bench.noted(key) > 20)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert bench.noted(key) < len(DAYS[day])
    assert ended(api, run, bench).state_name == "Completed", [line.message for line in log_of(api, run)]
    one_day = {day: DAYS[day]}
    check_days(bench.settings, write_days(tmp_path / "in.jsonl", one_day), one_day)
    bench.start_worker()
