"""A whole site for tests: an own Prefect server that may be restarted, deployments, and workers that may be killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from flows.deploy import POOL, ensure_pool
from flows.deploy import main as deploy_main
from models.settings import Settings
from tasks.setup.auth_string import CLIENT
from tasks.workers.pools import count_gpu_workers
from tests.integration.on_prefect.scripted import CALLS
from tests.live_folder import files_below

PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 120.0
START_SECONDS = 300.0  # half a minute of processor time on a busy machine
STOP_SECONDS = 5.0  # a server that waits for connections to end is killed, as an orchestrator does


def free_url() -> str:
    """Return an address that nobody serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api"


def environment() -> dict[str, str]:
    """Return the environment of servers and workers, without settings of the developer's own.

    The scheduler is off, so that no schedule fires into a test at its hour; `test_schedules.py` is about those. The
    pool's limit is a number, since workers that were killed count as online for a while.
    """
    ours = ("PREFECT_", "BREAKEVEN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "BREAKEVEN_GPU_WORKERS": "1",
        "DO_NOT_TRACK": "1",
    }


def until(ready: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.25)  # what is asked is often a server, which answers on the same cores


def kill_tree(pid: int) -> None:
    """Kill a process and all below it with SIGKILL: as if their machine were gone."""
    below = children_of(pid)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for child in below:
        kill_tree(child)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if status.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1] == str(pid):
                found.append(int(status.parent.name))
    return found


class Program:
    """A program in a process of its own, with its output in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=env, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT
            )

    def stop(self) -> None:
        """Ask it to end, and see that it and all below it do."""
        below = children_of(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in below:
            kill_tree(child)

    def kill(self) -> None:
        """Kill it and all below it."""
        kill_tree(self.process.pid)
        self.process.wait()


class Site:
    """A Prefect server at one address and one database file, and workers of the pool `gpu`."""

    def __init__(self, folder: Path, **env: str) -> None:
        self._folder = folder
        self.url = url = free_url()
        self.env = (
            environment()
            | env
            | {
                "PREFECT_HOME": str(folder / "home"),
                "PREFECT_API_URL": url,
                "PYTHONPATH": str(PROJECT),
            }
        )
        self.env["PREFECT_MEMO_STORE_PATH"] = str(folder / "home" / "memo_store.toml")
        (folder / "home").mkdir()
        self._server: Program | None = None
        self.workers: dict[str, Program] = {}

    def start_server(self) -> None:
        """Start the server, or start it again, and wait until it answers."""
        port = self.url.removesuffix("/api").rpartition(":")[2]
        command = [sys.executable, "-m", "flows.server", "--host", "127.0.0.1", "--port", port]
        self._server = server = Program(command, self.env, self._folder / "server.log")
        until(
            lambda: self._healthy() or server.process.poll() is not None, "no Prefect server", START_SECONDS
        )
        assert server.process.poll() is None, self.logs()
        self.env[CLIENT] = self.auth_string

    @property
    def auth_string(self) -> str:
        """The auth string that the server has made when it was started first."""
        return (self._folder / "home" / "auth_string").read_text(encoding="ascii").strip()

    @property
    def client_settings(self) -> dict[Any, Any]:
        """Settings of Prefect for a client in this process."""
        return {PREFECT_API_URL: self.url, PREFECT_API_AUTH_STRING: self.auth_string}

    def _healthy(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        return False

    def stop_server(self) -> None:
        """Stop the server; its database stays."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def deploy(self, client: SyncPrefectClient, settings: Settings) -> UUID:
        """Make the pool and the deployment `sentiment/sentiment` with the scripted engine."""
        ensure_pool(client, POOL, count_gpu_workers(settings, 0))
        flow = client.create_flow_from_name("sentiment")
        return client.create_deployment(
            flow,
            "sentiment",
            work_pool_name=POOL,
            entrypoint="tests.integration.on_prefect.scripted:sentiment",
            pull_steps=[{"flows.environment.enter_project": {}}],
        )

    def settings_env(self, settings: Settings) -> dict[str, str]:
        """Return the environment of programs that work with these settings."""
        inputs = {
            f"BREAKEVEN_WORKLOADS__{name.upper()}__INPUT": one.input
            for name, one in settings.workloads.items()
            if one.input
        }
        return (
            self.env
            | inputs
            | {
                "BREAKEVEN_DATABASE_URL": settings.database_url.get_secret_value(),
                "BREAKEVEN_OUTPUT_DIR": str(settings.output_dir),
                "BREAKEVEN_CACHE_DIR": str(settings.cache_dir),
                "BREAKEVEN_COMMIT_RECORDS": str(settings.commit_records),
                "BREAKEVEN_GPU_WORKERS": str(count_gpu_workers(settings, 0)),
            }
        )

    def apply(self, *file: Path, settings: Settings | None = None) -> None:
        """Do what `make deploy` does, in this process."""
        env = self.env if settings is None else self.settings_env(settings)
        with pytest.MonkeyPatch.context() as patch, temporary_settings(self.client_settings):
            for name, value in env.items():
                patch.setenv(name, value)
            deploy_main([str(one) for one in file])

    def start_worker(self, name: str, settings: Settings, pool: str = POOL, **env: str) -> None:
        """Start a worker for one flow run at a time, as `breakeven worker` does: the auth string it finds by itself."""
        self.calls(name).touch()
        command = [sys.executable, "-m", "flows.watched_worker", "--pool", pool]
        command += ["--name", name, "--limit", "1"]
        env = self.settings_env(settings) | {CALLS: str(self.calls(name))} | env
        env.pop(CLIENT, None)
        self.workers[name] = Program(command, env, self._folder / f"{name}.log")

    def kill_workers(self) -> None:
        """End all workers, and what they have at work, without the patience that a worker has."""
        for worker in self.workers.values():
            worker.kill()
        self.workers.clear()

    def calls(self, name: str) -> Path:
        """Return the file that lists what the engines of a worker were asked."""
        return self._folder / f"{name}.calls"

    def asked(self, name: str) -> list[str]:
        """Return the records that the engines of a worker were asked about."""
        return self.calls(name).read_text(encoding="utf-8").split()

    def logs(self) -> str:
        """Return the ends of all logs."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(encoding='utf-8')[-3000:]}" for log in self._folder.glob("*.log")
        )

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Yield every file of the site with its bytes: Prefect's database, with what is not written into it yet, and logs."""
        return files_below(self._folder)

    def close(self) -> None:
        """End everything, without the patience that a server has with what is at work."""
        self.kill_workers()
        if self._server is not None:
            self._server.kill()
            self._server = None


@contextmanager
def api_of(site: Site) -> Iterator[SyncPrefectClient]:
    """Let this process talk to the site's server inside the block."""
    # logs of a flow would outlive the server
    settings = site.client_settings | {PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        yield client
