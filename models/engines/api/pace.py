"""How many requests an endpoint gets at one time after it refused some with 429: fewer, then one more again and again."""

import math
from dataclasses import dataclass

from models.engines.api.backoff import Backoff

LEAST_DRAW = 0.5
"""A pause of our own is at least half as long as it may be, so that engines which share a limit do not come back together."""


@dataclass(slots=True)
class Pace:
    """The number in flight, as TCP finds it (additive increase, multiplicative decrease), and the pauses between refusals.

    A 429 that answers a request sent since the last one closes the gate: it halves the number in flight and begins a new
    turn. In a turn one request goes first; only when it is answered may the others. 429s of an earlier turn say
    nothing new. Pauses double from one refused turn to the next, and each answer takes one doubling back. Times are
    seconds of the caller's clock. Not locked: `Limits` does that.
    """

    backoff: Backoff
    turn: int = 0
    allowed: float = math.inf
    flying: int = 0
    first_refusal: float | None = None
    last_refusal: float = -math.inf
    _of_turn: int = 0
    _trying: bool = False
    _doublings: int = 0
    _most: float = math.inf

    def enter(self) -> int | None:
        """Take a place in flight and return its turn; None where there is none now."""
        if self._of_turn if self._trying else self.flying >= self.allowed:
            return None
        self.flying += 1
        self._of_turn += 1
        return self.turn

    def leave(self, turn: int) -> None:
        """Give the place back."""
        self.flying -= 1
        if turn == self.turn:
            self._of_turn -= 1

    def answered(self, turn: int) -> None:
        """Note that the endpoint did what it was asked, or said what was wrong with it."""
        self.first_refusal = None
        if turn != self.turn:
            return
        self._trying = False
        self._doublings = max(0, self._doublings - 1)
        self.allowed += 1 / self.allowed
        if self.allowed >= self._most:
            self.allowed = self._most = math.inf

    def refused(self, turn: int, now: float, named: float | None, draw: float) -> float:
        """Note a 429 that names a delay, or none; return the seconds for which nobody is to ask."""
        self.first_refusal = now if self.first_refusal is None else self.first_refusal
        self.last_refusal = now
        if turn != self.turn:
            return named or 0.0
        self._doublings += 1
        in_flight = self.flying + 1.0  # the one that was refused has left already
        self._most = in_flight if self._most == math.inf else self._most
        self.allowed = max(1.0, min(self.allowed, in_flight) / 2)
        self.turn, self._of_turn, self._trying = self.turn + 1, 0, True
        if named and self._doublings == 1:
            return named
        own = self.backoff.delay(self._doublings, LEAST_DRAW + (1 - LEAST_DRAW) * draw)
        return max(named or 0.0, own)
