"""When a request's next attempt may be sent: slots, limits, gate, breaker, and the number in flight."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from models.engines.api.deferral import Deferral, StreamLife
from models.engines.api.endpoint import Endpoint
from models.engines.api.request_state import RequestState

LOOK_SECONDS = 0.02
TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Permission:
    """Leave to send one attempt: whether it is the breaker's probe, and its turn in flight."""

    probe: bool
    turn: int


class Admission:
    """Lets the requests of one stream go, in the order in which they came. Lives on the engine's event loop."""

    def __init__(self, endpoint: Endpoint, life: StreamLife) -> None:
        self._endpoint = endpoint
        self._limits = endpoint.limits
        self._life = life
        self._queued: set[asyncio.Task[Any]] = set()

    def cancel_queued(self) -> None:
        """Cancel the requests that have no slot yet; one that has a slot looks for itself."""
        for task in self._queued:
            task.cancel()

    async def take_slot(self) -> None:
        """Wait for one of the places that the settings allow. `slots` of the endpoint takes it back."""
        with self._cancellable():
            await self._endpoint.slots.acquire()

    @contextmanager
    def _cancellable(self) -> Iterator[None]:
        task = asyncio.current_task()
        if task is None:  # never: a coroutine runs in a task; for the type checker
            raise RuntimeError
        self._queued.add(task)
        try:
            yield
        finally:
            self._queued.discard(task)

    async def wait(self, state: RequestState, *, trial: bool = False) -> Permission | Deferral:
        """Wait until one attempt may be sent; one request at a time waits here.

        `trial`: it finds out what is wrong while everybody else waits for that, the first in the queue too.
        """
        limits = self._limits
        goes_at: float | None = None
        async with nullcontext() if trial else self._endpoint.fifo_lock:
            try:
                while (deferral := self._life.deferral()) is None:
                    wait = max(limits.gate(), limits.breaker.wait())
                    if goes_at is None and not wait:
                        goes_at = limits.reserve(state.tokens)
                    if goes_at is not None:
                        wait = max(wait, goes_at - limits.clock())
                    if wait <= 0 and (permission := self._enter(trial=trial)) is not None:
                        goes_at = None
                        return permission
                    if (deferral := self._life.deferral_after(wait)) is not None:
                        break
                    await self._life.sleep(min(max(wait, LOOK_SECONDS), TICK_SECONDS))
                return deferral
            finally:
                if goes_at is not None:
                    limits.give_back(state.tokens, requests=1)

    def _enter(self, *, trial: bool) -> Permission | None:
        if (self._endpoint.undecided and not trial) or (turn := self._limits.enter()) is None:
            return None
        if (probe := self._limits.breaker.enter()) is None:
            self._limits.leave(turn)
            return None
        return Permission(probe, turn)
