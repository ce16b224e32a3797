"""A polite stop: SIGTERM and SIGINT set a flag that the stream looks at between two engine steps."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import ParamSpec, TypeVar

from models.errors import Interrupted

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopNow(BaseException):
    """Leaves work that has nothing to lose. No `Exception`, so that no library takes it for its own."""


class StopRequest:
    """Whether and by which signal the run was asked to stop."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._at_once = False

    def __call__(self) -> bool:
        """Return True once a stop was asked for."""
        return self.signal_number is not None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Leave the block with `StopNow` when a signal comes, or came before: loading takes minutes."""
        before, self._at_once = self._at_once, True
        try:
            if self():
                raise StopNow
            yield
        finally:
            self._at_once = before

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a stop is asked for."""
        until = time.monotonic() + seconds
        while not self() and (left := until - time.monotonic()) > 0:
            time.sleep(min(0.1, left))

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.signal_number = number
        if self._at_once:
            raise StopNow

    def interrupted(self, left: str) -> Interrupted:
        """Return the error of a run that was stopped; `left` says what is committed and what is left to do."""
        number = signal.SIGTERM if self.signal_number is None else self.signal_number
        return Interrupted(f"stopped by signal {number:d}; {left}", signal_number=number)


_current: ContextVar[StopRequest | None] = ContextVar("stop_request", default=None)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Collect stop signals inside the block; the handlers that were set before return afterwards.

    A block inside another one has the same request. Outside the main thread no handler can be set, and the
    request stays false.
    """
    if threading.current_thread() is not threading.main_thread():
        yield StopRequest()
        return
    if (outer := _current.get()) is not None:
        yield outer
        return
    request = StopRequest()
    token = _current.set(request)
    before = {number: signal.signal(number, request.note) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _current.reset(token)


def stoppable(left: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Let a stop signal end a function at once that has nothing to lose; `left` says what that leaves to do.

    The function then raises `Interrupted`.
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(function)
        def run(*positional: Parameters.args, **named: Parameters.kwargs) -> Result:
            with stop_on_signals() as stop:
                try:
                    with stop.at_once():
                        return function(*positional, **named)
                except StopNow:
                    raise stop.interrupted(left) from None

        return run

    return decorate
