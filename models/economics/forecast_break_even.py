"""Where a machine of one's own meets the API, in each month to come, and how far an estimated speed moves that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import ceil

from models.economics.cost_over_volume import CostOverVolume, find_break_even, project_costs
from models.economics.figures_outlook import ApiWay, BreakEven
from models.economics.forecast import ErrorCase, Forecast, ForecastMonth
from models.economics.pricing import half_up
from models.economics.scenarios import Period
from models.economics.ways import API_WAYS, OWN_WAYS, OwnWay
from models.months import days_in


@dataclass(frozen=True, slots=True)
class MonthlyBreakEven:
    """Where one way of one's own meets one way of the API at a month's mix, prices and terms.

    `fast`, `slow`: the lowest multiple of the volume that pays with a machine as fast and as slow as its estimated speed
    can be (None: none does); that of `found` where the speed was measured. `own_nano`, `asked_nano`: what a thousand
    further records cost on a machine that is there, and on the API; `full_nano`: what the records of a full
    machine cost on the API in a month (None: not measured).
    """

    month: date
    records: int
    found: BreakEven
    fast: Fraction | None
    slow: Fraction | None
    own_nano: int
    asked_nano: int
    full_nano: int | None

    def daily(self, factor: Fraction | None) -> int | None:
        """Return the records a day of a multiple of the volume."""
        return None if factor is None else ceil(Fraction(ceil(factor * self.records), days_in(self.month)))

    @property
    def uncertain(self) -> bool:
        """Whether the error of the speed decides if any volume pays."""
        return (self.fast is None) != (self.slow is None)


BreakEvens = Mapping[tuple[OwnWay, ApiWay], Sequence[MonthlyBreakEven]]


def find_break_evens(figures: Forecast) -> BreakEvens:
    """Return the break-even of each pair in each month; in batches only where a workload can wait for them, on spot where it has a rate."""
    first = figures.months[0]
    owned = [own for own in OWN_WAYS if own != "spot" or first.nano(own) is not None]
    pairs = [(own, api) for own in owned for api in API_WAYS if first.nano(api) is not None]
    months = [_find_in_month(figures, place, pairs) for place in range(len(figures.months))]
    return {pair: [month[pair] for month in months] for pair in pairs}


def find_against(figures: Forecast, nano: int) -> int | None:
    """Return the records a day from which a reserved machine costs less than an API that asks this much in the first month.

    None: at no volume, or its rate is not known.
    """
    month = figures.months[0]
    cost = project_costs(month.period, nano)["reserved"]
    if cost is None or cost.first is None:
        return None
    return ceil(Fraction(ceil(cost.first * month.records), days_in(month.month)))


def list_changes(months: Sequence[ForecastMonth]) -> Iterator[int]:
    """Yield the places of the months in which the API's prices are others than in the month before, the first one's too."""
    for place, month in enumerate(months):
        if place == 0 or month.prices != months[place - 1].prices:
            yield place


def _find_in_month(
    figures: Forecast, place: int, pairs: Sequence[tuple[OwnWay, ApiWay]]
) -> dict[tuple[OwnWay, ApiWay], MonthlyBreakEven]:
    month = figures.months[place]
    found = {}
    for own, api in pairs:
        cost = _over_volume(figures, month.period, own, api)
        asked = month.period.api_way_nano(api)
        full = half_up(asked / month.load) if month.load else None
        slope = Fraction(0) if cost is None else cost.on_demand.slope
        found[own, api] = MonthlyBreakEven(
            month.month,
            month.records,
            find_break_even(own, cost, month.records),
            _first(cost, figures.time_factor(ErrorCase(speed="fast"), month)),
            _first(cost, figures.time_factor(ErrorCase(speed="slow"), month)),
            half_up(1000 * slope / month.records),
            half_up(Fraction(1000 * asked, month.records)),
            full,
        )
    return found


def _over_volume(figures: Forecast, period: Period, own: OwnWay, api: ApiWay) -> CostOverVolume | None:
    if own == "on_demand" and figures.serving.hourly() is None:
        return None
    return project_costs(period, period.api_way_nano(api)).get(own)


def _first(cost: CostOverVolume | None, time: Fraction) -> Fraction | None:
    """Return the lowest multiple of the volume that pays with a machine that takes `time` times as long.

    A volume v then costs what v x `time` would: against an API that asks 1 / `time` of its price for each of these.
    """
    if cost is None:
        return None
    first = replace(cost, api_nano=half_up(cost.api_nano / time)).first
    return None if first is None else first / time
