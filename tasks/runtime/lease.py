"""A run's lease on its partition: taken and given back (`leased_ledger` keeps it alive while the run works)."""

import os
import platform
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import leases
from models.errors import PartitionLocked
from models.settings import Settings

LOCK_POLL_SECONDS = 1.0
_ENDED = "ZX"  # states of a process as the kernel writes them: zombie, dead


def _started(pid: int) -> str:
    """Start time of a living process in the kernel's ticks, so that a reused pid is not taken for the owner.

    Empty for a process that ended, also while its parent has not yet asked how.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in _ENDED else fields[19]


def this_process() -> str:
    """Name this process as a lease's owner: host, process id, start time."""
    pid = os.getpid()
    return f"{platform.node()}:{pid}:{_started(pid)}"


def is_dead(owner: str) -> bool:
    """Tell whether an owner on this very host is surely gone. Owners elsewhere must expire."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    started = owner.rpartition(":")[2]
    if host != platform.node() or not rest.isdigit() or not started:
        return False
    return _started(int(rest)) != started


def take_lease(
    make_session: sessionmaker[Session],
    workload: str,
    partition: date,
    settings: Settings,
    sleep: Callable[[float], None] = time.sleep,
) -> leases.Lease:
    """Become the partition's owner, waiting as long as the settings allow. Raises `PartitionLocked`."""
    deadline = time.monotonic() + settings.lease_wait_seconds
    while True:
        try:
            with make_session.begin() as session:
                return leases.acquire(
                    session, workload, partition, this_process(), settings.lease_seconds, is_dead
                )
        except PartitionLocked:
            if time.monotonic() >= deadline:
                raise
            sleep(LOCK_POLL_SECONDS)


def release_lease(make_session: sessionmaker[Session], lease: leases.Lease) -> None:
    """Release the lease in a transaction of its own."""
    with make_session.begin() as session:
        leases.release(session, lease)
