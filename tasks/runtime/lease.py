"""A run's lease on its partition: taken and given back (`leased_ledger` keeps it alive while the run works)."""

import hashlib
import logging
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import leases
from models.errors import PartitionLocked
from models.settings import Settings

LOCK_POLL_SECONDS = 1.0
_ENDED = "ZX"  # states of a process as the kernel writes them: zombie, dead
_MACHINE = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACES = (Path("/proc/self/ns/pid"), Path("/proc/self/ns/time"))
"""What pids and start times mean depends on them: containers of one kernel differ in the first."""

log = logging.getLogger(__name__)


def this_process() -> str:
    """Name this process as a lease's owner: host, where its pid means something, process id, start time."""
    pid = os.getpid()
    return f"{platform.node()}:{_place()}:{pid}:{_started(pid) or ''}"


def is_dead(owner: str) -> bool:
    """Tell whether an owner is surely gone. One elsewhere must expire, whatever its host is called.

    A host's name says little: containers and copied machines share it. So an owner is looked for only where it named the
    same machine, boot and process namespace; one of a version before 0.6.0, which named its host alone, never.
    """
    return _look_for(owner) is False


def lives(owner: str) -> bool:
    """Tell whether an owner is surely at work, in another process of this machine."""
    return owner != this_process() and _look_for(owner) is True


def _look_for(owner: str) -> bool | None:
    """Whether an owner lives; None where that cannot be known from here."""
    place, pid, started = ["", "", "", *owner.split(":")][-3:]
    if not place or place != _place() or not pid.isdecimal() or not started:
        return None
    now = _started(int(pid))
    return None if now is None else now == started


def _started(pid: int) -> str | None:
    """Start time of a living process in the kernel's ticks, so that a reused pid is not taken for the owner.

    Empty for a process that ended, also while its parent has not yet asked how; None where the kernel does not say,
    as of other users' processes where they are hidden.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None if _exists(pid) else ""
    return "" if fields[0] in _ENDED else fields[19]


def _exists(pid: int) -> bool:
    """Whether there is a process of this number, also one that this user may not look at."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _place() -> str:
    """Name the machine, its boot and the namespaces in which this process has its pid; empty where the boot is not known.

    It is a hash, since a machine's id is nobody else's business. Without a machine id, as in containers, the boot's says enough.
    """
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
        spaces = [os.readlink(path) for path in _NAMESPACES if path.exists()]  # noqa: PTH115  no path, but a name
    except (OSError, UnicodeDecodeError):
        return ""
    machine = next((found for path in _MACHINE if (found := _read(path))), "")
    known = "\n".join((machine, boot, *spaces)) if boot and spaces else ""
    return hashlib.blake2b(known.encode(), digest_size=6).hexdigest() if known else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


@dataclass
class LeaseWatch:
    """Sees whether a lease that is over by the clock stays as it is for a whole term of this process's own clock."""

    seconds: float
    _seen: leases.Holder | None = field(default=None, init=False)
    _since: float = field(default=0.0, init=False)

    def is_over(self, holder: leases.Holder) -> bool:
        """Whether the lease has not been renewed for so long; begins anew where it has."""
        if holder != self._seen:
            log.warning(
                "the lease of %s is over by the clock, but it is at work on this machine: waiting %.0f s for its renewal",
                holder.owner,
                self.seconds,
            )
            self._seen, self._since = holder, time.monotonic()
        return time.monotonic() - self._since >= self.seconds


def take_lease(
    make_session: sessionmaker[Session],
    workload: str,
    partition: date,
    settings: Settings,
    sleep: Callable[[float], None] = time.sleep,
) -> leases.Lease:
    """Become the partition's owner, waiting as long as the settings allow.

    Raises `PartitionLocked`, and `UsageError` where this machine's clock is far off. A clock that jumps lets a lease end
    before its time: where its owner is seen at work on this machine, a term without a renewal is waited for.
    """
    deadline = time.monotonic() + settings.lease_wait_seconds
    watch = LeaseWatch(settings.lease_seconds)
    while True:
        try:
            if (lease := try_lease(make_session, workload, partition, watch)) is not None:
                return lease
        except PartitionLocked:
            if time.monotonic() >= deadline:
                raise
        sleep(LOCK_POLL_SECONDS)


def try_lease(
    make_session: sessionmaker[Session], workload: str, partition: date, watch: LeaseWatch
) -> leases.Lease | None:
    """Become the owner at once; None where the lease has ended before its time, as `watch` says. Raises `PartitionLocked`, and `UsageError` as above."""
    with make_session.begin() as session:
        overdue = leases.find_overdue(session, workload, partition)
        if overdue is None or not lives(overdue.owner) or watch.is_over(overdue):
            return leases.acquire(session, workload, partition, this_process(), watch.seconds, is_dead)
    return None


def release_lease(make_session: sessionmaker[Session], lease: leases.Lease) -> None:
    """Release the lease in a transaction of its own."""
    with make_session.begin() as session:
        leases.release(session, lease)
