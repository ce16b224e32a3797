"""What the ledger says of runs: listed, their newest, what they came to, and why records wait or were set aside."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, and_, cast, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.answered import REUSE, AnsweredBy, answered_with, find_answered_by
from db.rows import ran_for, to_readable
from db.run_parts import add_parts, find_parts, ids_with_parts, is_whole, read_sums
from db.runs import RunRowState
from db.tables import DailyUsageRow as Usage
from db.tables import (
    InfrastructureRow,
    LeaseRow,
    ModelRow,
    PartitionVersionRow,
    PromptRow,
    QuarantinedCountRow,
    WaitingCountRow,
)
from db.tables import RunRow as Row
from models.run import PRODUCTION


class RunFilters(TypedDict, total=False):
    """Which runs to list; what is missing or None does not restrict. Times bound the run's start, inclusive.

    `engine` and `model`: one of those that answered the run. `parts`: runs of shards as well. The whole run has what its parts came
    to in any case.
    """

    workload: str | None
    engine: str | None
    model: str | None
    state: str | None
    purpose: str | None
    since: datetime | None
    until: datetime | None
    parts: bool


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


def count_runs(session: Session, workload: str, partition: date) -> int:
    """Return how many runs a partition has had; one in shards is one."""
    own = (Row.workload == workload, Row.partition == partition, Row.purpose == PRODUCTION, is_whole())
    return session.execute(select(func.count()).select_from(Row).where(*own)).scalar_one()


def find_newest(
    session: Session, workload: str, partition: date, flow_run_id: str | None = None
) -> RunTotals | None:
    """Return what the newest run of a partition came to, with its shards (of one flow run, if that is given); None if there is none."""
    own = [Row.workload == workload, Row.partition == partition, Row.purpose == PRODUCTION, is_whole()]
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
    if found is None:
        return None
    totals = RunTotals(*found)
    sums = read_sums(session, totals.id)
    sums["cost_nano"] = sums["gpu_cost_nano"] + sums["api_cost_nano"]
    return replace(totals, **{name: sums[name] for name in RunTotals.__slots__ if name in sums})


def count_quarantined(session: Session, run_id: UUID) -> dict[str, int]:
    """Return how many records a run set aside, with its shards, by reason."""
    return _counts(session, QuarantinedCountRow, run_id)


def count_requests(session: Session, run_id: UUID) -> int:
    """Return how many requests of a run ended, with its shards, on either engine."""
    ids = select(Row.id).where(ids_with_parts(run_id))
    own = (Usage.run_id.in_(ids), Usage.engine != REUSE, Usage.outcome != "pending")
    return int(session.execute(select(func.coalesce(func.sum(Usage.attempts), 0)).where(*own)).scalar_one())


def count_waiting(session: Session, run_id: UUID) -> dict[str, int]:
    """Return how many records waited when a run ended, by what for."""
    return _counts(session, WaitingCountRow, run_id)


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """The newest run of a partition, which failed, or whose process is gone without having ended it."""

    workload: str
    partition: date
    state: RunRowState
    started_at: datetime
    error: str | None


def list_broken(session: Session, *, since: datetime, now: datetime) -> list[BrokenRun]:
    """Return the partitions whose newest run in production failed, or is `running` without a lease that holds.

    Of runs that began since then; the oldest first.
    """
    place = func.row_number().over(
        partition_by=(Row.workload, Row.partition), order_by=(Row.started_at.desc(), Row.id.desc())
    )
    newest = (
        select(*(getattr(Row, name) for name in BrokenRun.__slots__), place.label("place"))
        .where(Row.purpose == PRODUCTION, Row.started_at >= since, is_whole())
        .subquery()
    )
    held = exists().where(
        LeaseRow.workload == newest.c.workload,
        LeaseRow.partition == newest.c.partition,
        LeaseRow.owner.is_not(None),
        LeaseRow.expires_at > now,
    )
    broken = or_(newest.c.state == "failed", and_(newest.c.state == "running", ~held))
    rows = session.execute(
        select(*(newest.c[name] for name in BrokenRun.__slots__))
        .where(newest.c.place == 1, broken)
        .order_by(newest.c.started_at)
    )
    return [BrokenRun(*row) for row in rows]


def find_first_start(session: Session, version_id: UUID) -> datetime | None:
    """Return when the first run of a version began; None without one."""
    return session.execute(select(func.min(Row.started_at)).where(Row.version_id == version_id)).scalar_one()


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
    ids = [row["id"] for row in found]
    add_parts(session, found)
    names_of = find_answered_by(session, ids, find_parts(session, ids))
    return [to_readable(row | _answered(row, names_of.get(row["id"]))) for row in found]


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
    if not filters.get("parts"):
        conditions.append(is_whole())
    if (purpose := filters.get("purpose")) is not None:
        conditions.append(ran_for(purpose))
    engine, model = filters.get("engine"), filters.get("model")
    if engine is not None or model is not None:
        conditions.append(answered_with(engine=engine, model=model))
    if (since := filters.get("since")) is not None:
        conditions.append(Row.started_at >= since)
    if (until := filters.get("until")) is not None:
        conditions.append(Row.started_at <= until)
    return conditions


def _counts(
    session: Session, table: type[QuarantinedCountRow | WaitingCountRow], run_id: UUID
) -> dict[str, int]:
    ids = select(Row.id).where(ids_with_parts(run_id))
    rows = session.execute(
        select(table.reason, func.sum(table.count))
        .where(table.run_id.in_(ids))
        .group_by(table.reason)
        .order_by(table.reason)
    )
    return {row[0]: int(row[1]) for row in rows}
