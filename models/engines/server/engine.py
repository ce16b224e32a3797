"""A server of one's own as the local engine: it runs already, its machine's time is what it costs."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from models.engines.api.chat_client import ChatClient
from models.engines.api.engine import shut_down
from models.engines.api.rate_limits import Backoff
from models.engines.server.flight_clock import FlightClock
from models.engines.server.listing import check_server
from models.engines.server.options import ServerOptions
from models.engines.server.sender import PAUSES, ServerSender
from models.engines.window import Window
from models.errors import BreakevenError, EngineDied, defect
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Completion, Request

LOOK_SECONDS = 0.1
"""How long the stream waits for an answer before it looks for a stop again."""


class ServerEngine:
    """Asks an own server, on an event loop in a thread of its own.

    It takes any record's request, as every local engine does: `ServerOptions` only come with an address that is
    declared in-house. Its constructor sees that the server answers and has the model. Raises `EngineStartError`.
    """

    name = "vllm"  # the ledger's word for the local engine

    def __init__(self, options: ServerOptions, backoff: Backoff = PAUSES) -> None:
        check_server(options)
        self.options = options
        self.model = options.model
        self._clock = FlightClock()
        self._client = ChatClient(options, in_house=True)
        self._sender = ServerSender(options, self._client, self._clock, backoff)
        self._loop: asyncio.AbstractEventLoop | None = asyncio.new_event_loop()
        self._flights: set[_Flight] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server-engine", daemon=True)
        self._thread.start()

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer `requests` as `models.engines.base.Engine.stream` says. Raises `EngineDied`."""
        if self._loop is None:
            msg = "the engine is closed"
            raise EngineDied(msg)
        window = Window(requests, self.options.window, self.options.lookahead, answers)
        flight = _Flight(self._loop, self._sender)
        self._flights.add(flight)
        try:
            while not (window.exhausted or stop()):
                for request in window.take():
                    flight.start(request)
                yield from window.reused()
                if window.in_flight:
                    for completion in flight.ready(LOOK_SECONDS):
                        self._clock.claim(completion.engine_ns)
                        yield from window.finish(completion)
        finally:
            self._flights.discard(flight)
            if self._loop is not None:
                for unread in flight.abandon():
                    self._clock.claim(unread.engine_ns)

    def lap(self) -> GpuTime:
        """Return the time that requests were in flight, of those that ended since the last lap."""
        return GpuTime(busy_ns=self._clock.lap())

    def close(self) -> None:
        """Abandon what is in flight and end the thread. The server goes on."""
        if self._loop is None:
            return
        for flight in self._flights:
            flight.abandon()
        loop, self._loop = self._loop, None
        asyncio.run_coroutine_threadsafe(shut_down(self._client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()


class _Flight:
    """The requests of one stream that are on their way. Its methods are called from the stream's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sender: ServerSender) -> None:
        self._loop = loop
        self._sender = sender
        self._ended: SimpleQueue[Completion | BreakevenError] = SimpleQueue()
        self._error: BreakevenError | None = None
        self._tasks: set[asyncio.Task[Completion]] = set()  # of the loop's thread

    def start(self, request: Request) -> None:
        """Send a request; returns at once."""
        self._loop.call_soon_threadsafe(self._begin, request)

    def ready(self, timeout: float) -> list[Completion]:
        """Return what has ended, after waiting up to `timeout` seconds for the first.

        Raises what stops the stream once everything that had ended before was returned.
        """
        done = self._take(0.0 if self._error else timeout)
        if self._error is not None and not done:
            raise self._error
        return done

    def _take(self, timeout: float) -> list[Completion]:
        """Return what has ended, after waiting for the first; note an error among it."""
        done: list[Completion] = []
        with suppress(Empty):
            while True:
                ended = self._ended.get(timeout=timeout) if timeout and not done else self._ended.get_nowait()
                if isinstance(ended, Completion):
                    done.append(ended)
                else:
                    self._error, timeout = self._error or ended, 0.0
        return done

    def abandon(self) -> list[Completion]:
        """Give up what is in flight; return, when it has ended, the completions that nobody has taken."""
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result()
        return self._take(0.0)

    def _begin(self, request: Request) -> None:
        task = self._loop.create_task(self._sender.answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[Completion]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._ended.put(task.result())
        elif isinstance(error, BreakevenError):
            self._ended.put(error)
        else:  # its own words could quote a prompt
            self._ended.put(EngineDied(f"the server's client failed: {defect(error)}"))

    async def _cancel(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
