"""What would flip the verdict: by how much one thing, all else as it is, must change. Exact.

With the cost S of a way of the API, what the API really cost A, the bill for machines G (of which D on demand
and R reserved) and maintenance M, self-hosting pays if S > A + G + M:

- price p of the API: p (S - A) > G + M, since what goes to the API costs p as well
- GPU rate r: r G < S - A - M
- maintenance hours: M < S - A - G
- volume: see `models.economics.cost_over_volume`
- utilization: on demand, the same work in fewer billed hours: D x (utilization now / then) < S - A - M - R. On
  reserved machines only, more work in the same hours: as volume, but only until those machines are full.
"""

from dataclasses import dataclass
from fractions import Fraction

from models.economics.figures_outlook import ApiWay, Lever, LeverName
from models.economics.scenarios import Period

ONE = Fraction(1)


def find_levers(period: Period, against: ApiWay, flip: tuple[Fraction, bool] | None) -> tuple[Lever, ...]:
    """Return all levers of the verdict on what really ran, against a way of the API.

    `flip`: the volume at which it flips, and whether at it.
    """
    return _Levers(period, period.api_way_nano(against), flip).list()


def no_levers() -> tuple[Lever, ...]:
    """Return levers that lead nowhere, for a month without machines."""
    names: tuple[LeverName, ...] = ("price", "volume", "utilization", "gpu_rate", "hours")
    return tuple(Lever(name, None, None, at_threshold=False) for name in names)


@dataclass(frozen=True, slots=True)
class _Levers:
    period: Period
    api_nano: int
    flip: tuple[Fraction, bool] | None

    def list(self) -> tuple[Lever, ...]:
        period = self.period
        return (
            Lever("price", ONE, self._price(), at_threshold=self._pays),
            self._volume(),
            Lever("utilization", period.utilization, self._utilization(), at_threshold=self._pays),
            Lever("gpu_rate", ONE, self._gpu_rate(), at_threshold=self._pays),
            Lever("hours", period.labour_hours, self._hours(), at_threshold=self._pays),
        )

    @property
    def _replaced(self) -> int:
        """What no longer goes to the API."""
        return self.api_nano - self.period.api_nano

    @property
    def _pays(self) -> bool:
        return self._replaced > self.period.gpu_nano + self.period.labour_nano

    def _price(self) -> Fraction | None:
        own = self.period.gpu_nano + self.period.labour_nano
        return Fraction(own, self._replaced) if self._replaced > 0 else None

    def _volume(self) -> Lever:
        if self.flip is None:
            return Lever("volume", ONE, None, at_threshold=False)
        return Lever("volume", ONE, self.flip[0], at_threshold=self.flip[1])

    def _utilization(self) -> Fraction | None:
        period, now = self.period, self.period.utilization
        if not now:
            return None
        if period.on_demand_nano:
            left = self._replaced - period.labour_nano - period.reserved_nano
            then = now * period.on_demand_nano / left if left > 0 else None
            return then if then is not None and (self._pays or then < 1) else None
        factor = self._price()
        room = period.gpus / period.load if period.load else None
        return None if factor is None or not (self._pays or room is None or factor < room) else now * factor

    def _gpu_rate(self) -> Fraction | None:
        left = self._replaced - self.period.labour_nano
        return Fraction(left, self.period.gpu_nano) if left > 0 and self.period.gpu_nano else None

    def _hours(self) -> Fraction | None:
        period = self.period
        left = self._replaced - period.gpu_nano
        if left > 0 and period.labour_nano:
            return period.labour_hours * left / period.labour_nano
        return (
            Fraction(left, period.engineer_nano_per_hour)
            if left > 0 and period.engineer_nano_per_hour
            else None
        )
