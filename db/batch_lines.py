"""What the closed lines of batches tell of the batch, and of a record that it failed."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from db import ledger
from db.attempts import CHUNK
from db.tables import BatchRow, RunRow
from db.tables import LedgerLineRow as Line


def count_answered(session: Session, batch_id: UUID) -> int:
    """Count the lines of a batch that are closed and were answered, and so billed."""
    answered = (
        Line.batch_id == batch_id,
        ~ledger.PENDING,
        Line.outcome.not_in(("failed", "unknown_outcome")),
    )
    return int(session.execute(select(func.count()).where(*answered)).scalar_one())


def list_denied(
    session: Session, version_id: UUID, keys: Collection[str], failures: Sequence[str]
) -> set[str]:
    """Return those records that an earlier batch of a version failed for one of these reasons, beside others that it answered."""
    answered = aliased(Line)
    beside = exists().where(answered.batch_id == Line.batch_id, answered.outcome == "ok")
    own_runs = select(RunRow.id).where(RunRow.version_id == version_id)
    statement = select(Line.record_key).where(
        Line.run_id.in_(own_runs), Line.outcome == "failed", Line.failure.in_(failures), beside
    )
    some, found = sorted(keys), set[str]()
    for first in range(0, len(some), CHUNK):
        own = Line.record_key.in_(some[first : first + CHUNK])
        found.update(session.execute(statement.where(own)).scalars())
    return found


def list_lost(session: Session, version_id: UUID, limit: int) -> list[str]:
    """Return the records that were in so many batches of a version which never gave their answers, and may be billed."""
    own_runs = select(RunRow.id).where(RunRow.version_id == version_id)
    statement = (
        select(Line.record_key)
        .join(BatchRow, BatchRow.id == Line.batch_id)
        .where(Line.run_id.in_(own_runs), Line.outcome == "unknown_outcome", BatchRow.state == "abandoned")
        .group_by(Line.record_key)
        .having(func.count() >= limit)
    )
    return list(session.execute(statement).scalars())
