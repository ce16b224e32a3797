"""Shards of a version: into how many it is cut, who has each of them, and how far they are.

The coordinator cuts under the partition's lease; a shard's row is changed under the shard's own.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Update, and_, delete, exists, insert, select, update
from sqlalchemy.orm import Session

from db import runs
from db.rows import cut_to_line
from db.tables import PartitionVersionRow, PartRow, RunRow
from db.tables import ShardRow as Row
from models.errors import LeaseLost
from models.shards import Share

ShardState = Literal["open", "running", "done", "failed"]
MOST_TRIES = 3
"""How often a shard may fail, or lose its process before anything was committed, in one run of its partition."""
DIED = "its process was gone before it had committed anything"


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard as the ledger knows it; `waiting` of its records are left to the API, once it is done."""

    version_id: UUID
    shard: int
    shards: int
    state: ShardState
    tries: int
    run_id: UUID | None
    reason: str | None
    waiting: int

    @property
    def share(self) -> Share:
        """Which records these are."""
        return Share(self.shard, self.shards)


def list_shards(session: Session, version_id: UUID) -> list[Shard]:
    """Return the shards of a version by their number; none where it is not cut."""
    columns = [getattr(Row, name) for name in Shard.__slots__]
    rows = session.execute(select(*columns).where(Row.version_id == version_id).order_by(Row.shard))
    return [Shard(*row) for row in rows]


def cut(session: Session, version_id: UUID, into: int) -> int:
    """Cut an open version and return into how many it is cut; 1: it is not. What failed before is tried again.

    One that holds a part stays as it was cut, so that each record stays where it was answered. Else its runs of another cut are
    fenced off, see `check_own`.
    """
    known = session.execute(select(Row.shard).where(Row.version_id == version_id).with_for_update()).all()
    now = max(len(known), 1)
    if now != into and not _holds_part(session, version_id):
        session.execute(delete(Row).where(Row.version_id == version_id))
        runs.interrupt_shards(session, version_id)
        now = into
        new = {"version_id": version_id, "shards": into, "state": "open", "tries": 0, "waiting": 0}
        if into > 1:
            session.execute(insert(Row), [{**new, "shard": number} for number in range(1, into + 1)])
    again = (Row.version_id == version_id, Row.state.in_(("open", "failed")))
    session.execute(_changed(and_(*again), state="open", tries=0, reason=None))
    return now


def kept_cut(session: Session, version_id: UUID) -> int | None:
    """Return into how many shards a version stays cut, since it holds a part; None where it may be cut anew."""
    return max(len(list_shards(session, version_id)), 1) if _holds_part(session, version_id) else None


def reopen(session: Session, version_id: UUID) -> None:
    """Let what is done of a version be read again: there are more rows than parts hold. What parts hold is not asked for again."""
    session.execute(_changed(and_(Row.version_id == version_id, Row.state == "done"), state="open"))


def begin(session: Session, shard: Shard, run_id: UUID) -> None:
    """Give a shard to a run, which has its lease."""
    _set(session, shard, state="running", run_id=run_id, tries=shard.tries)


def count_death(session: Session, shard: Shard) -> Shard:
    """Return a shard whose lease was got, with one try more where the run that had it is gone without a commit.

    One that has none left is failed.
    """
    if shard.state != "running":
        return shard
    committed = session.execute(select(exists().where(PartRow.run_id == shard.run_id))).scalar()
    tries = shard.tries + (not committed)
    state: ShardState = "failed" if tries >= MOST_TRIES else "open"
    _set(session, shard, state=state, tries=tries, reason=DIED)
    return get(session, shard.version_id, shard.shard) or shard


def get(session: Session, version_id: UUID, shard: int) -> Shard | None:
    """Return a shard of an open version; None where there is none, or the version is open no more."""
    opened = exists().where(PartitionVersionRow.id == version_id, PartitionVersionRow.state == "open")
    if not session.execute(select(opened)).scalar():
        return None
    return next((one for one in list_shards(session, version_id) if one.shard == shard), None)


def finish(session: Session, shard: Shard, waiting: int) -> None:
    """Note that a shard is done; `waiting` of its records are left to the API."""
    _set(session, shard, state="done", waiting=waiting, reason=None)


def give_back(session: Session, shard: Shard, failure: str | None, *, final: bool) -> None:
    """Let another run have a shard; `failure`: why this one failed, None: it was stopped. `final`: to try again is of no use."""
    tries = MOST_TRIES if final else shard.tries + (failure is not None)
    state: ShardState = "failed" if tries >= MOST_TRIES else "open"
    _set(session, shard, state=state, tries=tries, reason=cut_to_line(failure))


def check_own(session: Session, share: Share, version_id: UUID, run_id: UUID) -> None:
    """See that a shard is still this run's, and keep it so until the transaction ends. Raises `LeaseLost`.

    It is not where the version was published, given up or cut anew, or another run took the shard over.
    """
    own = (Row.version_id == version_id, Row.shard == share.shard, Row.shards == share.shards)
    found = session.execute(
        select(PartitionVersionRow.state, Row.run_id, Row.state)
        .join(PartitionVersionRow, PartitionVersionRow.id == Row.version_id)
        .where(*own)
        .with_for_update(read=True, of=Row)
    ).one_or_none()
    if found is None or tuple(found) != ("open", run_id, "running"):
        msg = f"{share} was taken over by another run, or given up; this one stops"
        raise LeaseLost(msg)


def input_digest(session: Session, version_id: UUID) -> bytes | None:
    """Return what stands for the input of a version now."""
    found = select(PartitionVersionRow.input_digest).where(PartitionVersionRow.id == version_id)
    digest: bytes | None = session.execute(found).scalar_one()
    return digest


def find_whole_run(session: Session, version_id: UUID) -> UUID | None:
    """Return the newest whole run of a version, which coordinates its shards; None where it was stopped, or has failed."""
    newest = (
        select(RunRow.id, RunRow.state)
        .where(RunRow.version_id == version_id, RunRow.shard.is_(None))
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
        .limit(1)
    )
    found = session.execute(newest).one_or_none()
    return None if found is None or found.state != "running" else found.id


def _holds_part(session: Session, version_id: UUID) -> bool:
    return bool(session.execute(select(exists().where(PartRow.version_id == version_id))).scalar())


def _set(session: Session, shard: Shard, **values: object) -> None:
    session.execute(_changed(and_(Row.version_id == shard.version_id, Row.shard == shard.shard), **values))


def _changed(which: ColumnElement[bool], **values: object) -> Update:
    return update(Row).where(which).values(**values).execution_options(synchronize_session=False)
