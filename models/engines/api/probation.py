"""Whose fault a refusal is: while nothing shows that the endpoint answers anybody, nobody can tell, so it is held back."""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Literal

REFUSALS = 3
"""This many refused requests without a single answer are the fault of the settings, not of the requests."""
HOLD_SECONDS = 2.0

Fault = Literal["request", "settings", "nobody_knows"]


class Flights:
    """The requests under way on one event loop, and a signal for those who wait for a change."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a request as under way."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            self.wake()

    def wake(self) -> None:
        """Let those that wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until something changes."""
        await self._changed.wait()


class Probation:
    """Holds refusals back while the endpoint has not answered a single request.

    A wrong setting makes the API refuse every request with the same 4xx that one bad record gets. Until
    the first answer nobody can tell, so a refused request waits. An answer clears them all: each was
    that request's own fault. `REFUSALS` of them without an answer are the settings' fault: then no
    further request is sent, and as soon as none is under way, the waiting ones are told. Lives on one
    event loop. Several may share the requests that are under way.
    """

    def __init__(self, flights: Flights | None = None) -> None:
        self.flights = flights or Flights()
        self.passed = False
        self._refused: set[Hashable] = set()
        self.held = 0

    @property
    def undecided(self) -> bool:
        """Whether nothing more may be sent until those under way are back."""
        return not self.passed and len(self._refused) >= REFUSALS

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a request as under way."""
        with self.flights.one():
            yield

    async def settle(self) -> None:
        """Wait until more may be sent."""
        while self.undecided:
            await self.flights.change()

    def answered(self) -> None:
        """Note that a request was answered."""
        if not self.passed:
            self.passed = True
            self.wake()

    def doubt(self, who: Hashable) -> None:
        """Begin anew, where it was passed: a request was refused though others were answered before. `who` counts once."""
        if self.passed:
            self.passed = False
            self._refused.clear()
        self._refused.add(who)

    def wake(self) -> None:
        """Let those that wait look again."""
        self.flights.wake()

    async def fault(
        self, *, alone: Callable[[], bool], over: Callable[[], bool], who: Hashable | None = None
    ) -> Fault:
        """Wait until it is clear what causes a refusal; `nobody_knows` where `over` ends the waiting.

        `alone` says that nothing else is going on that could tell; then the request is given the blame
        after `HOLD_SECONDS`. The refusals of one `who` count once; without it each counts.
        """
        if self.passed:
            return "request"
        self._refused.add(object() if who is None else who)
        self.held += 1
        try:
            while not self.passed:
                if self.undecided and not self.flights.count:
                    return "settings"
                if over():
                    return "nobody_knows"
                if await self._nothing_changes() and alone():
                    break
        finally:
            self.held -= 1
        return "request"

    async def _nothing_changes(self) -> bool:
        try:
            await asyncio.wait_for(self.flights.change(), HOLD_SECONDS)
        except TimeoutError:
            return True
        return False
