"""Batches of requests for a provider's Batch API, written down before anything is uploaded.

`intended` → `submitted` → `collected`, or `failed` or `abandoned` from either. While a batch is live
(intended or submitted) the pending lines that name it wait for it; our id travels in the batch's
metadata, so that one whose submission was not noted is found again instead of submitted twice.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.dialects import execute_change, insert_new
from db.rows import cut_to_line
from db.tables import BatchRow as Row
from models.errors import UsageError

BatchState = Literal["intended", "submitted", "collected", "failed", "abandoned"]
Ending = Literal["collected", "failed", "abandoned"]
LIVE: tuple[BatchState, ...] = ("intended", "submitted")


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. `id` is ours; `input_tokens` is an upper bound over its requests.

    `deadline` is when what is not answered is taken elsewhere. The provider's ids are None until the
    file was uploaded and the batch was created.
    """

    id: UUID
    run_id: UUID
    version_id: UUID
    file_name: str
    model: str
    requests: int
    input_tokens: int
    created_at: datetime
    deadline: datetime
    state: BatchState = "intended"
    provider_file_id: str | None = None
    provider_batch_id: str | None = None
    submitted_at: datetime | None = None
    closed_at: datetime | None = None
    error: str | None = None


def is_live() -> ColumnElement[bool]:
    """Condition: the batch is not closed."""
    return Row.state.in_(LIVE)


def record_intent(session: Session, batch: Batch) -> bool:
    """Write a batch down. True if it is new.

    False says that it is durable already, with the lines that were opened along with it: a commit whose
    connection was lost had taken place. Call it before `attempts.open_attempts`: lines name their batch.
    """
    return insert_new(session, Row, asdict(batch), key=("id",))


def set_file(session: Session, batch_id: UUID, provider_file_id: str) -> None:
    """Note the uploaded file. Raises `UsageError` for a batch that is not live."""
    _set_live(session, batch_id, provider_file_id=provider_file_id)


def set_submitted(session: Session, batch_id: UUID, provider_batch_id: str) -> None:
    """Note that the provider has the batch. Repeating it, also after the batch was closed, changes nothing.

    Raises `UsageError` for a batch that was closed unsubmitted, or was submitted as another one.
    """
    found = get(session, batch_id)
    if found.provider_batch_id is None:
        _set_live(
            session,
            batch_id,
            state="submitted",
            provider_batch_id=provider_batch_id,
            submitted_at=datetime.now(UTC),
        )
    elif found.provider_batch_id != provider_batch_id:
        msg = f"the batch {batch_id} was submitted as {found.provider_batch_id}, not as {provider_batch_id}"
        raise UsageError(msg)


def close(
    session: Session,
    batch_id: UUID,
    state: Ending,
    error: str | None = None,
) -> bool:
    """Close a batch; True if it was live. `error` is cut to one line and must hold no text of a record.

    Its lines are not touched: close those that it decides first. What stays pending becomes
    `unknown_outcome` with the next `attempts.resolve_unknown`.
    """
    statement = (
        update(Row)
        .where(Row.id == batch_id, is_live())
        .values(state=state, error=cut_to_line(error), closed_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )
    return execute_change(session, statement) > 0


def list_live(session: Session, version_id: UUID | None = None) -> list[Batch]:
    """Return the live batches, of one version or of all, in the order in which they were made."""
    statement = select(*_columns()).where(is_live()).order_by(Row.id)
    if version_id is not None:
        statement = statement.where(Row.version_id == version_id)
    return [Batch(*row) for row in session.execute(statement)]


def extend(session: Session, batch_id: UUID, deadline: datetime) -> None:
    """Give a batch a later deadline. Raises `UsageError` for a batch that is not live."""
    _set_live(session, batch_id, deadline=deadline)


def is_enqueued(session: Session, model: str, besides: UUID) -> bool:
    """Whether any other submitted batch of a model may be enqueued at the provider."""
    others = exists().where(Row.state == "submitted", Row.model == model, Row.id != besides)
    return bool(session.execute(select(others)).scalar())


def sum_enqueued_tokens(session: Session, model: str) -> int:
    """Return the upper bound of input tokens that submitted batches of a model hold enqueued at the provider."""
    submitted = and_(Row.state == "submitted", Row.model == model)
    total = select(func.coalesce(func.sum(Row.input_tokens), 0)).where(submitted)
    return int(session.execute(total).scalar_one())  # PostgreSQL sums BIGINT to NUMERIC


def get(session: Session, batch_id: UUID) -> Batch:
    """Return a batch. Raises `UsageError` for an unknown one."""
    found = session.execute(select(*_columns()).where(Row.id == batch_id)).one_or_none()
    if found is None:
        msg = f"the ledger knows no batch {batch_id}"
        raise UsageError(msg)
    return Batch(*found)


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Row, name) for name in Batch.__slots__]


def _set_live(session: Session, batch_id: UUID, **values: object) -> None:
    statement = (
        update(Row)
        .where(Row.id == batch_id, is_live())
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if not execute_change(session, statement):
        msg = f"the batch {batch_id} is {get(session, batch_id).state}: nothing more is to be done for it"
        raise UsageError(msg)
