"""`breakeven worker` on a machine of two GPUs (faked), with real workers of a real Prefect server; the engine is scripted."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from flows.deploy import POOL
from models.gpus import ORDER, VISIBLE
from tasks.setup.prefect_checks import check_pool
from tasks.workers.pools import list_online
from tests.fake_gpus import path_with_gpus
from tests.integration.backfill.harness import rows_of, write_days
from tests.integration.on_prefect.scripted import CALLS
from tests.integration.on_prefect.site import PROJECT, Program, Site, until
from tests.integration.pipeline.harness import settings_for

SHORT, LONG = date(2026, 5, 1), date(2026, 5, 2)
OUTLIVES = {"PREFECT_LOGGING_HANDLERS_CONSOLE_STREAM": "ext://flows.streams.stderr"}
"""As in prefect.yaml: a run outlives its worker."""
COMMAND = [sys.executable, "-m", "cli", "worker"]


def variables_of(process: int) -> dict[str, str]:
    """Return the environment that a process was started with; none where it has ended."""
    with suppress(OSError):
        words = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace").split("\0")
        return dict(word.partition("=")[::2] for word in words)
    return {}


class Machine:
    """A machine of two GPUs, its settings and its `breakeven worker`."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self._folder = site, folder
        self.settings = settings_for(folder, f"sqlite:///{folder / 'ledger.db'}", gpu_usd_per_hour=None)
        days = {SHORT: rows_of(SHORT, 100, "slow"), LONG: rows_of(LONG, 3000, "slow")}
        source = write_days(folder / "in.jsonl", days)
        self.env = site.settings_env(self.settings) | {
            "PATH": path_with_gpus(folder),
            "BREAKEVEN_GPU_WORKERS": "auto",
            "BREAKEVEN_WORKLOADS__SENTIMENT__INPUT": str(source),
            CALLS: str(folder / "calls"),
        }
        (folder / "calls").touch()
        self.program = Program(COMMAND, self.env, folder / "worker.log")

    def said(self) -> str:
        """Return what the command and its workers have printed."""
        return (self._folder / "worker.log").read_text(encoding="utf-8")

    def until(self, words: str, times: int = 1) -> None:
        """Wait for what is printed."""
        until(lambda: self.said().count(words) >= times, f"no {words!r} in {self.said()[-3000:]}")

    def processes(self) -> dict[int, list[str]]:
        """Return every process of this machine, with its words."""
        found = {}
        for one in Path("/proc").glob("[0-9]*"):
            if variables_of(int(one.name)).get(CALLS) == self.env[CALLS]:
                with suppress(OSError):
                    found[int(one.name)] = (one / "cmdline").read_text(encoding="utf-8").split("\0")
        return found

    def workers(self) -> dict[str, int]:
        """Return the process of each worker, by its name."""
        found = self.processes().items()
        return {words[words.index("--name") + 1]: pid for pid, words in found if "--name" in words}

    def process_of(self, run: FlowRun) -> int | None:
        """Return the process of a flow run."""
        own = (pid for pid, words in self.processes().items() if "prefect.engine" in words)
        return next((pid for pid in own if variables_of(pid)["PREFECT__FLOW_RUN_ID"] == str(run.id)), None)


@pytest.fixture
def deployment(site: Site, api: SyncPrefectClient, tmp_path: Path) -> UUID:
    """Deploy the scripted flow, in a pool that was of one worker."""
    return site.deploy(api, settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", gpu_workers=1))


@pytest.fixture
def machine(site: Site, deployment: UUID, tmp_path: Path) -> Iterator[Machine]:  # noqa: ARG001  it makes the pool
    """Start the command where the pool is; whatever the test makes of it, nothing is left of it."""
    machine = Machine(site, tmp_path)
    yield machine
    machine.program.kill()


def test_each_gpu_has_a_worker_whose_runs_see_it_alone(
    machine: Machine, deployment: UUID, api: SyncPrefectClient
) -> None:
    """One is killed and started again once its run has ended; a signal stops the rest, and what is done is kept."""
    machine.until("online: ")
    until(lambda: limit_follows(api), "the pool's limit")
    check = check_pool(api, POOL, [api.read_deployment(deployment)])
    assert all(name in check.found for name in machine.workers()), check
    refuse_a_second(machine)
    short, long = (
        api.create_flow_run_from_deployment(
            deployment, parameters={"partition": str(day)}, job_variables={"env": OUTLIVES}
        )
        for day in (SHORT, LONG)
    )
    until(lambda: machine.process_of(short) and machine.process_of(long), "no two runs")
    given = {run.id: variables_of(machine.process_of(run) or 0) for run in (short, long)}
    assert {one[VISIBLE] for one in given.values()} == {"0", "1"}
    assert {one[ORDER] for one in given.values()} == {"PCI_BUS_ID"}

    name = next(one for one in machine.workers() if one.endswith(f"gpu{given[short.id][VISIBLE]}"))
    os.kill(machine.workers()[name], signal.SIGKILL)
    machine.until(f"{name} was killed by signal 9")
    machine.until(f"{name}: its run goes on")
    until(lambda: not machine.process_of(short) or name not in machine.workers(), "it waits for its run")
    until(lambda: is_over(api, short), machine.said())
    assert api.read_flow_run(short.id).state_name == "Completed", machine.said()
    machine.until(f"Worker '{name}' started!", times=2)

    machine.program.process.terminate()
    assert machine.program.process.wait(60) == 0, machine.said()
    assert machine.processes() == {}
    state = api.read_flow_run(long.id).state
    assert state is not None
    assert state.is_crashed(), machine.said()
    assert "stopped by signal 15" in (state.message or "")
    assert "Traceback" not in machine.said()


def is_over(api: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a flow run has ended."""
    state = api.read_flow_run(run.id).state
    return state is not None and state.is_final()


def limit_follows(api: SyncPrefectClient) -> bool:
    """Whether the pool gives out as many runs as workers are online; those of other tests that were killed are so for a while."""
    online = len(list_online(api, POOL))
    return online >= 2 and api.read_work_pool(POOL).concurrency_limit == online


def refuse_a_second(machine: Machine) -> None:
    """See that the same command beside it ends with one line, and that its locks are for this user alone."""
    done = subprocess.run(
        [*COMMAND, "--gpus", "1"], env=machine.env, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: gpu1 of this machine has a worker already, of process ")
    assert done.stderr.count("\n") == 1
    locks = [*Path(machine.env["PREFECT_HOME"], "workers").iterdir()]
    assert len(locks) == 2
    assert {stat.S_IMODE(one.stat().st_mode) for one in locks} == {0o600}
