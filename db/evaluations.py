"""Evaluations: what they found, and what the runs behind them took. Stored once, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.dialects import insert_new
from db.published_prompts import versions_behind
from db.tables import DailyUsageRow as Usage
from db.tables import EvaluationRow as Row
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow
from models.economics.month import Viability
from models.gpu_time import GpuTime
from models.run import PRODUCTION

LISTED = (
    *(
        "at",
        "workload",
        "model",
        "api_model",
        "prompt_version",
        "records",
        "viability",
        "accuracy",
        "api_accuracy",
    ),
    *("ratio", "ratio_low", "ratio_high", "threshold", "labels_digest", "id"),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """One evaluation as it is kept; its fields are those of the table `evaluations`."""

    id: UUID
    at: datetime
    workload: str
    model: str
    api_model: str | None
    prompt_version: str
    prompt_fingerprint: str
    labels_digest: str
    records: int
    viability: Viability
    accuracy: float | None
    api_accuracy: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    threshold: float | None
    software: str
    figures: str


@dataclass(frozen=True, slots=True)
class EvaluationSpend:
    """What the runs of one engine in an evaluation took. Money is nano-dollars, None where a line's is unknown.

    `asked` counts the records that the engine was asked for. `api_seconds`: from the first attempt of a run to
    its end, over all runs.
    """

    asked: int
    input_tokens: int
    output_tokens: int
    gpu: GpuTime
    gpu_nano: int
    api_nano: int | None
    api_seconds: float


def add(session: Session, evaluation: Stored) -> None:
    """Store an evaluation; one that is there already stays as it is."""
    insert_new(session, Row, asdict(evaluation), key=("id",))


def newest(
    session: Session,
    workload: str,
    *,
    model: str | None = None,
    prompt_fingerprint: str | None = None,
    api_model: str | None = None,
) -> Stored | None:
    """Return the newest evaluation of a workload (of this model, prompt and API model, where given), if there is one."""
    asked = {"model": model, "prompt_fingerprint": prompt_fingerprint, "api_model": api_model}
    conditions = [getattr(Row, name) == value for name, value in asked.items() if value is not None]
    found = session.execute(
        select(*_columns())
        .where(Row.workload == workload, *conditions)
        .order_by(Row.at.desc(), Row.id.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else Stored(*found)


def find_viability(session: Session) -> Mapping[str, Viability]:
    """Return what evaluations say of the model and prompt that each workload's newest run in production had.

    Of several that compared them with an API the newest counts; workloads without one are missing.
    """
    place = func.row_number().over(
        partition_by=RunRow.workload, order_by=(RunRow.started_at.desc(), RunRow.id.desc())
    )
    runs = (
        select(RunRow.workload, RunRow.model_id, RunRow.prompt_id, place.label("place"))
        .where(RunRow.purpose == PRODUCTION)
        .subquery()
    )
    compared = (
        select(Row.workload, Row.viability)
        .join(runs, and_(runs.c.workload == Row.workload, runs.c.place == 1))
        .join(ModelRow, and_(ModelRow.id == runs.c.model_id, ModelRow.name == Row.model))
        .join(
            PromptRow, and_(PromptRow.id == runs.c.prompt_id, PromptRow.fingerprint == Row.prompt_fingerprint)
        )
        .where(Row.api_model.is_not(None))
        .order_by(Row.at, Row.id)
    )
    return {row.workload: row.viability for row in session.execute(compared)}


def list_evaluations(
    session: Session, *, workload: str | None = None, limit: int | None = None
) -> list[dict[str, object]]:
    """Return evaluations, the newest first, without their figures."""
    chosen = select(*(getattr(Row, name) for name in LISTED)).order_by(Row.at.desc(), Row.id.desc())
    if workload is not None:
        chosen = chosen.where(Row.workload == workload)
    return [dict(row) for row in session.execute(chosen.limit(limit)).mappings()]


def sum_spend(session: Session, version_id: UUID) -> EvaluationSpend:
    """Sum what was spent on the answers of a version: its own runs, and those of versions that it took rows from."""
    run_ids = _runs_behind(session, version_id)
    times = ("load_ns", "busy_ns", "idle_ns", "gpu_cost_nano")
    sums = [func.coalesce(func.sum(getattr(RunRow, name)), 0) for name in times]
    load, busy, idle, gpu_nano = (
        int(x) for x in session.execute(select(*sums).where(RunRow.id.in_(run_ids))).one()
    )
    asked = session.execute(_asked(run_ids)).one()
    return EvaluationSpend(
        asked=int(asked.records),
        input_tokens=int(asked.input_tokens),
        output_tokens=int(asked.output_tokens),
        gpu=GpuTime(load, busy, idle),
        gpu_nano=gpu_nano,
        api_nano=None if asked.unknown else int(asked.api_nano),
        api_seconds=_api_seconds(session, run_ids),
    )


def _runs_behind(session: Session, version_id: UUID) -> Sequence[UUID]:
    versions = versions_behind(session, version_id)
    return list(session.execute(select(RunRow.id).where(RunRow.version_id.in_(versions))).scalars())


def _asked(run_ids: Sequence[UUID]) -> Any:  # noqa: ANN401 - a statement over five sums
    own = (Usage.run_id.in_(run_ids), Usage.engine != "reuse")
    api = Usage.engine == "openai"
    zero = func.coalesce
    return select(
        zero(func.sum(Usage.engine_records), 0).label("records"),
        zero(func.sum(Usage.input_tokens), 0).label("input_tokens"),
        zero(func.sum(Usage.output_tokens), 0).label("output_tokens"),
        zero(func.sum(Usage.cost_nano).filter(api), 0).label("api_nano"),
        zero(func.sum(Usage.unknown_cost).filter(api), 0).label("unknown"),
    ).where(*own)


def _api_seconds(session: Session, run_ids: Sequence[UUID]) -> float:
    first = (
        select(Line.run_id, func.min(Line.at).label("at"))
        .where(Line.run_id.in_(run_ids), Line.engine == "openai")
        .group_by(Line.run_id)
        .subquery()
    )
    spans = select(first.c.at, RunRow.ended_at).join(RunRow, RunRow.id == first.c.run_id)
    took = [ended - at for at, ended in session.execute(spans) if ended is not None]
    return float(sum(one.total_seconds() for one in took))


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Row, name) for name in Stored.__slots__]
