"""The registry of trained models."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from db.dialects import clock, insert_new
from db.tables import PartitionVersionRow as Version
from db.tables import RunRow
from db.tables import TrainedModelRow as Row
from models.run import TRAINING
from models.training.trained import TrainedKind, TrainedModel, TrainedState


def add(session: Session, model: TrainedModel) -> None:
    """Store a trained model; one that is there already stays as it is."""
    insert_new(session, Row, asdict(model), key=("id",))


def find(session: Session, workload: str, name: str) -> TrainedModel | None:
    """Return a workload's trained model by its name or its key, None where there is none."""
    found = list_trained(session, workload)
    return next((one for one in found if name in {one.name, str(one.id)}), None)


def in_force(session: Session, workload: str, kind: TrainedKind) -> TrainedModel | None:
    """Return the trained model of this kind that a workload's runs use, None where there is none."""
    asked = _models().where(Row.workload == workload, Row.kind == kind, Row.state == "in_force")
    found = session.execute(asked.order_by(Row.state_at.desc(), Row.id.desc()).limit(1)).one_or_none()
    return None if found is None else TrainedModel(*found)


def list_trained(session: Session, workload: str | None = None) -> Sequence[TrainedModel]:
    """Return trained models, the newest first."""
    asked = _models().order_by(Row.at.desc(), Row.id.desc())
    if workload is not None:
        asked = asked.where(Row.workload == workload)
    return [TrainedModel(*found) for found in session.execute(asked)]


def set_state(session: Session, model_id: UUID, state: TrainedState) -> None:
    """Put a model in force (which retires the one of its workload and kind that was), or retire it."""
    now = clock(session)
    if state == "in_force":
        own = session.execute(select(Row.workload, Row.kind).where(Row.id == model_id)).one()
        others = (Row.workload == own.workload, Row.kind == own.kind, Row.state == "in_force")
        session.execute(update(Row).where(*others, Row.id != model_id).values(state="retired", state_at=now))
    session.execute(update(Row).where(Row.id == model_id).values(state=state, state_at=now))


def add_figures(session: Session, model_id: UUID, more: Mapping[str, object]) -> None:
    """Add to what is told of a model beside its row. No label, no text."""
    told = session.execute(select(Row.figures).where(Row.id == model_id)).scalar_one()
    figures = json.dumps({**json.loads(told), **more}, sort_keys=True)
    session.execute(update(Row).where(Row.id == model_id).values(figures=figures))


def close_killed(session: Session, workload: str) -> None:
    """Close the trainings of a workload that never ended, and give up the versions that they began. The caller holds their lease."""
    own = (RunRow.workload == workload, RunRow.purpose == TRAINING, RunRow.state == "running")
    ended = update(RunRow).where(*own).values(state="interrupted", ended_at=datetime.now(UTC))
    begun = (Version.workload == workload, Version.purpose == TRAINING, Version.state == "open")
    given_up = update(Version).where(*begun).values(state="abandoned")
    for statement in (ended, given_up):
        session.execute(statement.execution_options(synchronize_session=False))


def _models() -> Select[tuple[object, ...]]:
    return select(*(getattr(Row, name) for name in TrainedModel.__slots__))
