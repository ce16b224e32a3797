"""Runs: one execution of one partition, its timings, token totals and cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, and_, cast, delete, func, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.answered import REUSE, AnsweredBy, answered_by, used
from db.dialects import changed, insert_new
from db.rows import one_line, ran_for, readable
from db.tables import DailyUsageRow as Usage
from db.tables import (
    InfrastructureRow,
    ModelRow,
    PartitionVersionRow,
    PromptRow,
    QuarantinedCountRow,
    WaitingCountRow,
)
from db.tables import RunRow as Row
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.ids import new_id
from models.records import SetAside
from models.run import PRODUCTION, Purpose

RunRowState = Literal["running", "waiting", "completed", "failed", "interrupted"]
"""`waiting`: ended for now; records of it wait for a batch's answers, a budget or the API."""


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
    purpose: Purpose = PRODUCTION


@dataclass(frozen=True, slots=True)
class RunKeys:
    """What a run that is taken up again goes on with."""

    version_id: UUID
    workload: str
    partition: date
    purpose: Purpose
    state: RunRowState
    model_id: int
    prompt_id: int
    infrastructure_id: int | None


@dataclass(frozen=True, slots=True)
class Increments:
    """What one commit adds to a run. Money is nano-dollars.

    `gpu_cost_nano` is the cost of the commit's GPU time, `unallocated_nano` the part of it that no
    record carries; `api_cost_nano` is what API attempts cost, which `db.attempts` adds when it closes
    them. An unknown `counterfactual_nano` (None) makes the run's unknown, for good.
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
    api_cost_nano: int = 0
    escalated: int = 0
    carried: int = 0


class RunFilters(TypedDict, total=False):
    """Which runs to list; what is missing or None does not restrict. Times bound the run's start, inclusive.

    `engine` and `model`: one of those that answered the run.
    """

    workload: str | None
    engine: str | None
    model: str | None
    state: str | None
    purpose: str | None
    since: datetime | None
    until: datetime | None


def start(session: Session, new: NewRun) -> UUID:
    """Start a run. Runs of the same partition that never ended, or wait for a version that was given up, are interrupted."""
    now = datetime.now(UTC)
    given_up = and_(Row.state == "waiting", Row.version_id != new.version_id)
    session.execute(
        update(Row)
        .where(
            Row.workload == new.workload,
            Row.partition == new.partition,
            Row.purpose == new.purpose,
            or_(Row.state == "running", given_up),
        )
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


def add_quarantined(session: Session, run_id: UUID, counts: Mapping[str, SetAside | int]) -> None:
    """Add how many records one commit set aside for which reason; of a plain number, no engine answered any."""
    table = QuarantinedCountRow
    for reason, count in counts.items():
        more = SetAside(count) if isinstance(count, int) else count
        sums = {"count": more.records, "answered": more.answered, "answered_nano": more.answered_nano}
        values = {"run_id": run_id, "reason": reason, **sums}
        if not insert_new(session, table, values, key=("run_id", "reason")):
            session.execute(
                update(table)
                .where(table.run_id == run_id, table.reason == reason)
                .values({name: getattr(table, name) + value for name, value in sums.items()})
                .execution_options(synchronize_session=False)
            )


def finish(
    session: Session,
    run_id: UUID,
    state: Literal["completed", "failed", "interrupted"],
    error: str | None = None,
) -> None:
    """End a run. `error` is cut to one line and must hold no text of a record.

    Nothing waits for a run that is completed, nor for an earlier one of its version; one that is not keeps
    what it was last known to wait for.
    """
    _set(session, run_id, state=state, error=one_line(error), ended_at=datetime.now(UTC))
    if state == "completed":
        for waited in (run_id, *_complete_waiting(session, run_id)):
            _forget_waiting(session, waited)


def wait(session: Session, run_id: UUID, counts: Mapping[str, int]) -> None:
    """End a run for now. `counts` says how many of its records wait, by what for; earlier ones are replaced."""
    _set(session, run_id, state="waiting", error=None, ended_at=datetime.now(UTC))
    _forget_waiting(session, run_id)
    if rows := [{"run_id": run_id, "reason": reason, "count": count} for reason, count in counts.items()]:
        session.execute(insert(WaitingCountRow), rows)


def resume(session: Session, run_id: UUID) -> None:
    """Take a run up again that waits, or that ended before it was done. The caller holds the lease.

    Raises `UsageError` for an unknown run and for one that is completed.
    """
    if run_keys(session, run_id).state == "completed":
        msg = f"the run {run_id} is completed: nothing of it is left to do"
        raise UsageError(msg)
    _set(session, run_id, state="running", error=None, ended_at=None)


def run_keys(session: Session, run_id: UUID) -> RunKeys:
    """Return what a run was started with. Raises `UsageError` for an unknown run."""
    columns = [getattr(Row, name) for name in RunKeys.__slots__]
    found = session.execute(select(*columns).where(Row.id == run_id)).one_or_none()
    if found is None:
        raise _no_run(run_id)
    return RunKeys(*found)


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What a run came to. Money is nano-dollars, `gpu_ns` nanoseconds; `output_path` is its version's."""

    id: UUID
    workload: str
    partition: date
    state: RunRowState
    error: str | None
    output_path: str | None
    records: int
    published: int
    quarantined: int
    reused: int
    escalated: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    gpu_ns: int
    cost_nano: int
    api_cost_nano: int
    counterfactual_nano: int | None
    carried: int
    flow_run_id: str | None


def count(session: Session, workload: str, partition: date) -> int:
    """Return how many runs a partition has had."""
    own = (Row.workload == workload, Row.partition == partition, Row.purpose == PRODUCTION)
    return session.execute(select(func.count()).select_from(Row).where(*own)).scalar_one()


