"""Versions of a partition: one open at a time, one published at a time.

The caller holds the partition's lease; unique indexes hold the two rules even if it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import exists, func, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.batches import is_live
from db.runs import RunRowState
from db.tables import BatchRow, RunRow
from db.tables import PartitionVersionRow as Row
from models.errors import UsageError
from models.ids import new_id
from models.run import PRODUCTION, Purpose

VersionState = Literal["open", "published", "superseded", "abandoned"]


@dataclass(frozen=True, slots=True)
class PartitionVersion:
    """One attempt to publish a partition. `fingerprint` stands for everything that decides the output.

    `output_path`, the two record counts and `published_at` are None until it is published.
    `input_read`: a run has read the input to its end, and every record is done or waits in a registered part.
    `based_on` and `input_digest` are those of a refresh, see `open_version`; once it is published, any
    version may have a digest.
    """

    id: UUID
    workload: str
    partition: date
    version: int
    fingerprint: str
    state: VersionState
    output_path: str | None = None
    records: int | None = None
    quarantined: int | None = None
    published_at: datetime | None = None
    input_read: bool = False
    input_digest: bytes | None = None
    based_on: UUID | None = None
    purpose: Purpose = PRODUCTION


@dataclass(frozen=True, slots=True)
class WaitingPartition:
    """An open version that waits for answers, a budget or the API; `run_id` is its newest run."""

    workload: str
    partition: date
    version_id: UUID
    input_read: bool
    run_id: UUID
    run_state: RunRowState


def find_published(
    session: Session, workload: str, partition: date, purpose: Purpose = PRODUCTION
) -> PartitionVersion | None:
    """Return the version that readers see now, if there is one."""
    return _find(session, workload, partition, "published", purpose)


def list_published(session: Session, purpose: Purpose = PRODUCTION) -> list[PartitionVersion]:
    """Return the versions that readers see now, of every partition; evaluations publish nothing for readers."""
    rows = session.execute(
        select(*_columns())
        .where(Row.state == "published", Row.purpose == purpose)
        .order_by(Row.workload, Row.partition)
    )
    return [PartitionVersion(*row) for row in rows]


def find_open(
    session: Session, workload: str, partition: date, purpose: Purpose = PRODUCTION
) -> PartitionVersion | None:
    """Return the version that a run has begun and none has published, if there is one."""
    return _find(session, workload, partition, "open", purpose)


def get(session: Session, version_id: UUID) -> PartitionVersion:
    """Return a version by its key."""
    return PartitionVersion(*session.execute(select(*_columns()).where(Row.id == version_id)).one())


def open_version(
    session: Session,
    workload: str,
    partition: date,
    fingerprint: str,
    *,
    rerun: bool,
    input_digest: bytes | None = None,
    purpose: Purpose = PRODUCTION,
    retry: bool = False,
) -> PartitionVersion:
    """Return the version that a run writes to, or the published one if nothing is left to do.

    An open version of the same fingerprint is continued, one of another fingerprint is abandoned.
    Raises `UsageError` if the partition is published with another fingerprint and `rerun` is false.

    `input_digest` asks for a refresh: it stands for the input as it is now. A published version of
    another digest, or of none, gets one based on it, which is continued for this very input only; for
    another input it is abandoned. But an open version of which only waiting records are left is
    returned as it is, with another digest: it has to be published first. `retry` asks for one that is based on the
    published version of this very digest: what was set aside of it is asked for again.

    `purpose`: versions of an evaluation stand beside those of production, and need no `rerun` for other settings.
    """
    published = find_published(session, workload, partition, purpose)
    same = published is not None and published.fingerprint == fingerprint
    if published is not None and not rerun and (same or purpose == PRODUCTION):
        if not same:
            msg = (
                f"{workload} {partition} is already published with other settings (model, prompt or input); "
                "--rerun replaces it"
            )
            raise UsageError(msg)
        if input_digest is None or (input_digest == published.input_digest and not retry):
            return published
        return _open_refresh(session, published, input_digest)
    unfinished = _find(session, workload, partition, "open", purpose)
    if unfinished is not None:
        if unfinished.fingerprint == fingerprint and not is_refresh(session, unfinished):
            return unfinished
        _set_state(session, unfinished.id, "abandoned")
    return _start(session, workload, partition, fingerprint, purpose)


def publish(
    session: Session,
    version_id: UUID,
    output_path: str,
    records: int,
    quarantined: int,
    input_digest: bytes | None = None,
) -> None:
    """Mark an open version as published and the one before it as superseded.

    `input_digest` stands for the input that its rows answer, None where that is not known.
    Repeating it for the version that is published already changes nothing. Raises `UsageError` for a
    version that was superseded or abandoned meanwhile.
    """
    version = session.execute(
        select(Row.workload, Row.partition, Row.state, Row.purpose).where(Row.id == version_id)
    ).one()
    if version.state == "published":
        return
    if version.state != "open":
        msg = f"{version.workload} {version.partition}: a version that is {version.state} cannot be published"
        raise UsageError(msg)
    before = find_published(session, version.workload, version.partition, version.purpose)
    if before is not None:
        _set_state(session, before.id, "superseded")
    session.execute(
        update(Row)
        .where(Row.id == version_id)
        .values(
            state="published",
            output_path=output_path,
            records=records,
            quarantined=quarantined,
            published_at=datetime.now(UTC),
            input_digest=input_digest,
        )
        .execution_options(synchronize_session=False)
    )


def is_refresh(session: Session, version: PartitionVersion) -> bool:
    """Whether a version takes over rows of one that is published, and not of one that was begun and is outdated."""
    return version.based_on is not None and get(session, version.based_on).published_at is not None


def replace_outdated(session: Session, version_id: UUID) -> None:
    """Give up an open version whose input has changed for a new one that takes over what is as it was."""
    begun = get(session, version_id)
    _set_state(session, begun.id, "abandoned")
    _start(session, begun.workload, begun.partition, begun.fingerprint, begun.purpose, {"based_on": begun.id})


def set_input_read(session: Session, version_id: UUID) -> None:
    """Note that a run has read the version's input to its end. Repeating it changes nothing."""
    session.execute(
        update(Row)
        .where(Row.id == version_id)
        .values(input_read=True)
        .execution_options(synchronize_session=False)
    )


