"""What sessions on demand cost as volume grows: busy and idle time stretches inside them, loads and pauses do not. Exact."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

from models.economics.sessions import Session
from models.gpu_time import NS_PER_HOUR, NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class SessionShape:
    """Sessions that are alike: `count` of them, each `fixed_ns` and, at a multiple of the volume, so often `varying_ns`."""

    count: int
    nano_per_hour: int
    increment_ns: int
    fixed_ns: int
    varying_ns: int

    def units_at(self, factor: Fraction) -> int:
        """Return the increments that one is billed for."""
        length = self.fixed_ns * factor.denominator + self.varying_ns * factor.numerator
        return -(-length // (self.increment_ns * factor.denominator))

    def units_above(self, factor: Fraction) -> int:
        """Return the increments that one is billed for just above a multiple of the volume."""
        if not self.varying_ns:
            return self.units_at(factor)
        length = self.fixed_ns * factor.denominator + self.varying_ns * factor.numerator
        return length // (self.increment_ns * factor.denominator) + 1

    def next_step(self, factor: Fraction) -> Fraction | None:
        """Return the least multiple beyond `factor` just above which another increment is billed; None: there is none."""
        if not self.varying_ns:
            return None
        length = self.fixed_ns * factor.denominator + self.varying_ns * factor.numerator
        filled = length // (self.increment_ns * factor.denominator) + 1
        return Fraction(filled * self.increment_ns - self.fixed_ns, self.varying_ns)

    @property
    def nano_per_unit(self) -> int:
        """What one increment of all of them costs, times an hour's nanoseconds."""
        return self.count * self.nano_per_hour * self.increment_ns


@dataclass(frozen=True, slots=True)
class OnDemandCost:
    """The sessions of a month, and by what their cost is multiplied: days to come, a bill that was entered.

    `beside`: what was billed though no session explains it; it grows with nothing. Everything is in nano-dollars at a multiple (`factor`) of the month's volume.
    """

    shapes: tuple[SessionShape, ...] = ()
    scale: Fraction = Fraction(1)
    beside: Fraction = Fraction(0)

    @classmethod
    def of(cls, sessions: Iterable[Session]) -> Self:
        """Put sessions that are alike together."""
        counted = Counter(
            (
                one.tariff.nano_per_hour,
                one.tariff.increment_seconds * NS_PER_SECOND,
                one.length_ns - one.varying_ns,
                one.varying_ns,
            )
            for one in sessions
        )
        return cls(tuple(SessionShape(count, *shape) for shape, count in sorted(counted.items())))

    def times(self, scale: Fraction) -> "OnDemandCost":
        """Return the same sessions, at so many times the cost."""
        return replace(self, scale=self.scale * scale, beside=self.beside * scale)

    def nano_at(self, factor: Fraction = Fraction(1)) -> Fraction:
        """Return the cost at a multiple of the volume."""
        return self.beside + self._nano(sum(one.nano_per_unit * one.units_at(factor) for one in self.shapes))

    def nano_above(self, factor: Fraction) -> Fraction:
        """Return the cost just above a multiple of the volume."""
        return self.beside + self._nano(
            sum(one.nano_per_unit * one.units_above(factor) for one in self.shapes)
        )

    @property
    def slope(self) -> Fraction:
        """What one more time the volume costs, without rounding to increments."""
        return self._nano(sum(one.count * one.nano_per_hour * one.varying_ns for one in self.shapes))

    @property
    def least(self) -> Fraction:
        """What loads and pauses cost without rounding: at no multiple is the cost below `least` + multiple x `slope`."""
        held = sum(one.count * one.nano_per_hour * one.fixed_ns for one in self.shapes)
        return self.beside + self._nano(held)

    @property
    def rounding(self) -> Fraction:
        """The most that rounding to increments adds."""
        return self._nano(sum(one.nano_per_unit for one in self.shapes))

    def next_step(self, factor: Fraction) -> Fraction | None:
        """Return the least multiple beyond `factor` just above which more is billed; None: there is none."""
        steps = (step for one in self.shapes if (step := one.next_step(factor)) is not None)
        return min(steps, default=None)

    def _nano(self, nano_hours: int) -> Fraction:
        return self.scale * Fraction(nano_hours, NS_PER_HOUR)


NO_SESSIONS = OnDemandCost()
