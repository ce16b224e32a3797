"""How fast an API is asked: buckets for requests and tokens, the gate that 429s close, back-off. No I/O.

Times are seconds of a monotonic clock. Nothing here waits: callers are told how long, and sleep
themselves, so that engines with event loops of their own can share one set of limits.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Self

from models.engines.api.circuit_breaker import Breaker
from models.engines.api.options import ApiOptions

BURST = 10
"""A bucket holds a tenth of a minute's amount, the largest burst."""
HINT_SECONDS = 60.0
"""`x-ratelimit-reset` says when a limit is whole again, which can be hours away; some is free much sooner."""

_RESET_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


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


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between the attempts of one request: full jitter, doubling from `first` up to `longest`."""

    first: float = 0.5
    longest: float = 30.0

    def delay(self, failures: int, draw: float) -> float:
        """Return the seconds to wait after `failures` failures (from 1); `draw` lies in 0..1."""
        return draw * min(self.longest, self.first * 2.0 ** min(failures - 1, 60))


class Limits:
    """What all requests to one endpoint share, in any thread: buckets, gate and breaker."""

    def __init__(
        self,
        breaker: Breaker,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        backoff: Backoff = Backoff(),
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

    @classmethod
    def from_options(cls, options: ApiOptions, backoff: Backoff = Backoff()) -> Self:
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

    def apply_headers(self, headers: Mapping[str, str]) -> float | None:
        """Close the gate as a reply's headers ask; return the seconds of its Retry-After, if it has one."""
        self.named = {name: value for name, value in headers.items() if "ratelimit" in name} or self.named
        binding = retry_after(headers, time.time())
        hints = [
            min(reset, HINT_SECONDS)
            for what in ("requests", "tokens")
            if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"
            and (reset := reset_seconds(headers.get(f"x-ratelimit-reset-{what}", ""))) is not None
        ]
        with self._lock:
            wait = max([binding or 0.0, *hints])
            self._closed_until = max(self._closed_until, self.clock() + wait)
        return binding

    def retry_delay(self, failures: int, asked: float | None) -> float:
        """Return how long to wait after `failures` failures; never less than the provider `asked` for."""
        return self._backoff.delay(failures, self._draw()) + (asked or 0.0)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read Retry-After (seconds or an HTTP date) or retry-after-ms; None where it says nothing usable.

    `now` is seconds since 1970; a date in the past means 0.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if (number := _number(text)) is not None:
            return number * unit
        if text and unit == 1.0 and (date := _date(text)) is not None:
            return max(0.0, date.timestamp() - now)
    return None


def reset_seconds(text: str) -> float | None:
    """Read a duration such as `1s`, `6m0s`, `120ms` or a bare number of seconds; None for anything else."""
    if (number := _number(text.strip())) is not None:
        return number
    parts = _RESET_PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text.strip():
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
