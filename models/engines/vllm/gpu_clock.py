"""Measures how long an engine loaded, answered and waited."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.gpu_time import GpuTime


class GpuClock:
    """Splits the time since its start into load, busy and idle (what is neither), lap by lap.

    The laps of one clock add up to the time from its start to the last lap, without gap or overlap.
    """

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._lap_start = now_ns()
        self._load_ns = 0
        self._busy_ns = 0

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Count the time inside as load."""
        start = self._now_ns()
        try:
            yield
        finally:
            self._load_ns += self._now_ns() - start

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the time inside as busy."""
        start = self._now_ns()
        try:
            yield
        finally:
            self._busy_ns += self._now_ns() - start

    def lap(self) -> GpuTime:
        """Return the time since the last lap and begin the next one."""
        now = self._now_ns()
        idle_ns = now - self._lap_start - self._load_ns - self._busy_ns
        lap = GpuTime(self._load_ns, self._busy_ns, idle_ns)
        self._lap_start, self._load_ns, self._busy_ns = now, 0, 0
        return lap
