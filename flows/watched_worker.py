"""Prefect's process worker as `breakeven worker` starts it: asked to stop, it takes no more runs and ends with its own.

Prefect's command for a worker kills its runs at once when it is asked to stop (anyio kills the process that a
cancelled task waits for), and would leave them as running. So the worker is cancelled only when it has none.
"""

import argparse
import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

from prefect.settings import PREFECT_WORKER_HEARTBEAT_SECONDS
from prefect.workers.process import ProcessWorker

from flows.environment import ends_in_one_line
from flows.workers import find_server
from models.private_files import UMASK
from tasks.setup.auth_string import lend_auth_string

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

LOOK_SECONDS = 1.0
"""Between two looks whether somebody watches it."""
IDLE_SECONDS = 0.1
"""Between two looks whether its runs have ended."""


class PoliteStop:
    """Lets a worker end: SIGTERM keeps it from asking for runs, and when it has none it is cancelled. So does the end of who watches it."""

    def __init__(self, worker: ProcessWorker, watcher: int) -> None:
        self._worker, self._watcher = worker, watcher
        self._asking = False
        self._ending: asyncio.Task[None] | None = None
        self._ask = worker.get_and_submit_flow_runs
        worker.get_and_submit_flow_runs = self._ask_unless_stopping  # type: ignore[method-assign]

    def begin(self, serving: asyncio.Task[Any]) -> None:
        """Handle the signal: end a task once no run is left. Safe to repeat."""
        self._ending = self._ending or asyncio.get_running_loop().create_task(self._end(serving))

    async def begin_unwatched(self, serving: asyncio.Task[Any]) -> None:
        """Begin when the process that started this one is gone."""
        while os.getppid() == self._watcher:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(LOOK_SECONDS)
        self.begin(serving)

    async def _ask_unless_stopping(self) -> "list[FlowRun]":
        if self._ending is not None:
            return []
        self._asking = True  # what the server gives out now is begun
        try:
            return await self._ask()
        finally:
            self._asking = False

    async def _end(self, serving: asyncio.Task[Any]) -> None:
        while self._asking or self._worker.limiter.borrowed_tokens:  # noqa: ASYNC110  Prefect tells nobody
            await asyncio.sleep(IDLE_SECONDS)
        serving.cancel()


async def serve(pool: str, name: str, limit: int, watcher: int) -> None:
    """Take runs of a pool until SIGTERM comes or the process that watches is gone, then wait for those that are at work."""
    worker = ProcessWorker(
        work_pool_name=pool,
        name=name,
        limit=limit,
        heartbeat_interval_seconds=int(PREFECT_WORKER_HEARTBEAT_SECONDS.value()),
        create_pool_if_not_found=False,
    )
    stop, serving = PoliteStop(worker, watcher), asyncio.create_task(worker.start())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.begin, serving)
    unwatched = asyncio.create_task(stop.begin_unwatched(serving))
    await asyncio.wait([serving])
    unwatched.cancel()
    if not serving.cancelled():
        serving.result()  # raises what ended it


def main() -> None:
    """Start one worker."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--limit", required=True, type=int)
    parser.add_argument("--watcher", type=int, default=os.getppid())
    given = parser.parse_args()
    os.umask(UMASK)
    with ends_in_one_line():
        find_server()
        lend_auth_string()
    asyncio.run(serve(given.pool, given.name, given.limit, given.watcher))


if __name__ == "__main__":
    main()
