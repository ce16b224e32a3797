"""The lock of a partition: a lease that expires, with an epoch that fences off a late former owner.

Every commit of a run calls `renew` first. That locks the lease's row until the transaction ends, so
nobody can take the partition over between the check and the commit (invariant I9).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, select, update
from sqlalchemy.orm import Session

from db.dialects import clock, execute_change, insert_new, is_postgresql
from db.tables import LeaseRow
from models.errors import LeaseLost, PartitionLocked, UsageError

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far this machine's clock may be off; its lines carry its own time, and budgets and prices go by their days."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a partition, under which epoch, until when by the clock of the ledger."""

    owner: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one partition. `epoch` grows by one with every new owner."""

    workload: str
    partition: date
    owner: str
    epoch: int


_LEASES: Table = LeaseRow.metadata.tables[LeaseRow.__tablename__]
_HELD = ("workload", "partition", "owner", "epoch")
_CHANGE = (
    update(_LEASES)
    .where(*(_LEASES.c[name] == bindparam(f"held_{name}") for name in _HELD))
    .values(owner=bindparam("next_owner"), expires_at=bindparam("until"))
)
"""Built once: each commit renews its lease."""


def acquire(
    session: Session,
    workload: str,
    partition: date,
    owner: str,
    seconds: float,
    is_dead: Callable[[str], bool],
) -> Lease:
    """Take the partition for `seconds` from now. The caller commits at once.

    A released or expired lease, and one whose owner `is_dead` knows to be gone, is taken over with
    the next epoch. The clock that counts is the ledger's (`db.dialects.clock`), never this machine's own.
    Raises `PartitionLocked`, naming the owner and the lease's end, for any other, and `UsageError` where this machine's
    clock is far from the ledger's.
    """
    lease = Lease(workload, partition, owner, 1)
    held = timedelta(seconds=seconds)
    first: dict[str, Any] = {"workload": workload, "partition": partition, "owner": owner, "epoch": 1}
    first |= {"expires_at": _checked_clock(session) + held}
    if insert_new(session, LeaseRow, first, key=("workload", "partition")):
        return lease
    found = session.execute(
        select(LeaseRow.owner, LeaseRow.epoch, LeaseRow.expires_at).where(_row(lease)).with_for_update()
    ).one()
    now = clock(session)  # after the lock was got: waiting for it took time
    if found.owner is not None and found.expires_at > now and not is_dead(found.owner):
        msg = (
            f"{workload} {partition} is being run by {found.owner}, whose lease ends "
            f"{found.expires_at:%Y-%m-%d %H:%M:%S} UTC by the clock of {_whose_clock(session)} unless it is renewed; "
            "wait for that run or stop it"
        )
        raise PartitionLocked(msg)
    lease = Lease(workload, partition, owner, found.epoch + 1)
    session.execute(
        update(LeaseRow)
        .where(_row(lease))
        .values(owner=owner, epoch=lease.epoch, expires_at=now + held)
        .execution_options(synchronize_session=False)
    )
    return lease


def find_overdue(session: Session, workload: str, partition: date) -> Holder | None:
    """Return who has a partition and should have renewed it by now, if anybody has."""
    lease = Lease(workload, partition, "", 0)
    row = session.execute(
        select(LeaseRow.owner, LeaseRow.epoch, LeaseRow.expires_at).where(_row(lease))
    ).one_or_none()
    if row is None or row.owner is None or row.expires_at > clock(session):
        return None
    return Holder(row.owner, row.epoch, row.expires_at)


def renew(session: Session, lease: Lease, seconds: float) -> None:
    """Extend the lease to `seconds` from now and lock its row until the transaction ends.

    Raises `LeaseLost` if another owner took the partition over: nothing may be committed then.
    """
    _change(session, lease, owner=lease.owner, seconds=seconds)


def release(session: Session, lease: Lease) -> None:
    """Give the partition back. The row stays, so that epochs never repeat. Raises `LeaseLost`."""
    _change(session, lease, owner=None, seconds=0)


def free(session: Session, workloads: Sequence[str], partition: date) -> None:
    """Take leases back of which nobody has any use, whoever had them: a renewal finds them lost."""
    which = (LeaseRow.workload.in_(workloads), LeaseRow.partition == partition, LeaseRow.owner.is_not(None))
    session.execute(
        update(LeaseRow).where(*which).values(owner=None).execution_options(synchronize_session=False)
    )


def _change(session: Session, lease: Lease, *, owner: str | None, seconds: float) -> None:
    held = {f"held_{name}": getattr(lease, name) for name in _HELD}
    until = clock(session) + timedelta(seconds=seconds)
    if not execute_change(session, _CHANGE, {**held, "next_owner": owner, "until": until}):
        msg = f"{lease.workload} {lease.partition} was taken over by another run; this one stops"
        raise LeaseLost(msg)


def _checked_clock(session: Session) -> datetime:
    """Return the time of the ledger's clock. Raises `UsageError` where this machine's is far from it."""
    now, own = clock(session), datetime.now(UTC)
    if abs(own - now) > CLOCK_TOLERANCE:
        msg = (
            f"the clock of this machine says {own:%Y-%m-%d %H:%M:%S} UTC, that of {_whose_clock(session)} "
            f"{now:%Y-%m-%d %H:%M:%S}, which decides who has a partition: set the wrong one right; nothing was changed"
        )
        raise UsageError(msg)
    return now


def _whose_clock(session: Session) -> str:
    return "the database server" if is_postgresql(session) else "the ledger's file system"


def _row(lease: Lease) -> ColumnElement[bool]:
    return and_(LeaseRow.workload == lease.workload, LeaseRow.partition == lease.partition)
