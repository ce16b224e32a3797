"""Measures how long a server of one's own was at work for us: the wall clock while requests are in flight."""

import threading
import time
from collections.abc import Callable


class FlightClock:
    """Shares each moment among the requests in flight then, equally. Serves several threads.

    So the shares of all requests add up to the time in which one was in flight, and a request's share does
    not depend on when its answer is committed. A server runs before and after a run, and may serve others: it is
    neither loaded nor idle for us. `claim` puts a share into the current lap.
    """

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._flying = 0
        self._at_ns = 0
        self._share_ns = 0.0  # of a request that had been in flight all the time
        self._claimed_ns = 0

    def take_off(self) -> float:
        """Note that a request is in flight; return what `land` needs."""
        with self._lock:
            self._go_on()
            self._flying += 1
            return self._share_ns

    def land(self, since: float) -> int:
        """Note that a request is in flight no more; return its share, nanoseconds."""
        with self._lock:
            self._go_on()
            self._flying -= 1
            return round(self._share_ns - since)

    def claim(self, share_ns: int) -> None:
        """Add a share to the lap."""
        with self._lock:
            self._claimed_ns += share_ns

    def lap(self) -> int:
        """Return the shares claimed since the last lap, nanoseconds."""
        with self._lock:
            lap, self._claimed_ns = self._claimed_ns, 0
            return lap

    def _go_on(self) -> None:
        now = self._now_ns()
        if self._flying:
            self._share_ns += (now - self._at_ns) / self._flying
        self._at_ns = now
