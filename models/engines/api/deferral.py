"""When the requests of one stream are given back unanswered: it is stopped, its time is over, or the endpoint is given up."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.requests import DeferralReason

log = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 600.0
"""A Retry-After that is longer than this is not waited for."""


@dataclass(frozen=True, slots=True)
class Deferral:
    """Why no further attempt is made; `detail` is a short code of the failure."""

    reason: DeferralReason
    detail: str | None = None


class StreamLife:
    """Whether one stream still makes attempts. Lives on the engine's event loop. Its deadline counts from its making."""

    def __init__(self, options: ApiOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        run_seconds = options.run_seconds
        self._deadline = None if run_seconds is None else limits.clock() + run_seconds
        self._begun = limits.clock()
        self._given_up = limits.breaker.given_up
        self._starves = False
        self._reported = False
        self.stopped = False
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """Make no further attempt."""
        self.stopped = True
        self._ended.set()

    def deferral(self) -> Deferral | None:
        """Return why no further attempt is made, if that is so."""
        if self.stopped:
            return Deferral("stopped")
        if self._limits.breaker.given_up != self._given_up:
            return self._give_up(self._limits.breaker.last_failure, "it failed again after a pause")
        self._starves = self._starves or self._limits.starved(self._begun) >= self._options.patience_seconds
        if self._starves:
            return self._give_up("http_429", "it refuses every request")
        if self._deadline is not None and self._limits.clock() >= self._deadline:
            return Deferral("deadline")
        return None

    def deferral_after(self, wait: float) -> Deferral | None:
        """Return why an attempt is not waited for that would be made in `wait` seconds, if that is so."""
        if self._deadline is not None and self._limits.clock() + wait > self._deadline:
            return Deferral("deadline")
        return Deferral("api_unavailable") if wait > LONGEST_WAIT_SECONDS else None

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not on when the stream is stopped or the endpoint given up."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def _give_up(self, failure: str | None, why: str) -> Deferral:
        if not self._reported:
            self._reported = True
            self._ended.set()
            log.warning("the API at %s is given up for this run: %s (%s)", self._options.host, why, failure)
        return Deferral("api_unavailable", failure)
