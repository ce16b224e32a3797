"""Sessions on demand: runs that followed each other on one machine, and what their time is billed at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from models.economics.gpu_run import GpuRun
from models.economics.terms_in_force import Tariff
from models.gpu_time import NS_PER_HOUR, NS_PER_SECOND

GAP_NS = 60 * NS_PER_SECOND
"""Runs of one machine kind with no more than this between them are one session: nobody stops a machine for less."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """A machine that was held without a longer pause. `used_ns`: GPU time of its runs; `length_ns`: from end to end.

    `varying_ns` of it is busy and idle time, which grows with volume; the rest are loads and pauses. `billed_ns` is
    the length rounded up to the increment; what was not used of it is unused.
    """

    tariff: Tariff
    started_ns: int
    used_ns: int
    length_ns: int
    varying_ns: int

    @property
    def ended_ns(self) -> int:
        """When it ended."""
        return self.started_ns + self.length_ns

    @property
    def billed_ns(self) -> int:
        """Billed time, nanoseconds."""
        increment = self.tariff.increment_seconds * NS_PER_SECOND
        return -(-self.length_ns // increment) * increment

    @property
    def nano(self) -> Fraction:
        """What it costs."""
        return Fraction(self.billed_ns * self.tariff.nano_per_hour, NS_PER_HOUR)


def group_sessions(runs: Iterable[tuple[GpuRun, Tariff]]) -> list[Session]:
    """Put runs at one tariff together to sessions of one machine each.

    A run starts when its row says, and ends when its GPU time is over. It goes on with a session that ended
    no more than `GAP_NS` before; where runs overlap, they were on machines of their own. An overlap of up to
    `GAP_NS`, and half of the run before, is taken to be the clock's: a run's engine may have been started
    before its row was written.
    """
    by_tariff: dict[Tariff, list[GpuRun]] = {}
    for run, tariff in runs:
        if run.time.total_ns:
            by_tariff.setdefault(tariff, []).append(run)
    return [session for tariff, own in by_tariff.items() for session in _group_at(tariff, own)]


def _group_at(tariff: Tariff, runs: Sequence[GpuRun]) -> list[Session]:
    ended: list[Session] = []
    held: list[tuple[Session, int]] = []  # with the time of its last run
    timed = sorted((_ns(run.started_at), run.time.total_ns, run.time.load_ns) for run in runs)
    for start, used, load in timed:
        ended += [session for session, _ in held if session.ended_ns + GAP_NS < start]
        held = [one for one in held if one[0].ended_ns + GAP_NS >= start]
        free = [one for one in held if start >= one[0].ended_ns - min(GAP_NS, one[1] // 2)]
        before = min(free, key=lambda one: _distance(one[0].ended_ns, start), default=None)
        if before is None:
            held.append((Session(tariff, start, used, used, used - load), used))
            continue
        held.remove(before)
        held.append((_extend(before[0], start, used, used - load), used))
    return ended + [session for session, _ in held]


def _distance(end: int, start: int) -> tuple[bool, int]:
    """Order sessions by how well a run follows them: those that have ended first, the nearest first."""
    return end > start, abs(end - start)


def _extend(session: Session, start: int, used: int, varying: int) -> Session:
    total = session.used_ns + used
    length = max(start + used - session.started_ns, session.length_ns, total)
    return Session(session.tariff, session.started_ns, total, length, session.varying_ns + varying)


def _ns(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000
