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

from dataclasses import dataclass
from fractions import Fraction

from models.economics.cost_over_volume import CostOverVolume
from models.economics.figures import Lever, LeverName
from models.economics.scenarios import Period

ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Stand:
    """What a verdict stands on; nano-dollars.

    `load`: how many of `gpus` machines are kept busy, 0 where not measured. `utilization`: busy / billed time.
    `room`: the highest multiple of its volume that the machines serve; None: more machines come as needed.
    `labour_nano`: `labour_hours`, a month, at the engineer's rate.
    """

    api_sync_nano: int
    api_nano: int
    reserved_nano: int
    on_demand_nano: int
    labour_nano: int
    labour_hours: Fraction
    engineer_nano_per_hour: int = 0
    utilization: Fraction | None = None
    gpus: int = 1
    load: Fraction = Fraction(0)
    room: Fraction | None = None

    @classmethod
    def of(cls, period: Period, utilization: Fraction | None = None, room: Fraction | None = None) -> "Stand":
        """Return what the verdict on a period's hybrid stands on."""
        return cls(
            api_sync_nano=period.api_sync_nano,
            api_nano=period.api_nano,
            reserved_nano=period.reserved_nano,
            on_demand_nano=period.on_demand_nano,
            labour_nano=period.labour_nano,
            labour_hours=period.labour_hours,
            engineer_nano_per_hour=period.engineer_nano_per_hour,
            utilization=utilization,
            gpus=period.gpus,
            load=period.load,
            room=room,
        )

    @property
    def gpu_nano(self) -> int:
        """The bill for machines."""
        return self.reserved_nano + self.on_demand_nano

    @property
    def pays(self) -> bool:
        """Whether self-hosting costs less, as far as it is known."""
        return self.api_sync_nano > self.api_nano + self.gpu_nano + self.labour_nano

    @property
    def over_volume(self) -> CostOverVolume:
        """Its cost at other volumes."""
        return CostOverVolume(
            api_nano=self.api_sync_nano,
            slope_nano=self.api_nano + self.on_demand_nano,
            bill_nano=self.reserved_nano,
            fixed_nano=self.labour_nano,
            gpus=self.gpus,
            load=Fraction(0) if self.room is not None else self.load,
        )


def levers(stand: Stand) -> tuple[Lever, ...]:
    """Return all levers of a verdict."""
    return (_price(stand), _volume(stand), _utilization(stand), _gpu_rate(stand), _hours(stand))


def no_levers() -> tuple[Lever, ...]:
    """Return levers that lead nowhere, for a month without machines."""
    names: tuple[LeverName, ...] = ("price", "volume", "utilization", "gpu_rate", "hours")
    return tuple(Lever(name, None, None, at_threshold=False) for name in names)


def _price(stand: Stand) -> Lever:
    replaced = stand.api_sync_nano - stand.api_nano
    even = Fraction(stand.gpu_nano + stand.labour_nano, replaced) if replaced > 0 else None
    return Lever("price", ONE, even, at_threshold=stand.pays)


def _volume(stand: Stand) -> Lever:
    flip = stand.over_volume.nearest_flip()
    full = stand.room is not None and flip is not None and not flip[1] and flip[0] >= stand.room
    if flip is None or full:
        return Lever("volume", ONE, None, at_threshold=False)
    return Lever("volume", ONE, flip[0], at_threshold=flip[1])


def _utilization(stand: Stand) -> Lever:
    now = stand.utilization
    then = None if not now else _busier(stand, now)
    return Lever("utilization", now, then, at_threshold=stand.pays)


def _busier(stand: Stand, now: Fraction) -> Fraction | None:
    if stand.on_demand_nano:
        left = stand.api_sync_nano - stand.api_nano - stand.labour_nano - stand.reserved_nano
        then = now * stand.on_demand_nano / left if left > 0 else None
        return then if then is not None and (stand.pays or then < 1) else None
    gain = stand.api_sync_nano - stand.api_nano
    if gain <= 0:
        return None
    factor = Fraction(stand.gpu_nano + stand.labour_nano, gain)
    room = stand.room if stand.room is not None else stand.gpus / stand.load if stand.load else None
    return now * factor if stand.pays or room is None or factor < room else None


def _gpu_rate(stand: Stand) -> Lever:
    left = stand.api_sync_nano - stand.api_nano - stand.labour_nano
    even = Fraction(left, stand.gpu_nano) if left > 0 and stand.gpu_nano else None
    return Lever("gpu_rate", ONE, even, at_threshold=stand.pays)


def _hours(stand: Stand) -> Lever:
    left = stand.api_sync_nano - stand.api_nano - stand.gpu_nano
    even = None
    if left > 0 and stand.labour_nano:
        even = stand.labour_hours * left / stand.labour_nano
    elif left > 0 and stand.engineer_nano_per_hour:
        even = Fraction(left, stand.engineer_nano_per_hour)
    return Lever("hours", stand.labour_hours, even, at_threshold=stand.pays)
