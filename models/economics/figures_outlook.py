"""Figures of what would change a month's verdict: volume, growth, a price, and when the set-up is paid back.

Money is integer nano-dollars; ratios are exact `Fraction`s; None does not exist or is not known, never 0.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

SelfHosted = Literal["reserved", "on_demand", "spot", "hybrid"]
ApiWay = Literal["api_sync", "api_batch"]
Never = Literal["each_record", "full_machine"]
"""Why no volume pays: each further record costs no less than on the API; or a machine that is full all month does not."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A multiple of this month's volume at which a scenario starts to pay, or stops to.

    `pays_above`: it pays just above `factor`. `gpus`: needed just above. A stop is where another GPU is needed.
    """

    factor: Fraction
    pays_above: bool
    gpus: int


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where one self-hosted scenario meets a way of the API.

    `fixed_nano`: its monthly cost that does not grow with volume (reserved bill, loads, maintenance), None where a
    rate is not known. `spend_nano`: the API spend a month above which it wins. `factor` and `records`: the
    same as a multiple of this month's volume, and in records; `gpus`: needed there. None where no volume
    pays (`never` says why), or nothing was run that tells. `crossings`: all of them in order (the first
    `MOST_CROSSINGS`); from `for_good` on it pays at every volume.
    """

    name: SelfHosted
    fixed_nano: int | None
    spend_nano: int | None
    factor: Fraction | None
    records: int | None
    gpus: int | None
    crossings: tuple[Crossing, ...]
    for_good: Fraction | None
    never: Never | None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a multiple of this month's volume costs a month; self-hosted costs are None without a rate.

    Where another GPU is needed there are two points with the same factor: before and after the step.
    """

    factor: Fraction
    records: int
    gpus: int
    api_sync_nano: int
    api_batch_nano: int
    reserved_nano: int | None
    on_demand_nano: int | None
    hybrid_nano: int | None
    spot_nano: int | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machines can serve, as measured from this month's busy and idle time.

    `gpus`: machines by the terms (at least 1). `records_per_gpu`: records that one serves in a month
    at most, and `factor_per_gpu` the same as a multiple of this month's volume; None: nothing was measured.
    `gpus_needed`: for this month's volume.
    """

    gpus: int
    gpus_needed: int
    records_per_gpu: int | None
    factor_per_gpu: Fraction | None


LeverName = Literal["price", "volume", "utilization", "gpu_rate", "hours"]


@dataclass(frozen=True, slots=True)
class Lever:
    """By how much one thing, all else as it is, must change so that the verdict flips.

    Units: `price` (of the API), `volume` and `gpu_rate` are multiples of this month's; `utilization` is the busy
    share of billed time; `hours` are maintenance hours a month. `threshold` is where it flips: at it if
    `at_threshold`, else just beyond it. None: no change of this alone flips it, or none is possible.
    """

    name: LeverName
    current: Fraction | None
    threshold: Fraction | None
    at_threshold: bool

    @property
    def change(self) -> Fraction | None:
        """Relative change to the threshold: 1/5 is 20 % more. None without one, or from nothing."""
        if self.threshold is None or not self.current:
            return None
        return self.threshold / self.current - 1


TrendState = Literal[
    "crosses", "already_pays", "too_few_months", "not_growing", "never_pays", "beyond_horizon", "no_gpu"
]


@dataclass(frozen=True, slots=True)
class Trend:
    """When volume will be enough, if it goes on growing by the same number of records each month.

    `months`: how many the straight line is fitted to, this one included. `records_per_month`: its slope, None
    for too few months. `crossing`: first day of the first month in which the hybrid pays; only for `crosses`.
    `never_pays`: at no volume. `beyond_horizon`: not within ten years. `no_gpu`: nothing was self-hosted.
    """

    state: TrendState
    months: int
    records_per_month: Fraction | None
    crossing: date | None


@dataclass(frozen=True, slots=True)
class Payback:
    """The one-time set-up, and after how many months the saving has paid it back (None: never)."""

    setup_nano: int
    months: Fraction | None
