"""Whether a partition is better cut into shards: how long it takes and what it costs, whole and cut.

Workers are taken as equal, and each loads the model once. A shard reads the whole input and answers its part of the records. So
cutting pays where the engine's work is long beside a load: the work is shared, the loads are not.
"""

from dataclasses import dataclass
from fractions import Fraction
from heapq import heapreplace

from models.gpu_time import NS_PER_SECOND, gpu_cost_nano
from models.shards import MOST_SHARDS

START_NS = 15 * NS_PER_SECOND
"""Assumed: a worker has to ask for work, and to start a process for it."""
SHARD_NS = 1 * NS_PER_SECOND
"""Assumed: to begin a shard, to let the window run empty and to close it, beside reading."""
WORTH = 10
"""A shard's work is at least so many times what the shard takes beside it."""
CLEARLY = Fraction(4, 5)
"""A cut takes at most this part of the time of one worker, else the partition is left whole."""
NEARLY = Fraction(11, 10)
"""Fewer workers are enough where they take at most this many times as long as more."""
ROUNDS = (4, 3, 2)
"""Shards for each worker where all take part, so that a fast one takes more: the most that are worth it."""


@dataclass(frozen=True, slots=True)
class ShardedWork:
    """What is known of a partition before it is answered. Durations are nanoseconds.

    `work_ns`: the engine's time on all records, without its load (`load_ns`, with the warm-up after it). `read_ns`: one reading of
    the input. `paid_by_use`: whether a further worker costs its time; an own or reserved machine is paid either way.
    `is_loaded`: whether this process's engine is there already.
    """

    records: int
    work_ns: int
    load_ns: int
    read_ns: int
    nano_usd_per_hour: int
    paid_by_use: bool = True
    is_loaded: bool = False

    @property
    def beside_ns(self) -> int:
        """What each shard takes beside its work."""
        return self.read_ns + SHARD_NS

    @property
    def most_shards(self) -> int:
        """Into how many shards it can be cut that are each worth it; at least 1."""
        return max(1, min(self.records, MOST_SHARDS, self.work_ns // (WORTH * self.beside_ns)))

    def in_shards(self, shards: int, workers: int) -> "ShardPlan":
        """Plan it: whoever is free takes the next shard; workers that find none left load nothing. One shard: it is not cut.

        This process begins at once and waits for the last shard of others with its engine held; others have to be started first.
        """
        first = 0 if self.is_loaded else self.load_ns
        each = self.work_ns // shards + (self.beside_ns if shards > 1 else 0)
        free = [(first if number == 0 else START_NS + self.load_ns, number) for number in range(workers)]
        ends = [0] * workers
        for _ in range(shards):
            at, number = free[0]
            ends[number] = at + each
            heapreplace(free, (at + each, number))
        others = [end - START_NS for end in ends[1:] if end]
        return ShardPlan(shards, 1 + len(others), max(ends), max(ends) + sum(others))


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Into how many shards a partition is cut, how many workers answer them, how long it takes and how long machines are held."""

    shards: int
    workers: int
    elapsed_ns: int
    machine_ns: int


@dataclass(frozen=True, slots=True)
class ShardChoice:
    """A partition whole, and cut as it would be best; `cut` None: there is nobody else, or it is too small. `takes_cut`: which is chosen."""

    work: ShardedWork
    whole: ShardPlan
    cut: ShardPlan | None
    takes_cut: bool

    @property
    def plan(self) -> ShardPlan:
        """What is chosen."""
        return self.cut if self.takes_cut and self.cut is not None else self.whole

    def cost_nano(self, plan: ShardPlan) -> int:
        """Return what a plan costs: time of machines that are paid by use; on others as much as the whole one."""
        held = plan.machine_ns if self.work.paid_by_use else self.whole.machine_ns
        return gpu_cost_nano(held, self.work.nano_usd_per_hour)


def choose_shards(work: ShardedWork, workers: int) -> ShardChoice:
    """Choose whether a partition is cut, and into how many shards, for at most so many workers.

    It is cut where that is clearly faster (`CLEARLY`), whatever the further loads cost. Of workers the fewest that are nearly as fast as
    more (`NEARLY`); where that is all of them, there are more shards than workers (`ROUNDS`), as far as each is worth it (`WORTH`).
    """
    whole, cut = work.in_shards(1, 1), _best(work, min(workers, work.most_shards))
    return ShardChoice(work, whole, cut, cut is not None and cut.elapsed_ns <= CLEARLY * whole.elapsed_ns)


def _best(work: ShardedWork, workers: int) -> ShardPlan | None:
    plans = [work.in_shards(number, number) for number in range(2, workers + 1)]
    if not plans:
        return None
    quickest = min(plan.elapsed_ns for plan in plans)
    enough = next(plan for plan in plans if plan.elapsed_ns <= NEARLY * quickest)
    if enough.shards < workers:
        return enough
    more = next((times for times in ROUNDS if times * workers <= work.most_shards), 1)
    return work.in_shards(more * workers, workers)
