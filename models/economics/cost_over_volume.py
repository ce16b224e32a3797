"""How a scenario's monthly cost grows with volume, against the API's: where it starts to pay, and where it stops.

Self-hosting costs `fixed` + the bill for machines + sessions on demand + `slope` x volume. Two of these grow in steps:
one reserved machine serves so much and no more, and a session is billed by increments. So there can be several
crossings: it may start to pay shortly before a step, stop at the step, and start again. Exact: integers and
`Fraction`s.

Just above a volume f it pays if f x gain >= what does not grow smoothly there. From a volume at which it does not pay,
f := cost / gain never jumps over the next volume that pays, so repeated it climbs to the lowest one (and, from one that
pays, falls to the highest one below it that does not).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import ceil, floor

from models.economics.figures_outlook import BreakEven, Crossing, Never, SelfHosted
from models.economics.on_demand import NO_SESSIONS, OnDemandCost
from models.economics.pricing import half_up
from models.economics.scenarios import Period

MOST_CROSSINGS = 12
"""Crossings that are listed; where more exist, the rest lie between the last listed and `for_good`."""
MOST_ROUNDS = 10_000
"""Where gain and slope are so close that a crossing is not found in so many rounds, a volume that surely pays stands for it."""


@dataclass(frozen=True, slots=True)
class CostOverVolume:
    """Monthly costs at a multiple (`factor`) of this month's volume; nano-dollars, none negative.

    `api_nano`: the API's way that it is compared with, at factor 1. `slope_nano`: what goes to the API, at factor 1.
    `bill_nano`: what `gpus` reserved machines cost, of which there are never fewer. `fixed_nano`: what never changes.
    `load`: how many machines factor 1 keeps busy around the clock, at most `gpus`; 0: not measured. `on_demand`: the
    sessions. Raises `ValueError` for a load beyond the machines.
    """

    api_nano: int
    slope_nano: int
    bill_nano: int
    fixed_nano: int
    gpus: int = 1
    load: Fraction = Fraction(0)
    on_demand: OnDemandCost = NO_SESSIONS

    def __post_init__(self) -> None:
        if self.load > self.gpus:
            msg = f"{self.gpus} machines cannot be filled by {self.load}"
            raise ValueError(msg)

    def gpus_at(self, factor: Fraction) -> int:
        """Machines that are needed, and at least those that are paid for."""
        return max(self.gpus, ceil(factor * self.load))

    def nano_at(self, factor: Fraction, gpus: int | None = None) -> Fraction:
        """Self-hosted cost, with that many machines (None: as many as are needed)."""
        return self._steps_at(factor, gpus) + factor * self.slope_nano

    def pays_at(self, factor: Fraction) -> bool:
        """Whether the API would cost more."""
        return self.nano_at(factor) < factor * self.api_nano

    @property
    def never(self) -> Never | None:
        """Say why it pays at no volume; None: it pays at some."""
        if self._gain <= self.on_demand.slope:
            return "each_record"
        return "full_machine" if self._margin <= 0 else None

    @property
    def first(self) -> Fraction | None:
        """Lowest factor above which it pays; None: no volume pays."""
        return None if self.never else self._climb(Fraction(0))

    @property
    def for_good(self) -> Fraction | None:
        """Factor above which it pays whatever the volume; None: none does."""
        return None if self.never else self._fall(self._sure)

    def crossings(self) -> Iterator[Crossing]:
        """Yield all crossings, the lowest first; there can be very many."""
        factor, good = self.first, self.for_good
        while factor is not None and good is not None:
            yield Crossing(factor, pays_above=True, gpus=self._gpus_above(factor))
            stop = self._find_stop(factor, good)
            if stop is None:
                return
            yield Crossing(stop, pays_above=False, gpus=self._gpus_above(stop))
            factor = self._climb(stop)

    def nearest_flip(self) -> tuple[Fraction, bool] | None:
        """Return the factor nearest to 1 at which the answer at 1 flips, and whether it has flipped there already.

        If not, it flips just beyond, on the side away from 1. What pays only just below a step is passed over where
        today's volume does not pay. None: it is the same at every volume.
        """
        good = self.for_good
        if good is None:
            return None
        if not self.pays_at(Fraction(1)):
            return self._climb(Fraction(1)), False
        if self._steps_above(Fraction(1)) > self._gain:
            return Fraction(1), False
        down, up = self._fall(Fraction(1)), self._find_stop(Fraction(1), good)
        if up is not None and up - 1 < 1 - down:
            return up, False
        return down, True

    def _climb(self, factor: Fraction) -> Fraction:
        """Return the lowest factor, `factor` or more, just above which it pays; only where some volume does."""
        factor = max(factor, self._least)
        for _ in range(MOST_ROUNDS):
            even = self._steps_above(factor) / self._gain
            if even <= factor:
                return factor
            factor = even
        return self._sure

    def _fall(self, factor: Fraction) -> Fraction:
        """Return the highest factor, `factor` or less, at which it does not pay; from one at which it does, or is even."""
        for _ in range(MOST_ROUNDS):
            even = self._steps_at(factor) / self._gain
            if even >= factor:
                return factor
            factor = even
        return factor

    def _find_stop(self, factor: Fraction, good: Fraction) -> Fraction | None:
        """Return the next step beyond `factor` just above which it does not pay; None: from here on it pays for good."""
        for _ in range(MOST_ROUNDS):
            if factor >= good:
                return None
            steps = [self.on_demand.next_step(factor), self._next_machine(factor)]
            factor = min(step for step in (*steps, good) if step is not None)
            if factor < good and self._steps_above(factor) > factor * self._gain:
                return factor
        return None

    def _next_machine(self, factor: Fraction) -> Fraction | None:
        if not self.load or not self.bill_nano:
            return None
        return self._gpus_above(factor) / self.load

    def _gpus_above(self, factor: Fraction) -> int:
        return max(self.gpus, floor(factor * self.load) + 1 if self.load else 0)

    def _steps_at(self, factor: Fraction, gpus: int | None = None) -> Fraction:
        """Return all that does not grow smoothly, at a factor."""
        machines = self.gpus_at(factor) if gpus is None else gpus
        return self.fixed_nano + self._machine * machines + self.on_demand.nano_at(factor)

    def _steps_above(self, factor: Fraction) -> Fraction:
        return self.fixed_nano + self._machine * self._gpus_above(factor) + self.on_demand.nano_above(factor)

    @property
    def _machine(self) -> Fraction:
        return Fraction(self.bill_nano, self.gpus)

    @property
    def _gain(self) -> int:
        """What is saved on the API."""
        return self.api_nano - self.slope_nano

    @property
    def _margin(self) -> Fraction:
        """What is saved in the long run, where machines and sessions are full."""
        return self._gain - self.on_demand.slope - self._machine * self.load

    @property
    def _least(self) -> Fraction:
        """A factor below which it surely does not pay: the machines of today, sessions without rounding."""
        return (self.fixed_nano + self.bill_nano + self.on_demand.least) / (self._gain - self.on_demand.slope)

    @property
    def _sure(self) -> Fraction:
        """A factor from which on it surely pays: one more machine than is filled, all rounding against it."""
        most = self.on_demand.least + self.on_demand.rounding
        return (self.fixed_nano + self.bill_nano + self._machine + most) / self._margin


def project_costs(period: Period, api_nano: int) -> Mapping[SelfHosted, CostOverVolume | None]:
    """Return how each self-hosted scenario's cost grows with volume, against a way of the API at this month's cost.

    None where it has no rate, or no machine; spot machines are only there where they have one.
    """
    hybrid = (
        None if period.mode == "none" else _project(period, api_nano, period.reserved_nano, period.on_demand)
    )
    return {
        "reserved": _project(period, api_nano, period.as_reserved_nano, NO_SESSIONS),
        "on_demand": _project(period, api_nano, 0, period.as_on_demand),
        **({} if period.as_spot is None else {"spot": _project(period, api_nano, 0, period.as_spot)}),
        "hybrid": hybrid,
    }


def _project(
    period: Period, api_nano: int, reserved: int | None, on_demand: OnDemandCost | None
) -> CostOverVolume | None:
    if reserved is None or on_demand is None:
        return None
    gpus = period.gpus if reserved else max(1, ceil(period.load))  # on demand, they come as they are needed
    return CostOverVolume(
        api_nano, period.sent_nano, reserved, period.labour_nano, gpus, period.load, on_demand
    )


def find_break_even(name: SelfHosted, cost: CostOverVolume | None, records: int) -> BreakEven:
    """Return where a scenario meets the API; `records`: of the month at factor 1. `cost` None: it is not known."""
    if cost is None:
        return BreakEven(name, None, None, None, None, None, (), None, None)
    fixed = half_up(cost.bill_nano + cost.fixed_nano + cost.on_demand.nano_at(Fraction(0)))
    factor = cost.first
    crossings = tuple(islice(cost.crossings(), MOST_CROSSINGS))
    spend = None if factor is None else half_up(factor * cost.api_nano)
    nothing = not cost.api_nano and not cost.slope_nano
    if nothing:
        spend = fixed  # nothing was run: what is fixed is all that is known, and what the API's bill would have to exceed
    return BreakEven(
        name=name,
        fixed_nano=fixed,
        spend_nano=spend,
        factor=factor,
        records=None if factor is None else ceil(factor * records),
        gpus=crossings[0].gpus if crossings else None,
        crossings=crossings,
        for_good=cost.for_good,
        never=None if nothing else cost.never,
    )
