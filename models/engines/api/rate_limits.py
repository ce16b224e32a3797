"""How fast an API is asked: buckets for requests and tokens, the gate that 429s close, the number in flight. No I/O.

Times are seconds of a monotonic clock. Nothing here waits: callers are told how long, and sleep
themselves, so that engines with event loops of their own can share one set of limits.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Self

from models.engines.api.backoff import Backoff
from models.engines.api.circuit_breaker import Breaker
from models.engines.api.errors.delay_headers import HINT_SECONDS, reset_seconds, retry_after, used_up
from models.engines.api.options import ApiOptions
from models.engines.api.pace import Pace

__all__ = ["HINT_SECONDS", "Backoff", "Bucket", "Limits", "reset_seconds", "retry_after"]

BURST = 10
"""A bucket holds a tenth of a minute's amount, the largest burst."""
PAUSES = Backoff()


class Bucket:
    """Lets `per_minute` through in any minute, in the order of the reservations.

    An amount larger than the bucket waits until it is full and then leaves a debt, which those behind
    wait for: it neither fails nor blocks for ever.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._capacity = max(1.0, per_minute / BURST)
        self._rate = (per_minute + 1 - self._capacity) / 60
        self._level = self._capacity
        self._at = now

    def reserve(self, amount: float, now: float) -> float:
        """Take `amount` and return the time from which it may go: `now`, or later."""
        self._fill(now)
        missing = min(amount, self._capacity) - self._level
        self._level -= amount
        return now + max(0.0, missing) / self._rate

    def give_back(self, amount: float, now: float) -> None:
        """Put back what was reserved and not used; a negative amount takes more."""
        self._fill(now)
        self._level = min(self._capacity, self._level + amount)

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._level = min(self._capacity, self._level + passed * self._rate)
        self._at = max(self._at, now)


class Limits:
    """What all requests to one endpoint share, in any thread: buckets, gate, number in flight and breaker."""

    def __init__(
        self,
        breaker: Breaker,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        backoff: Backoff = PAUSES,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] | None = None,
    ) -> None:
        self.breaker = breaker
        self.clock = clock
        self._backoff = backoff
        self._draw = draw or Random().random  # noqa: S311 - jitter, no secret
        self._lock = threading.Lock()
        self._requests = None if requests_per_minute is None else Bucket(requests_per_minute, clock())
        self._tokens = None if tokens_per_minute is None else Bucket(tokens_per_minute, clock())
        self._closed_until = -math.inf
        self.named: dict[str, str] = {}
        """Limits as the newest reply's headers named them."""
        self._pace = Pace(backoff)

    @classmethod
    def from_options(cls, options: ApiOptions, backoff: Backoff = PAUSES) -> Self:
        """Make the limits of one endpoint."""
        return cls(
            Breaker(options.breaker_failures, options.breaker_seconds),
            requests_per_minute=options.requests_per_minute,
            tokens_per_minute=options.tokens_per_minute,
            backoff=backoff,
        )

    @property
    def counts_tokens(self) -> bool:
        """Whether it matters how many tokens are reserved."""
        return self._tokens is not None

    def reserve(self, tokens: float) -> float:
        """Count one attempt of `tokens` tokens; return the time from which it may be sent."""
        now = self.clock()
        with self._lock:
            at = now if self._requests is None else self._requests.reserve(1, now)
            return at if self._tokens is None else max(at, self._tokens.reserve(tokens, now))

    def give_back(self, tokens: float, requests: int = 0) -> None:
        """Correct a reservation: tokens that were not used, and the attempt itself if it was not made."""
        now = self.clock()
        with self._lock:
            if self._requests is not None and requests:
                self._requests.give_back(requests, now)
            if self._tokens is not None:
                self._tokens.give_back(tokens, now)

    def gate(self) -> float:
        """Return the seconds for which the provider wants no request; 0 for none."""
        return max(0.0, self._closed_until - self.clock())

    def enter(self) -> int | None:
        """Take a place in flight and return its turn, for `leave`; None where the endpoint wants no more at one time."""
        with self._lock:
            return self._pace.enter()

    def leave(self, turn: int) -> None:
        """Give a place in flight back, before `answered` or `refused`."""
        with self._lock:
            self._pace.leave(turn)

    def answered(self, turn: int) -> None:
        """Note that the endpoint dealt with a request of a turn."""
        with self._lock:
            self._pace.answered(turn)

    def refused(self, turn: int, named: float | None) -> None:
        """Note a 429, and close the gate for the delay that it names, or for one of our own."""
        with self._lock:
            now = self.clock()
            pause = self._pace.refused(turn, now, named, self._draw())
            self._closed_until = max(self._closed_until, now + pause)

    def starved(self, since: float) -> float:
        """Return for how long, since a moment, the endpoint has answered nobody and refused all with 429, by its last refusal."""
        with self._lock:
            first = self._pace.first_refusal
            return 0.0 if first is None else self._pace.last_refusal - max(first, since)

    def apply_headers(
        self, headers: Mapping[str, str], named: float | None = None, *, refused: bool = False
    ) -> float | None:
        """Close the gate as a reply asks; return the seconds of its Retry-After, or those that its body names.

        `refused`: it is a 429.
        """
        self.named = {name: value for name, value in headers.items() if "ratelimit" in name} or self.named
        asked = retry_after(headers, time.time())
        binding = named if asked is None else asked
        hint = used_up(headers, refused=refused and not binding)
        with self._lock:
            self._closed_until = max(self._closed_until, self.clock() + max(binding or 0.0, hint))
        return hint if refused and hint and not binding else binding

    def retry_delay(self, failures: int, asked: float | None) -> float:
        """Return how long to wait after `failures` failures; never less than the provider `asked` for."""
        return self._backoff.delay(failures, self._draw()) + (asked or 0.0)
