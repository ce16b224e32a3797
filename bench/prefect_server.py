"""How often Prefect's server on SQLite says "database is locked" under load: `python -m bench.prefect_server`.

Each of two servers gets the same load for `--seconds`: a worker that polls, and `--runs` flow runs at a time that
begin, write log lines, send heartbeats and end, one after the other as quickly as the server takes them. `plain`
is `prefect server start`, `ours` what `make server` starts.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx

ROOT = Path(__file__).resolve().parents[1]
SERVERS = {"plain": ["prefect", "server", "start"], "ours": ["flows.server"]}
HOST = "127.0.0.1"
LOCKED = "database is locked"
AUTH_STRING = f"bench:{secrets.token_urlsafe(16)}"


async def client(runs: int) -> None:
    """Let flow runs begin, log, send heartbeats and end, `runs` at a time, until the process is ended."""
    from prefect import flow, get_client  # noqa: PLC0415  only the client needs them
    from prefect.client.schemas.objects import State  # noqa: PLC0415
    from prefect.events import Event, Resource, get_events_client  # noqa: PLC0415
    from prefect.states import Completed, Pending, Running  # noqa: PLC0415

    @flow
    def short() -> None:
        """Have a name on the server."""

    async def one_after_the_other() -> None:
        while True:
            try:
                run = await api.create_flow_run(short)
                states: tuple[State, ...] = (Pending(), Running())
                for state in states:
                    await api.set_flow_run_state(run.id, state)
                resource = Resource({"prefect.resource.id": f"prefect.flow-run.{run.id}"})
                for _ in range(3):
                    await api.create_logs([_line(run.id) for _ in range(10)])
                    await events.emit(Event(event="prefect.flow-run.heartbeat", resource=resource))
                await api.set_flow_run_state(run.id, Completed())
            except Exception as error:  # noqa: BLE001  a run that the server failed is what is counted
                print(f"failed {type(error).__name__}", flush=True)
            print("run", flush=True)

    async with get_client() as api, get_events_client() as events:
        await asyncio.gather(*(one_after_the_other() for _ in range(runs)))


def _line(run: UUID) -> dict[str, object]:
    """Make a log line of a flow run."""
    now = datetime.now(UTC).isoformat()
    return {"name": "bench", "level": 20, "message": "line", "timestamp": now, "flow_run_id": str(run)}


def measure(name: str, seconds: float, runs: int) -> dict[str, object]:
    """Start a server and its load; return what its log holds afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = _free_port()
        url = f"http://{HOST}:{port}/api"
        env = _environment(folder, url)

        def start(log: str, *command: str) -> None:
            output = stack.enter_context((folder / log).open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
            )
            stack.callback(process.wait)
            stack.callback(process.kill)

        start("server.log", *SERVERS[name], "--host", HOST, "--port", str(port))
        while not _healthy(url):
            time.sleep(0.5)
        start("worker.log", "prefect", "worker", "start", "--pool", "bench", "--type", "process")
        start("client.log", "bench.prefect_server", "--client", "--runs", str(runs))
        time.sleep(seconds)
        text = (folder / "server.log").read_text(encoding="utf-8")
        done = (folder / "client.log").read_text(encoding="utf-8")
        return {
            "server": name,
            "seconds": seconds,
            "flow runs": done.count("run\n"),
            "failed runs": done.count("failed "),
            "database is locked": text.count(f"OperationalError: {LOCKED}"),
            "tracebacks": text.count("Traceback (most recent call last)"),
        }


@contextmanager
def prefect_server(name: str) -> Iterator[dict[str, str]]:
    """Start a server and yield what a client's environment needs once it answers; it ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port = _free_port()
        env = _environment(Path(folder), url := f"http://{HOST}:{port}/api")
        command = [sys.executable, "-m", *SERVERS[name], "--host", HOST, "--port", str(port)]
        with (Path(folder) / "server.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
            try:
                while not _healthy(url):
                    time.sleep(0.5)
                yield {key: value for key, value in env.items() if os.environ.get(key) != value}
            finally:
                process.terminate()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _environment(folder: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "PREFECT_HOME": str(folder),
        "PREFECT_MEMO_STORE_PATH": str(folder / "memo_store.toml"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_API_AUTH_STRING": AUTH_STRING,  # both servers ask for it
        "PREFECT_API_AUTH_STRING": AUTH_STRING,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
    }


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def main() -> None:
    """Measure both servers, or be a client of one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", action="store_true")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--runs", type=int, default=4)
    given = parser.parse_args()
    if given.client:
        asyncio.run(client(given.runs))
    for name in SERVERS:
        print(json.dumps(measure(name, given.seconds, given.runs)), flush=True)


if __name__ == "__main__":
    main()
