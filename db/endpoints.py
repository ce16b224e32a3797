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
    return session.execute(
        select(Row.learnt).filter_by(endpoint=endpoint, model=model).where(lately)
    ).scalar()


def keep_learnt(session: Session, endpoint: str, model: str, learnt: str) -> None:
    """Write down what was learnt, in the place of what was known before."""
    now = datetime.now(UTC)
    values = {"endpoint": endpoint, "model": model, "learnt": learnt, "learnt_at": now}
    if not insert_new(session, Row, values, key=("endpoint", "model")):
        row = session.get_one(Row, (endpoint, model))
        row.learnt, row.learnt_at = learnt, now
