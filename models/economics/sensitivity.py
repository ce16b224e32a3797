"""What would flip the verdict: by how much one thing, all else as it is, must change. Exact.

With the API's cost at once S, what the API really cost A, the bill for machines G (of which D on demand
and R reserved) and maintenance M, self-hosting pays if S > A + G + M:

- price p of the API: p (S - A) > G + M, since what goes to the API costs p as well
- GPU rate r: r G < S - A - M
- maintenance hours: M < S - A - G
- volume: see `models.economics.cost_over_volume`
- utilization: on demand, the same work in fewer billed hours: D x (utilization now / then) < S - A - M - R. On
  reserved machines only, more work in the same hours: as volume, but only until those machines are full.
"""

from fractions import Fraction

from models.economics.figures_outlook import Lever, LeverName
from models.economics.scenarios import Period

ONE = Fraction(1)


def find_levers(period: Period, flip: tuple[Fraction, bool] | None) -> tuple[Lever, ...]:
    """Return all levers of the verdict on a period's hybrid; `flip`: the volume at which it flips, and whether at it."""
    return (
        _price(period),
        _volume(period, flip),
        _utilization(period),
        _gpu_rate(period),
        _hours(period),
    )


def no_levers() -> tuple[Lever, ...]:
    """Return levers that lead nowhere, for a month without machines."""
    names: tuple[LeverName, ...] = ("price", "volume", "utilization", "gpu_rate", "hours")
    return tuple(Lever(name, None, None, at_threshold=False) for name in names)


def _price(period: Period) -> Lever:
    replaced = period.api_sync_nano - period.api_nano
    even = Fraction(period.gpu_nano + period.labour_nano, replaced) if replaced > 0 else None
    return Lever("price", ONE, even, at_threshold=period.pays)


def _volume(period: Period, flip: tuple[Fraction, bool] | None) -> Lever:
    full = period.room is not None and flip is not None and not flip[1] and flip[0] >= period.room
    if flip is None or full:
        return Lever("volume", ONE, None, at_threshold=False)
    return Lever("volume", ONE, flip[0], at_threshold=flip[1])


def _utilization(period: Period) -> Lever:
    now = period.utilization
    then = None if not now else _find_utilization(period, now)
    return Lever("utilization", now, then, at_threshold=period.pays)


def _find_utilization(period: Period, now: Fraction) -> Fraction | None:
    if period.on_demand_nano:
        left = period.api_sync_nano - period.api_nano - period.labour_nano - period.reserved_nano
        then = now * period.on_demand_nano / left if left > 0 else None
        return then if then is not None and (period.pays or then < 1) else None
    gain = period.api_sync_nano - period.api_nano
    if gain <= 0:
        return None
    factor = Fraction(period.gpu_nano + period.labour_nano, gain)
    room = period.room if period.room is not None else period.gpus / period.load if period.load else None
    return now * factor if period.pays or room is None or factor < room else None


def _gpu_rate(period: Period) -> Lever:
    left = period.api_sync_nano - period.api_nano - period.labour_nano
    even = Fraction(left, period.gpu_nano) if left > 0 and period.gpu_nano else None
    return Lever("gpu_rate", ONE, even, at_threshold=period.pays)


def _hours(period: Period) -> Lever:
    left = period.api_sync_nano - period.api_nano - period.gpu_nano
    even = None
    if left > 0 and period.labour_nano:
        even = period.labour_hours * left / period.labour_nano
    elif left > 0 and period.engineer_nano_per_hour:
        even = Fraction(left, period.engineer_nano_per_hour)
    return Lever("hours", period.labour_hours, even, at_threshold=period.pays)
