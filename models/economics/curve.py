"""Points of cost over volume, for a chart: enough for straight lines, both sides of each step, and today's. Exact."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor

from models.economics.cost_over_volume import CostOverVolume
from models.economics.figures_outlook import CurvePoint, SelfHosted
from models.economics.pricing import half_up
from models.economics.scenarios import Period

PIECES = 40
MOST_STEPS = 60
"""Where more machines than this come within the chart, their steps are too small to be drawn each."""


def draw_curve(period: Period, costs: Mapping[SelfHosted, CostOverVolume | None]) -> tuple[CurvePoint, ...]:
    """Return points from no volume to beyond the break-even, at least twice this month's volume."""
    top = _top(costs)
    factors = {top * place / PIECES for place in range(PIECES + 1)}
    factors |= {Fraction(1), *(first for first in _firsts(costs) if first <= top)}
    steps = _steps(period, top)
    at = {(factor, _gpus(period, factor)) for factor in factors | steps}
    at |= {(factor, _gpus(period, factor) + 1) for factor in steps}
    return tuple(_point(period, costs, factor, gpus) for factor, gpus in sorted(at))


def _firsts(costs: Mapping[SelfHosted, CostOverVolume | None]) -> list[Fraction]:
    return [first for cost in costs.values() if cost is not None and (first := cost.first) is not None]


def _top(costs: Mapping[SelfHosted, CostOverVolume | None]) -> Fraction:
    """End a quarter beyond the break-even of the hybrid, else of any other way that has one."""
    hybrid = costs["hybrid"]
    first = None if hybrid is None else hybrid.first
    beyond = first if first is not None else min(_firsts(costs), default=Fraction(0))
    return max(Fraction(2), Fraction(ceil(beyond * 5 / 4)))


def _steps(period: Period, top: Fraction) -> set[Fraction]:
    last = floor(top * period.load)
    if last - period.gpus >= MOST_STEPS:
        return set()
    return {gpus / period.load for gpus in range(period.gpus, last + 1)}


def _gpus(period: Period, factor: Fraction) -> int:
    return max(period.gpus, ceil(factor * period.load))


def _point(
    period: Period,
    costs: Mapping[SelfHosted, CostOverVolume | None],
    factor: Fraction,
    gpus: int,
) -> CurvePoint:
    names: tuple[SelfHosted, ...] = ("reserved", "on_demand", "hybrid", "spot")
    reserved, on_demand, hybrid, spot = (
        None if (cost := costs.get(name)) is None else half_up(cost.nano_at(factor, gpus)) for name in names
    )
    return CurvePoint(
        factor=factor,
        records=half_up(factor * period.records),
        gpus=gpus,
        api_sync_nano=half_up(factor * period.api_sync_nano),
        api_batch_nano=half_up(factor * period.api_batch_nano),
        reserved_nano=reserved,
        on_demand_nano=on_demand,
        hybrid_nano=hybrid,
        spot_nano=spot,
    )