def list_waiting(session: Session, purpose: Purpose = PRODUCTION) -> list[WaitingPartition]:
    """Return the open versions to collect for, the longest waiting first; by default not those of evaluations and trials.

    These are the versions whose newest run is `list_waiting`, and those with a live batch, or whose input is
    read, whose newest run ended otherwise or is `running`: only the partition's lease tells a run at work
    from a dead one.
    """
    newest = func.row_number().over(
        partition_by=RunRow.version_id, order_by=(RunRow.started_at.desc(), RunRow.id.desc())
    )
    each = (
        select(
            Row.workload,
            Row.partition,
            RunRow.version_id,
            Row.input_read,
            RunRow.id.label("run_id"),
            RunRow.state.label("run_state"),
            newest.label("place"),
        )
        .join(Row, Row.id == RunRow.version_id)
        .where(Row.state == "open", Row.purpose == purpose, RunRow.shard.is_(None))
        .subquery()
    )
    in_batches = exists().where(BatchRow.version_id == each.c.version_id, is_live())
    rows = session.execute(
        select(*(each.c[name] for name in WaitingPartition.__slots__))
        .where(each.c.place == 1, or_(each.c.run_state == "waiting", each.c.input_read, in_batches))
        .order_by(each.c.run_id)
    )
    return [WaitingPartition(*row) for row in rows]


def _open_refresh(
    session: Session, published: PartitionVersion, input_digest: bytes | None
) -> PartitionVersion:
    workload, partition, purpose = published.workload, published.partition, published.purpose
    unfinished = _find(session, workload, partition, "open", purpose)
    if unfinished is not None:
        same = (unfinished.based_on, unfinished.input_digest) == (published.id, input_digest)
        if same or _only_waits(session, unfinished):
            return unfinished
        _set_state(session, unfinished.id, "abandoned")
    refresh = {"input_digest": input_digest, "based_on": published.id}
    return _start(session, workload, partition, published.fingerprint, purpose, refresh)


def _only_waits(session: Session, version: PartitionVersion) -> bool:
    """Whether nothing is left to do for an open version but to collect what waits, without its input."""
    return version.input_read and any(one.version_id == version.id for one in list_waiting(session))


def _start(
    session: Session,
    workload: str,
    partition: date,
    fingerprint: str,
    purpose: Purpose,
    refresh: Mapping[str, object] | None = None,
) -> PartitionVersion:
    newest = session.execute(
        select(func.max(Row.version)).where(Row.workload == workload, Row.partition == partition)
    ).scalar()
    version_id = new_id()
    session.execute(
        insert(Row).values(
            id=version_id,
            workload=workload,
            partition=partition,
            version=(newest or 0) + 1,
            fingerprint=fingerprint,
            state="open",
            purpose=purpose,
            **(refresh or {}),
        )
    )
    return get(session, version_id)


def _find(
    session: Session, workload: str, partition: date, state: VersionState, purpose: Purpose
) -> PartitionVersion | None:
    own = (Row.workload == workload, Row.partition == partition, Row.purpose == purpose)
    found = session.execute(select(*_columns()).where(*own, Row.state == state)).one_or_none()
    return None if found is None else PartitionVersion(*found)


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Row, name) for name in PartitionVersion.__slots__]


def _set_state(session: Session, version_id: UUID, state: VersionState) -> None:
    session.execute(
        update(Row)
        .where(Row.id == version_id)
        .values(state=state)
        .execution_options(synchronize_session=False)
    )
