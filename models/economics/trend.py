"""When volume will be enough for self-hosting to pay, at the growth that was observed. Exact.

A straight line through the records of each month, by least squares: with growth that compounds this is late
rather than early, and it needs no month without usage to be left out.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from models.economics.cost_over_volume import CostOverVolume
from models.economics.figures_outlook import Trend, TrendState
from models.months import months_later

LEAST_MONTHS = 3
"""Fewer months show no growth: two always lie on a line."""
HORIZON = 120
"""Months ahead that are looked at."""


def fit_slope(values: Sequence[int]) -> Fraction:
    """Return the slope of the least-squares line through values at 0, 1, 2, ... Raises `ValueError` for fewer than two."""
    count = len(values)
    if count < 2:  # noqa: PLR2004  a line needs two points
        msg = f"{count} values have no slope"
        raise ValueError(msg)
    middle = Fraction(count - 1, 2)
    spread = Fraction(count * (count * count - 1), 12)  # sum of squared distances from the middle
    return sum(((place - middle) * value for place, value in enumerate(values)), Fraction(0)) / spread


def find_trend(month: date, records: Sequence[int], cost: CostOverVolume | None) -> Trend:
    """Look for the first month after `month` in which volume pays.

    `records`: of earlier months, oldest first, and last of `month` itself, without gaps. `cost`: the
    hybrid's over multiples of this month's volume; None: nothing was self-hosted.
    """
    growth = fit_slope(records) if len(records) >= LEAST_MONTHS else None
    state = _state(records[-1], growth, cost)
    crossing = None
    if state == "crosses" and growth is not None and cost is not None:
        crossing = _first_month(month, growth / records[-1], cost)
        state = "crosses" if crossing else "beyond_horizon"
    return Trend(state, len(records), growth, crossing)


def _state(records: int, growth: Fraction | None, cost: CostOverVolume | None) -> TrendState:
    """Say why there is no month to look for; `crosses` if there may be one."""
    if cost is None:
        return "no_gpu"
    if cost.pays_at(Fraction(1)):
        return "already_pays"
    if growth is None:
        return "too_few_months"
    if cost.first is None:
        return "never_pays"
    return "crosses" if growth > 0 and records else "not_growing"


def _first_month(month: date, growth: Fraction, cost: CostOverVolume) -> date | None:
    """Return the first month that pays; `growth`: by how much of this month's volume it grows each month."""
    ahead = (count for count in range(1, HORIZON + 1) if cost.pays_at(1 + count * growth))
    first = next(ahead, None)
    return None if first is None else months_later(month, first)
