"""Part files whose records are done: a record counts as done if, and only if, its part is registered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from db.dialects import insert_new
from db.tables import PartRow


@dataclass(frozen=True, slots=True)
class Part:
    """One part file of a version. Ordinals are those of its first and last record in the input."""

    id: UUID
    version_id: UUID
    run_id: UUID
    file_name: str
    records: int
    first_ordinal: int
    last_ordinal: int


_IS_REGISTERED = select(exists().where(PartRow.id == bindparam("part")))
"""Built once: each commit asks for its part."""


def register(session: Session, part: Part) -> bool:
    """Register a part. True if it is new.

    False says that this very part is durable already, with everything that was committed along with
    it: a commit whose connection was lost had taken place, and the caller must write nothing again.
    """
    if is_registered(session, part.id):
        return False
    values = {**asdict(part), "registered_at": datetime.now(UTC)}
    return insert_new(session, PartRow, values, key=("id",))


def is_registered(session: Session, part_id: UUID) -> bool:
    """Whether a part is registered."""
    return bool(session.execute(_IS_REGISTERED, {"part": part_id}).scalar())


def list_registered(session: Session, version_id: UUID) -> Sequence[Part]:
    """Return the parts of a version in the order of their registration."""
    columns = [getattr(PartRow, name) for name in Part.__slots__]
    rows = session.execute(select(*columns).where(PartRow.version_id == version_id).order_by(PartRow.id))
    return [Part(*row) for row in rows]
