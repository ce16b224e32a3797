"""What stands for the input of a version, from its begin on."""

from datetime import date
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from db.tables import PartitionVersionRow as Row
from db.tables import PartRow, RunRow
from models.run import PRODUCTION


def find_same_input(session: Session, workload: str, partition: date, input_digest: bytes) -> date | None:
    """Return another date of which the same input is published or under way, the newest; None where there is none.

    A run that ended before it had an answer, such as one whose model could not be loaded, is not under way.
    """
    answered = exists().where(PartRow.version_id == Row.id)
    at_work = exists().where(RunRow.version_id == Row.id, RunRow.state.in_(("running", "waiting")))
    same = (Row.workload == workload, Row.partition != partition, Row.input_digest == input_digest)
    found: date | None = session.execute(
        select(func.max(Row.partition)).where(
            *same,
            Row.purpose == PRODUCTION,
            or_(Row.state == "published", and_(Row.state == "open", or_(answered, at_work))),
        )
    ).scalar()
    return found


def set_input_digest(session: Session, version_id: UUID, input_digest: bytes | None) -> None:
    """Note what stands for the input that an open version was begun with. Repeating it changes nothing."""
    session.execute(
        update(Row)
        .where(Row.id == version_id)
        .values(input_digest=input_digest)
        .execution_options(synchronize_session=False)
    )
