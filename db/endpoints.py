"""What was learnt of a model at an endpoint, so that the next run and the next batch begin with it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.dialects import insert_new
from db.tables import EndpointRow as Row

LEARNT_FOR = timedelta(days=30)
"""What was learnt longer ago is found out anew: the endpoint may have become better."""


def read_learnt(session: Session, endpoint: str, model: str) -> str | None:
    """Return what was learnt within `LEARNT_FOR`, as it was written down; None where nothing was."""
    lately = Row.learnt_at >= datetime.now(UTC) - LEARNT_FOR
    found = select(Row.learnt).filter_by(endpoint=endpoint, model=model).where(lately)
    return session.execute(found).scalar() or None


def keep_learnt(session: Session, endpoint: str, model: str, learnt: str) -> None:
    """Write down what was learnt, in the place of what was known before."""
    now = datetime.now(UTC)
    values = {"endpoint": endpoint, "model": model, "learnt": learnt, "learnt_at": now}
    if not insert_new(session, Row, values, key=("endpoint", "model")):
        row = session.get_one(Row, (endpoint, model))
        row.learnt, row.learnt_at = learnt, now


def read_bound(session: Session, endpoint: str, model: str) -> int | None:
    """Return by what upper bounds are raised, in thousandths; None where no answer cost more than its request allows."""
    return session.execute(select(Row.bound_permille).filter_by(endpoint=endpoint, model=model)).scalar()


def keep_bound(session: Session, endpoint: str, model: str, permille: int) -> None:
    """Write down by what upper bounds are raised, in the place of what was known before."""
    now = datetime.now(UTC)
    values = {"endpoint": endpoint, "model": model, "learnt": "", "learnt_at": now}
    if not insert_new(session, Row, values | {"bound_permille": permille}, key=("endpoint", "model")):
        row = session.get_one(Row, (endpoint, model))
        row.bound_permille = permille
