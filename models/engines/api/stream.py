"""The caller's end of an API engine: offer requests, collect completions, from one thread, without blocking."""

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from models.engines.api.journal_batcher import JournalFailed
from models.engines.api.permit import ApiRequest
from models.engines.api.sender import RequestSender
from models.engines.window import Window, is_parsed
from models.errors import BreakevenError, ResidencyError
from models.requests import AnswerIndex, ClosedAttempt, Completion

WINDOW_FACTOR = 2
"""Requests in a stream, as a multiple of those in flight: some wait for a retry, some for the journal."""
LOOK_SECONDS = 0.1
FATAL_GRACE_SECONDS = 2.0
"""How long answers that are under way (and will be billed) are waited for once no further one can succeed."""

Result = TypeVar("Result")


class ApiStream:
    """Requests on their way through an API. All methods are called from the thread that opened it.

    `close_attempts` takes attempts that no completion carries. `is_usable`: see `Window`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sender: RequestSender,
        close_attempts: Callable[[list[ClosedAttempt]], None],
        *,
        size: int,
        answers: AnswerIndex | None,
        stop: Callable[[], bool],
        is_usable: Callable[[Completion], bool] = is_parsed,
    ) -> None:
        self._loop = loop
        self._courier = sender
        self._close_attempts = close_attempts
        self._size = size
        self._window: Window[ApiRequest] = Window((), size, 1, answers, is_usable=is_usable)
        self._stop = stop
        self._stopped = False
        self._over = False
        self._ended: SimpleQueue[Completion | None] = SimpleQueue()
        # Of the loop's thread:
        self._tasks: set[asyncio.Task[Completion]] = set()
        self._winding_up: asyncio.Task[None] | None = None
        # Set by the loop's thread before it puts None into the queue:
        self._error: BaseException | None = None

    @property
    def free(self) -> int:
        """Requests that `offer` takes now."""
        return 0 if self._over else self._window.free

    @property
    def in_flight(self) -> int:
        """Requests offered whose completions `ready` has not returned."""
        return self._size - self._window.free

    def offer(self, request: ApiRequest) -> None:
        """Take a request; returns at once. Raises `RuntimeError` where there is no room for one.

        Raises `ResidencyError` for a request of another kind, which has no permission to be sent.
        """
        if not isinstance(request, ApiRequest):
            msg = "only an ApiRequest may go to an API"
            raise ResidencyError(msg)
        if self.free <= 0:
            msg = "the stream takes no request now"
            raise RuntimeError(msg)
        self._check_stop()
        if self._window.admit(request):
            self._loop.call_soon_threadsafe(self._start, request)

    def ready(self, timeout: float) -> list[Completion]:
        """Return the completions that there are, after waiting up to `timeout` seconds for the first.

        Raises what stops the whole stream (`ApiAccessError`, what the journal raised) once everything
        that could still be had was returned.
        """
        self._check_stop()
        done = list(self._window.reused())
        if not done and self.in_flight and not self._over:
            done = self._first(timeout)
        done += self._rest()
        if not done and self._over and self._error is not None:
            raise self._error
        return done

    def finish(self, grace_seconds: float = 0.0) -> list[Completion]:
        """End the stream and return the completions of all that is in flight.

        Nothing more is sent. What is under way has `grace_seconds` to be answered; the rest is given
        back as `stopped`, its attempts as `unknown_outcome`. The stream takes nothing afterwards.
        """
        if not self._over:
            self._on_loop(self._wind_up(grace_seconds))
            self._over = True
        return [*self._window.reused(), *self._rest()]

    def abandon(self, unread: Iterable[Completion] = ()) -> None:
        """End the stream at once, for a caller that wants no more completions.

        Their attempts are closed, and those of `unread`: completions it was given and will not use.
        """
        attempts = [done.attempt for done in (*unread, *self.finish()) if done.attempt is not None]
        if attempts:
            self._close_attempts(attempts)

    def _first(self, timeout: float) -> list[Completion]:
        """Wait for one completion and return it with its twins; look for a stop in between."""
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            try:
                ended = (
                    self._ended.get(timeout=min(left, LOOK_SECONDS)) if left > 0 else self._ended.get_nowait()
                )
            except Empty:
                if left <= 0:
                    return []
                self._check_stop()
            else:
                return self._finished(ended)

    def _rest(self) -> list[Completion]:
        """Return what has ended, without waiting."""
        done: list[Completion] = []
        while True:
            try:
                done += self._finished(self._ended.get_nowait())
            except Empty:
                return [*done, *self._window.reused()]

    def _finished(self, ended: Completion | None) -> list[Completion]:
        if ended is None:
            self._over = True
            return []
        done = list(self._window.finish(ended))
        for request in self._window.promoted():
            if self._over:
                done += self._window.finish(Completion(request, deferral="stopped", attempts=0))
            else:
                self._loop.call_soon_threadsafe(self._start, request)
        return done

    def _check_stop(self) -> None:
        if not self._stopped and self._stop():
            self._stopped = True
            self._loop.call_soon_threadsafe(self._courier.interrupt)

    def _on_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # From here on: on the event loop.

    def _start(self, request: ApiRequest) -> None:
        if self._winding_up is not None:
            self._ended.put(Completion(request, deferral="stopped", attempts=0))
            return
        task = self._loop.create_task(self._courier.answer(request))
        self._tasks.add(task)
        task.add_done_callback(partial(self._end, request))

    def _end(self, request: ApiRequest, task: asyncio.Task[Completion]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # before it had begun
            self._ended.put(Completion(request, deferral="stopped", attempts=0))
        elif (error := task.exception()) is None:
            self._ended.put(task.result())
        elif self._error is None:
            self._error = _presentable(error)
            self._winding_up = self._loop.create_task(self._fail())

    async def _fail(self) -> None:
        await self._wind_up(FATAL_GRACE_SECONDS)
        self._ended.put(None)

    async def _wind_up(self, grace_seconds: float) -> None:
        """Let what is under way end within the grace, cancel the rest, return when all has ended."""
        self._courier.interrupt()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace_seconds)
        for task in set(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(set(self._tasks))


def stream_requests(
    flow: ApiStream, requests: Iterable[ApiRequest | None], stop: Callable[[], bool], tick: float = 1.0
) -> Iterator[Completion]:
    """Send all requests through a stream, as `models.engines.base.Engine.stream` says."""
    source = iter(requests)
    ended = False
    done: deque[Completion] = deque()
    try:
        while not stop():
            while not ended and flow.free > 0:
                try:
                    request = next(source)
                except StopIteration:
                    ended = True
                    break
                if request is None:
                    break
                flow.offer(request)
            done += flow.ready(tick)
            while done:
                yield done.popleft()
            if ended and not flow.in_flight:
                return
    finally:
        flow.abandon(done)


def _presentable(error: BaseException) -> BaseException:
    """Return the error to raise. One that nobody foresaw could quote a prompt: it is told by type and place."""
    if isinstance(error, JournalFailed):
        return error.error
    if isinstance(error, BreakevenError):
        return error
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return BreakevenError(f"the API engine failed: {type(error).__name__} in {where}")
