"""What to do by a forecast: the cheapest way, beside the cheapest of the other kind, and whether the error decides it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from models.economics.demand import SpeedCase
from models.economics.forecast import ESTIMATE, ErrorCase, Forecast
from models.economics.ways import ServingWay


@dataclass(frozen=True, slots=True)
class WayRange:
    """What one way costs over all months, set-up included, and the least and the most that the error allows."""

    way: ServingWay
    nano: int
    low_nano: int
    high_nano: int
    gpus: int


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """The cheapest way, and how much it saves against the cheapest of the other kind: the API alone, or a machine with it.

    `against` None: the other kind is not known. `low_nano`, `high_nano`: the saving in the worst and in the best of the
    cases that the error leaves open. `ways`: all that are known, the cheapest first.
    """

    way: ServingWay
    against: ServingWay | None
    saving_nano: int
    low_nano: int
    high_nano: int
    ways: tuple[WayRange, ...]

    @property
    def close(self) -> bool:
        """Whether the error is larger than the saving: which is cheaper cannot be said."""
        return self.against is not None and self.low_nano < 0

    @property
    def total_nano(self) -> int:
        """What the cheapest way costs over all months, set-up included."""
        return next(one.nano for one in self.ways if one.way == self.way)


def find_answer(figures: Forecast) -> ForecastAnswer:
    """Compare all ways that are known, at the estimate and in every case that its error leaves open."""
    at_estimate = figures.possible
    cases = [at_estimate, *(figures.possible_in(case) for case in list_cases(figures))]
    best = figures.cheapest
    others = [way for way in at_estimate if (way.own is None) != (best.own is None)]
    against = min(others, key=lambda way: at_estimate[way], default=None)
    savings = [_saving(case, own=best.own is not None) for case in cases] if others else [0]
    gpus = {way.name: max(month.costs[way.name].gpus for month in figures.months) for way in at_estimate}
    ranges = [
        WayRange(
            way,
            nano,
            min(case[way] for case in cases),
            max(case[way] for case in cases),
            gpus[way.name],
        )
        for way, nano in sorted(at_estimate.items(), key=lambda one: one[1])
    ]
    return ForecastAnswer(best, against, savings[0], min(savings), max(savings), tuple(ranges))


def list_cases(figures: Forecast) -> list[ErrorCase]:
    """Return the corners of what could be: means at the ends of their interval, a machine as fast and as slow as it can be."""
    total = figures.totals["api_sync"]
    share = Fraction(figures.margin_nano or 0, total) if total else Fraction(0)
    lengths = [max(Fraction(0), 1 - share), 1 + share] if share else [Fraction(1)]
    measured = all(demand.measured for demand in figures.demands)
    speeds: tuple[SpeedCase, ...] = ("estimated",) if measured else ("fast", "slow")
    cases = [ErrorCase(length, speed) for length, speed in product(lengths, speeds)]
    return [case for case in cases if case != ESTIMATE]


def _saving(totals: Mapping[ServingWay, int], *, own: bool) -> int:
    """Return what the cheapest way of one kind saves against the cheapest of the other."""
    with_machine = min(nano for way, nano in totals.items() if way.own is not None)
    without = min(nano for way, nano in totals.items() if way.own is None)
    return without - with_machine if own else with_machine - without