def newest(
    session: Session, workload: str, partition: date, flow_run_id: str | None = None
) -> RunTotals | None:
    """Return what the newest run of a partition came to (of one flow run, if that is given); None if there is none."""
    own = [Row.workload == workload, Row.partition == partition, Row.purpose == PRODUCTION]
    if flow_run_id is not None:
        own.append(Row.flow_run_id == flow_run_id)
    worked_out: dict[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = {
        "output_path": PartitionVersionRow.output_path,
        "gpu_ns": Row.load_ns + Row.busy_ns + Row.idle_ns,
        "cost_nano": Row.gpu_cost_nano + Row.api_cost_nano,
    }
    columns = [worked_out[name] if name in worked_out else getattr(Row, name) for name in RunTotals.__slots__]
    found = session.execute(
        select(*columns)
        .join(PartitionVersionRow, PartitionVersionRow.id == Row.version_id)
        .where(*own)
        .order_by(Row.started_at.desc(), Row.id.desc())
        .limit(1)
    ).first()
    return None if found is None else RunTotals(*found)


def quarantined_counts(session: Session, run_id: UUID) -> dict[str, int]:
    """Return how many records a run set aside, by reason."""
    return _counts(session, QuarantinedCountRow, run_id)


def requests(session: Session, run_id: UUID) -> int:
    """Return how many requests of a run ended, on either engine."""
    own = (Usage.run_id == run_id, Usage.engine != REUSE, Usage.outcome != "pending")
    return int(session.execute(select(func.coalesce(func.sum(Usage.attempts), 0)).where(*own)).scalar_one())


def waiting_counts(session: Session, run_id: UUID) -> dict[str, int]:
    """Return how many records waited when a run ended, by what for."""
    return _counts(session, WaitingCountRow, run_id)


def list_runs(
    session: Session, *, limit: int | None = None, **filters: Unpack[RunFilters]
) -> list[dict[str, object]]:
    """Return runs, the newest first, with the names of what they used and money as `Decimal` dollars.

    `engine` and `model` are what answered, as `db.answered` says; of a run without a line, what it was started
    with; None of one that is completed and had nothing to ask for. `cost_usd` is the run's GPU cost and what its
    closed API attempts cost; `waiting` counts the records that waited when it ended.
    """
    names = [column.key for column in Row.__table__.columns]
    waits = select(func.sum(WaitingCountRow.count)).where(WaitingCountRow.run_id == Row.id)
    rows = session.execute(
        select(
            *(getattr(Row, name) for name in names),
            ModelRow.name.label("model"),
            PromptRow.version.label("prompt_version"),
            InfrastructureRow.kind.label("infrastructure"),
            (Row.gpu_cost_nano + Row.api_cost_nano).label("cost_nano"),
            cast(func.coalesce(waits.scalar_subquery(), 0), BigInteger).label("waiting"),
        )
        .join(ModelRow, ModelRow.id == Row.model_id)
        .join(PromptRow, PromptRow.id == Row.prompt_id)
        .outerjoin(InfrastructureRow, InfrastructureRow.id == Row.infrastructure_id)
        .where(*_conditions(filters))
        .order_by(Row.started_at.desc(), Row.id.desc())
        .limit(limit)
    )
    found = [dict(row) for row in rows.mappings()]
    names_of = answered_by(session, [row["id"] for row in found])
    return [readable(row | _answered(row, names_of.get(row["id"]))) for row in found]


def _answered(run: Mapping[str, object], by: AnsweredBy | None) -> dict[str, object]:
    """Name what answered a run in the place of what it was started with."""
    if by is not None:
        return {"engine": by.engine, "model": by.model}
    if run["state"] == "completed" and run["published"] == run["carried"]:
        return {"engine": None, "model": None}
    return {}


def _conditions(filters: RunFilters) -> list[ColumnElement[bool]]:
    equal = {
        "workload": Row.workload,
        "state": Row.state,
    }
    values: Mapping[str, object] = dict(filters)
    conditions = [column == values[name] for name, column in equal.items() if values.get(name) is not None]
    if (purpose := filters.get("purpose")) is not None:
        conditions.append(ran_for(purpose))
    engine, model = filters.get("engine"), filters.get("model")
    if engine is not None or model is not None:
        conditions.append(used(engine=engine, model=model))
    if (since := filters.get("since")) is not None:
        conditions.append(Row.started_at >= since)
    if (until := filters.get("until")) is not None:
        conditions.append(Row.started_at <= until)
    return conditions


def _set(session: Session, run_id: UUID, **values: object) -> None:
    statement = (
        update(Row).where(Row.id == run_id).values(**values).execution_options(synchronize_session=False)
    )
    if not changed(session, statement):
        raise _no_run(run_id)


def _complete_waiting(session: Session, run_id: UUID) -> Sequence[UUID]:
    """Complete the runs of the same version that wait; return their keys."""
    version = select(Row.version_id).where(Row.id == run_id).scalar_subquery()
    statement = (
        update(Row)
        .where(Row.version_id == version, Row.state == "waiting")
        .values(state="completed")
        .returning(Row.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).scalars().all()


def _forget_waiting(session: Session, run_id: UUID) -> None:
    session.execute(
        delete(WaitingCountRow)
        .where(WaitingCountRow.run_id == run_id)
        .execution_options(synchronize_session=False)
    )


def _counts(
    session: Session, table: type[QuarantinedCountRow | WaitingCountRow], run_id: UUID
) -> dict[str, int]:
    rows = session.execute(
        select(table.reason, table.count).where(table.run_id == run_id).order_by(table.reason)
    )
    return {row[0]: row[1] for row in rows}


def _no_run(run_id: UUID) -> UsageError:
    return UsageError(f"the ledger knows no run {run_id}")
