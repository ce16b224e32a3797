"""The circuit breaker: an endpoint that keeps failing is not asked for a while, then probed once."""

import threading
import time
from collections.abc import Callable
from typing import Literal

LOOK_AGAIN_SECONDS = 0.05
"""How soon to ask again while the one request that tries the endpoint is under way."""


class Breaker:
    """Counts failures in a row; after `failures` of them no request may be sent for `seconds`, then one may.

    If that one, the probe, gets an answer of any kind, everything goes on. If it fails, `given_up` is
    raised by one: whoever saw it at a smaller number stops asking for good. Somebody who comes later
    (the next run) starts with a probe. One breaker serves several threads.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._state: Literal["closed", "open", "probing"] = "closed"
        self._in_a_row = 0
        self._until = 0.0
        self.given_up = 0
        self.last_failure: str | None = None

    def wait(self) -> float:
        """Return the seconds until it is worth asking again; 0 if a request may go now."""
        with self._lock:
            if self._state == "probing":
                return LOOK_AGAIN_SECONDS
            return max(0.0, self._until - self._clock()) if self._state == "open" else 0.0

    def enter(self) -> bool | None:
        """Ask for permission to send one request. True: it is the probe. None: not now, see `wait`."""
        with self._lock:
            if self._state == "closed":
                return False
            if self._state == "probing" or self._until > self._clock():
                return None
            self._state = "probing"
            return True

    def answered(self) -> None:
        """Note that the endpoint answered, be it with a refusal: it is alive."""
        with self._lock:
            self._state, self._in_a_row = "closed", 0

    def failed(self, failure: str, *, probe: bool) -> bool:
        """Note a request without a usable answer, by its short code. True if this one opens the breaker."""
        with self._lock:
            self.last_failure = failure
            if probe and self._state == "probing":
                self.given_up += 1
                self._state, self._until = "open", self._clock()
                return False
            self._in_a_row += 1
            if self._state != "closed" or self._in_a_row < self._limit:
                return False
            self._state, self._until = "open", self._clock() + self._seconds
            return True

    def not_sent(self) -> None:
        """Give the probe back unused: the next request may be it."""
        with self._lock:
            if self._state == "probing":
                self._state = "open"
