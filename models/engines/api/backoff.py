"""Waiting times that double: between the attempts of one request, and between the requests of an endpoint that refuses them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between the attempts of one request: full jitter, doubling from `first` up to `longest`."""

    first: float = 0.5
    longest: float = 30.0

    def delay(self, failures: int, draw: float) -> float:
        """Return the seconds to wait after `failures` failures (from 1); `draw` lies in 0..1."""
        return draw * min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
