"""A real Prefect server and a real worker for the tests of this folder."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from tests.integration.on_prefect.site import kill_tree

PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 120.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with its output in a file; kill it and all below it afterwards."""
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=env, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield child
        finally:
            kill_tree(child.pid)
            child.wait()


def _wait_for_health(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"no Prefect server at {url}:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def prefect_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the environment of server, worker and `make deploy`: a Prefect home and a port of their own.

    The scheduler is off, so that no schedule fires into a test at its hour; `test_schedules.py` is about those.
    """
    home = tmp_path_factory.mktemp("prefect")
    ours = ("PREFECT_", "BREAKEVEN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_MEMO_STORE_PATH": str(home / "memo_store.toml"),
        "PREFECT_API_URL": f"http://127.0.0.1:{_free_port()}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
    }


@pytest.fixture(scope="session")
def server(prefect_env: dict[str, str]) -> Iterator[str]:
    """Run a Prefect server on SQLite; yield the URL of its API."""
    url = prefect_env["PREFECT_API_URL"]
    port = url.removesuffix("/api").rpartition(":")[2]
    command = [sys.executable, "-m", "flows.server", "--host", "127.0.0.1", "--port", port]
    log = Path(prefect_env["PREFECT_HOME"], "server.log")
    with _process(command, prefect_env, log) as child:
        _wait_for_health(url, child, log)
        yield url


@pytest.fixture
def api(server: str) -> Iterator[SyncPrefectClient]:
    """Let flows of this process and the yielded client talk to the real server."""
    settings = {PREFECT_API_URL: server, PREFECT_LOGGING_TO_API_ENABLED: False}  # logs outlive the server
    with temporary_settings(settings), get_client(sync_client=True) as client:
        yield client


@pytest.fixture(scope="session")
def dead_url() -> str:
    """Give the URL of an API that nobody serves."""
    return f"http://127.0.0.1:{_free_port()}/api"


@pytest.fixture(scope="session")
def worker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder where the worker's runs keep ledger and outputs."""
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="session")
def worker(server: str, prefect_env: dict[str, str], worker_folder: Path) -> Iterator[Path]:
    """Run a worker of the pool `gpu` over the bundled samples; yield its log."""
    env = prefect_env | {
        "PREFECT_API_URL": server,
        "BREAKEVEN_DATABASE_URL": f"sqlite:///{worker_folder / 'ledger.db'}",
        "BREAKEVEN_OUTPUT_DIR": str(worker_folder / "out"),
        "BREAKEVEN_WORKLOADS__SENTIMENT__INPUT": "samples/sentiment.jsonl",
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "gpu", "--limit", "1"]
    log = worker_folder / "worker.log"
    with _process(command, env, log):
        yield log
