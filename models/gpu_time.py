"""GPU time of a run and its exact split over records (invariant I10)."""

from collections.abc import Sequence
from dataclasses import dataclass

NS_PER_SECOND = 1_000_000_000
NS_PER_HOUR = 3600 * NS_PER_SECOND
NS_PER_DAY = 24 * NS_PER_HOUR


@dataclass(frozen=True, slots=True)
class GpuTime:
    """Nanoseconds that a run held the GPU: loading the model, answering, and waiting."""

    load_ns: int = 0
    busy_ns: int = 0
    idle_ns: int = 0

    @property
    def total_ns(self) -> int:
        """Load + busy + idle."""
        return self.load_ns + self.busy_ns + self.idle_ns

    def __add__(self, other: "GpuTime") -> "GpuTime":
        return GpuTime(
            self.load_ns + other.load_ns,
            self.busy_ns + other.busy_ns,
            self.idle_ns + other.idle_ns,
        )

    def less_idle(self, ns: int) -> "GpuTime":
        """Return it without so many idle nanoseconds, as far as it has them: somebody else had the machine then."""
        return GpuTime(self.load_ns, self.busy_ns, max(self.idle_ns - ns, 0))


@dataclass(frozen=True, slots=True)
class MachineTime:
    """A machine's time by who had it: the local engine, and the classifier before it. No moment is in both."""

    local: GpuTime = GpuTime()
    classifier: GpuTime = GpuTime()

    @property
    def total(self) -> GpuTime:
        """All of it."""
        return self.local + self.classifier

    def __add__(self, other: "MachineTime") -> "MachineTime":
        return MachineTime(self.local + other.local, self.classifier + other.classifier)


class TimeToCarry:
    """A machine's time that no line carries so far. What none of some records used waits for others that did."""

    def __init__(self) -> None:
        self._waits = MachineTime()

    def take(self, lap: MachineTime, *, local: bool, classifier: bool) -> MachineTime:
        """Add a lap and take what records of these engines carry."""
        here, nothing = self._waits + lap, GpuTime()
        self._waits = MachineTime(
            nothing if local else here.local, nothing if classifier else here.classifier
        )
        return MachineTime(here.local if local else nothing, here.classifier if classifier else nothing)


def gpu_cost_nano(total_ns: int, nano_usd_per_hour: int) -> int:
    """Cost of GPU time in nano-dollars, rounded half up once, on the total."""
    return (2 * total_ns * nano_usd_per_hour + NS_PER_HOUR) // (2 * NS_PER_HOUR)


def split_exactly(total: int, weights: Sequence[int]) -> list[int]:
    """Split an integer in proportion to weights so that the parts sum to it exactly.

    Largest-remainder method: each part is the floor of its share, and the units left over go to the
    largest remainders (ties: first come). All-zero weights split evenly.

    Raises `ValueError` for a negative total, a negative weight, or no weights at all.
    """
    if total < 0 or not weights or min(weights) < 0:
        msg = f"cannot split {total} over {len(weights)} weights (minimum {min(weights, default=None)})"
        raise ValueError(msg)
    scale = sum(weights)
    if scale == 0:
        weights, scale = [1] * len(weights), len(weights)
    parts = [total * weight // scale for weight in weights]
    left = total - sum(parts)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % scale))
        for i in by_remainder[:left]:
            parts[i] += 1
    return parts
