"""Runs: one execution of one partition, its timings, token totals and cost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Literal, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from db.dialects import changed, insert_new
from db.rows import readable
from db.tables import InfrastructureRow, ModelRow, PromptRow, QuarantinedCountRow
from db.tables import RunRow as Row
from models.economics.gpu_time import GpuTime
from models.errors import UsageError
from models.ids import new_id

RunState = Literal["running", "completed", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known of a run when it starts."""

    version_id: UUID
    workload: str
    partition: date
    engine: str
    model_id: int
    prompt_id: int
    infrastructure_id: int | None = None
    flow_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Increments:
    """What one commit adds to a run. Money is nano-dollars.

    `gpu_cost_nano` is the cost of the commit's GPU time, `unallocated_nano` the part of it that no
    record carries. An unknown `counterfactual_nano` (None) makes the run's unknown, for good.
    """

    gpu_cost_nano: int = 0
    unallocated_nano: int = 0
    records: int = 0
    published: int = 0
    quarantined: int = 0
    reused: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    counterfactual_nano: int | None = 0


class RunFilters(TypedDict, total=False):
    """Which runs to list; what is missing or None does not restrict. Times bound the run's start, inclusive."""

    workload: str | None
    state: str | None
    since: datetime | None
    until: datetime | None


def start(session: Session, new: NewRun) -> UUID:
    """Start a run. Runs of the same partition that never ended are marked as interrupted."""
    now = datetime.now(UTC)
    session.execute(
        update(Row)
        .where(Row.workload == new.workload, Row.partition == new.partition, Row.state == "running")
        .values(state="interrupted", ended_at=now)
        .execution_options(synchronize_session=False)
    )
    run_id = new_id()
    session.execute(insert(Row).values(**asdict(new), id=run_id, state="running", started_at=now))
    return run_id


def add(session: Session, run_id: UUID, gpu: GpuTime, increments: Increments) -> None:
    """Add one commit's GPU time and counts to a run. Raises `UsageError` for an unknown run."""
    more = {**asdict(gpu), **asdict(increments)}
    statement = (
        update(Row)
        .where(Row.id == run_id)
        .values({name: getattr(Row, name) + value for name, value in more.items()})
        .execution_options(synchronize_session=False)
    )
    if not changed(session, statement):
        raise _no_run(run_id)


def gpu_time(session: Session, run_id: UUID) -> GpuTime:
    """Return the GPU time of a run so far."""
    return GpuTime(
        *session.execute(select(Row.load_ns, Row.busy_ns, Row.idle_ns).where(Row.id == run_id)).one()
    )


def add_quarantined(session: Session, run_id: UUID, counts: Mapping[str, int]) -> None:
    """Add how many records one commit set aside for which reason."""
    table = QuarantinedCountRow
    for reason, count in counts.items():
        values = {"run_id": run_id, "reason": reason, "count": count}
        if not insert_new(session, table, values, key=("run_id", "reason")):
            session.execute(
                update(table)
                .where(table.run_id == run_id, table.reason == reason)
                .values(count=table.count + count)
                .execution_options(synchronize_session=False)
            )


def finish(
    session: Session,
    run_id: UUID,
    state: Literal["completed", "failed", "interrupted"],
    error: str | None = None,
) -> None:
    """End a run. `error` is cut to one line and must hold no text of a record."""
    line = None if error is None else " ".join(error.split())[:500]
    statement = (
        update(Row)
        .where(Row.id == run_id)
        .values(state=state, error=line, ended_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )
    if not changed(session, statement):
        raise _no_run(run_id)


def quarantined_counts(session: Session, run_id: UUID) -> dict[str, int]:
    """Return how many records a run set aside, by reason."""
    table = QuarantinedCountRow
    rows = session.execute(
        select(table.reason, table.count).where(table.run_id == run_id).order_by(table.reason)
    )
    return {row[0]: row[1] for row in rows}


def list_runs(
    session: Session, *, limit: int | None = None, **filters: Unpack[RunFilters]
) -> list[dict[str, object]]:
    """Return runs, the newest first, with the names of what they used and money as `Decimal` dollars."""
    names = [column.key for column in Row.__table__.columns]
    rows = session.execute(
        select(
            *(getattr(Row, name) for name in names),
            ModelRow.name.label("model"),
            PromptRow.version.label("prompt_version"),
            InfrastructureRow.kind.label("infrastructure"),
        )
        .join(ModelRow, ModelRow.id == Row.model_id)
        .join(PromptRow, PromptRow.id == Row.prompt_id)
        .outerjoin(InfrastructureRow, InfrastructureRow.id == Row.infrastructure_id)
        .where(*_conditions(filters))
        .order_by(Row.started_at.desc(), Row.id.desc())
        .limit(limit)
    ).mappings()
    return [readable(dict(row)) for row in rows]


def _conditions(filters: RunFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if (workload := filters.get("workload")) is not None:
        conditions.append(Row.workload == workload)
    if (state := filters.get("state")) is not None:
        conditions.append(Row.state == state)
    if (since := filters.get("since")) is not None:
        conditions.append(Row.started_at >= since)
    if (until := filters.get("until")) is not None:
        conditions.append(Row.started_at <= until)
    return conditions


def _no_run(run_id: UUID) -> UsageError:
    return UsageError(f"the ledger knows no run {run_id}")
