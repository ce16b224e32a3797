"""Measures how long a server of one's own was at work for us: the wall clock while requests are in flight."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.gpu_time import GpuTime


class FlightClock:
    """Counts each moment once, however many requests are in flight then. Serves several threads.

    A server runs before and after a run, and may serve others: it is neither loaded nor idle for us, so the
    laps hold busy time alone, and they add up to the time in which a request was in flight.
    """

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._flying = 0
        self._since_ns = 0
        self._busy_ns = 0

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count the time inside."""
        with self._lock:
            self._note()
            self._flying += 1
        try:
            yield
        finally:
            with self._lock:
                self._note()
                self._flying -= 1

    def lap(self) -> GpuTime:
        """Return the time since the last lap, and begin the next one."""
        with self._lock:
            self._note()
            lap, self._busy_ns = GpuTime(busy_ns=self._busy_ns), 0
            return lap

    def _note(self) -> None:
        now = self._now_ns()
        if self._flying:
            self._busy_ns += now - self._since_ns
        self._since_ns = now
