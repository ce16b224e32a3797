"""A worker that is asked to stop: it asks for no more runs, and is cancelled when it has none."""

import asyncio
import os
from types import SimpleNamespace
from typing import Any

import pytest

from flows import watched_worker
from flows.watched_worker import PoliteStop


class WorkerOfPrefect:
    """As much of Prefect's worker as is asked: each run that the server gives out holds a token until it has ended."""

    def __init__(self) -> None:
        self.limiter = SimpleNamespace(borrowed_tokens=0)
        self.asked = 0
        self.given = asyncio.Event()

    async def get_and_submit_flow_runs(self) -> list[Any]:
        """Ask the server, which takes its time, and begin the run that it gives out."""
        self.asked += 1
        await self.given.wait()
        self.limiter.borrowed_tokens += 1
        return ["a run"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at every turn of the loop."""
    monkeypatch.setattr(watched_worker, "IDLE_SECONDS", 0)
    monkeypatch.setattr(watched_worker, "LOOK_SECONDS", 0)


async def turns(number: int = 20) -> None:
    """Let everything else go on for a while."""
    for _ in range(number):
        await asyncio.sleep(0)


def test_a_run_that_is_being_given_out_is_waited_for() -> None:
    """The server has marked it as taken: a worker that ended now would leave it without an owner."""

    async def scene() -> None:
        worker: Any = WorkerOfPrefect()
        stop = PoliteStop(worker, os.getppid())
        serving = asyncio.create_task(asyncio.Event().wait())
        asking = asyncio.create_task(worker.get_and_submit_flow_runs())
        await turns()
        stop.begin(serving)
        stop.begin(serving)
        await turns()
        assert not serving.done()
        worker.given.set()
        assert await asking == ["a run"]
        await turns()
        assert not serving.done()
        assert await worker.get_and_submit_flow_runs() == []
        assert worker.asked == 1
        worker.limiter.borrowed_tokens = 0
        await turns()
        assert serving.cancelled()

    asyncio.run(scene())


@pytest.mark.parametrize("gone", [False, True])
def test_a_worker_that_nobody_watches_stops(gone: bool) -> None:
    """Its parent is another process than the one that watched it."""

    async def scene() -> None:
        worker: Any = WorkerOfPrefect()
        stop = PoliteStop(worker, os.getppid() + int(gone))
        serving = asyncio.create_task(asyncio.Event().wait())
        unwatched = asyncio.create_task(stop.begin_unwatched(serving))
        await turns()
        assert serving.cancelled() is gone
        unwatched.cancel()
        serving.cancel()

    asyncio.run(scene())
