"""How a scenario's monthly cost grows with volume, against the API's: where it starts to pay, and where it stops.

Self-hosting costs `fixed` + the bill for machines + `slope` x volume. One machine serves so much and no more: beyond
that another one is needed, and a reserved bill takes a step. So there can be several crossings: it may start
to pay shortly before a step, stop at the step, and start again. Exact: integers and `Fraction`s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import ceil, floor

from models.economics.figures_outlook import BreakEven, Crossing, SelfHosted
from models.economics.pricing import half_up
from models.economics.scenarios import Period

MOST_CROSSINGS = 12
"""Crossings that are listed; where more exist, the rest lie between the last listed and `for_good`."""


@dataclass(frozen=True, slots=True)
class CostOverVolume:
    """Monthly costs at a multiple (`factor`) of this month's volume; nano-dollars, none negative.

    `api_nano`: the API at once at factor 1. `slope_nano`: what grows with volume, at factor 1. `bill_nano`: what
    `gpus` machines cost, of which there are never fewer. `fixed_nano`: what never changes.
    `load`: how many machines factor 1 keeps busy around the clock, at most `gpus`; 0: not measured.
    Raises `ValueError` for more.
    """

    api_nano: int
    slope_nano: int
    bill_nano: int
    fixed_nano: int
    gpus: int = 1
    load: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.load > self.gpus:
            msg = f"{self.gpus} machines cannot be filled by {self.load}"
            raise ValueError(msg)

    def gpus_at(self, factor: Fraction) -> int:
        """Machines that are needed, and at least those that are paid for."""
        return max(self.gpus, ceil(factor * self.load))

    def nano_at(self, factor: Fraction, gpus: int | None = None) -> Fraction:
        """Self-hosted cost, with that many machines (None: as many as are needed)."""
        machines = self.gpus_at(factor) if gpus is None else gpus
        return self.fixed_nano + Fraction(self.bill_nano * machines, self.gpus) + factor * self.slope_nano

    def pays_at(self, factor: Fraction) -> bool:
        """Whether the API at once would cost more."""
        return self.nano_at(factor) < factor * self.api_nano

    @property
    def first(self) -> Fraction | None:
        """Lowest factor above which it pays; None: no volume pays."""
        gpus = self._first_gpus
        return None if gpus is None else self._even(gpus)

    @property
    def for_good(self) -> Fraction | None:
        """Factor above which it pays whatever the volume; None: none does."""
        if self._first_gpus is None:
            return None
        good = self._good_gpus
        return self._even(self.gpus if good is None else max(self.gpus, good - 1))

    def crossings(self) -> Iterator[Crossing]:
        """Yield all crossings, the lowest first; there can be very many."""
        gpus = self._first_gpus
        if gpus is None:
            return
        yield Crossing(self._even(gpus), pays_above=True, gpus=gpus)
        good = self._good_gpus
        while good is not None and gpus + 1 < good:
            yield Crossing(gpus / self.load, pays_above=False, gpus=gpus + 1)
            gpus += 1
            yield Crossing(self._even(gpus), pays_above=True, gpus=gpus)

    def nearest_flip(self) -> tuple[Fraction, bool] | None:
        """Return the factor nearest to 1 at which the answer at 1 flips, and whether it has flipped there already.

        If not, it flips just beyond, on the side away from 1. None: it is the same at every volume.
        """
        if self.first is None:
            return None
        if not self.pays_at(Fraction(1)):
            return self.first, False
        down, good = (self._even(self.gpus), True), self._good_gpus
        if good is None or self.gpus + 1 >= good:
            return down
        return min(down, (self.gpus / self.load, False), key=lambda flip: abs(flip[0] - 1))

    def _even(self, gpus: int) -> Fraction:
        """Return the factor at which so many machines cost what the API does."""
        return (self.fixed_nano + self._machine * gpus) / Fraction(self.api_nano - self.slope_nano)

    @property
    def _machine(self) -> Fraction:
        return Fraction(self.bill_nano, self.gpus)

    @property
    def _gain(self) -> Fraction:
        """What a machine that is busy all month saves, above what it costs."""
        return (self.api_nano - self.slope_nano) / self.load - self._machine

    @property
    def _first_gpus(self) -> int | None:
        """Fewest machines that pay when they are full; None: no number does."""
        if self.api_nano <= self.slope_nano:
            return None
        if not self.load or not self.bill_nano:
            return max(self.gpus, floor(self._even(self.gpus) * self.load) + 1)
        if self._gain <= 0:
            return None
        return max(self.gpus, floor(self.fixed_nano / self._gain) + 1)

    @property
    def _good_gpus(self) -> int | None:
        """From this number of machines on, it pays even when the last one has nothing to do; None: no steps."""
        if not self.load or not self.bill_nano:
            return None
        full = (self.api_nano - self.slope_nano) / self.load
        return ceil((self.fixed_nano + full) / self._gain)


def project_costs(period: Period) -> Mapping[SelfHosted, CostOverVolume | None]:
    """Return how each self-hosted scenario's cost grows with volume; None where it has no rate, or no machine."""
    return {
        "reserved": _project(period, period.as_reserved_nano, 0),
        "on_demand": _project(period, 0, period.as_on_demand_nano),
        "hybrid": project_hybrid(period),
    }


def project_hybrid(period: Period) -> CostOverVolume | None:
    """Return how the hybrid's cost grows with volume, within its `room` on the same machines; None without a machine."""
    if period.mode == "none":
        return None
    varying = period.api_nano + period.on_demand_nano
    load = Fraction(0) if period.room is not None else period.load
    return CostOverVolume(
        period.api_sync_nano, varying, period.reserved_nano, period.labour_nano, period.gpus, load
    )


def _project(period: Period, fixed: int | None, varying: int | None) -> CostOverVolume | None:
    if fixed is None or varying is None:
        return None
    return CostOverVolume(period.api_sync_nano, varying, fixed, period.labour_nano, period.gpus, period.load)


def find_break_even(
    name: SelfHosted, cost: CostOverVolume | None, records: int, room: Fraction | None = None
) -> BreakEven:
    """Return where a scenario meets the API; `records`: of the month at factor 1. `cost` None: it is not known.

    `room`: the highest factor that the machines serve; what lies beyond does not count. None: there is none.
    """
    if cost is None:
        return BreakEven(name, None, None, None, None, None, (), None)
    fixed, factor = cost.bill_nano + cost.fixed_nano, cost.first
    if room is not None and factor is not None and factor >= room:
        return BreakEven(name, fixed, None, None, None, None, (), None)
    crossings = tuple(islice(cost.crossings(), MOST_CROSSINGS))
    spend = None if factor is None else half_up(factor * cost.api_nano)
    if not cost.api_nano and not cost.slope_nano:
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
    )
