"""A polite stop: SIGTERM and SIGINT set a flag that the stream looks at between two engine steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
        self._at_once = True
        try:
            if self():
                raise StopNow
            yield
        finally:
            self._at_once = False

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.signal_number = number
        if self._at_once:
            raise StopNow


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Collect stop signals inside the block; the handlers that were set before return afterwards.

    Outside the main thread no handler can be set, and the request stays false.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
