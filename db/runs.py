"""Runs: one execution of one partition, its timings, token totals and cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Literal
from uuid import UUID

from sqlalchemy import Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from db.dialects import execute_change, insert_new
from db.rows import cut_to_line
from db.tables import (
    QuarantinedCountRow,
    WaitingCountRow,
)
from db.tables import RunRow as Row
from models.economics.budget import loosest_caps
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.ids import new_id
from models.ledger.line import Closing
from models.ledger.rollup import CountedLine
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
    engine_arguments: str | None = None
    calibration: str | None = None
    caps: str | None = None
    shard: int | None = None
    shards: int | None = None
    part_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class RunKeys:
    """What a run that is taken up again goes on with."""

    version_id: UUID
    workload: str
    partition: date
    purpose: Purpose
    state: RunRowState
    engine: str
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


_RUNS: Table = Row.metadata.tables[Row.__tablename__]
_SUMS = [one.name for kind in (GpuTime, Increments) for one in fields(kind)]
_ADD = (
    update(_RUNS)
    .where(_RUNS.c.id == bindparam("run"))
    .values({name: _RUNS.c[name] + bindparam(f"more_{name}") for name in _SUMS})
)
"""Built once: each commit adds to its run."""


def start(session: Session, new: NewRun) -> UUID:
    """Start a run. Those in its place that never ended, or wait for a version that was given up, are interrupted.

    The place of a whole run is its partition, also on versions that were given up with their shards; that of a shard's run is
    its shard: others of the version may be at work.
    """
    now = datetime.now(UTC)
    same = Row.shard.is_(None) if new.shard is None else Row.shard == new.shard
    left = and_(Row.state == "running", same)
    if new.shard is not None:
        left = and_(left, Row.version_id == new.version_id)
    given_up = and_(Row.state.in_(("running", "waiting")), Row.version_id != new.version_id)
    session.execute(
        update(Row)
        .where(
            Row.workload == new.workload,
            Row.partition == new.partition,
            Row.purpose == new.purpose,
            left if new.shard is not None else or_(left, given_up),
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
    values = {f"more_{name}": value for name, value in more.items()}
    if not execute_change(session, _ADD, {"run": run_id, **values}):
        raise _no_run(run_id)


def note_answers(session: Session, closed: Iterable[tuple[CountedLine, Closing]]) -> None:
    """Note when the last answer that fits and was asked for at once came to each run; an earlier one than is known changes nothing."""
    fitting = [(line, one.ended_at) for line, one in closed if one.outcome == "ok" and one.ended_at]
    answers = [(line.run_id, at) for line, at in fitting if line.batch_id is None]
    for run_id, at in dict(sorted(answers, key=itemgetter(1))).items():
        session.execute(
            update(Row)
            .where(Row.id == run_id, or_(Row.answered_at.is_(None), Row.answered_at < at))
            .values(answered_at=at)
            .execution_options(synchronize_session=False)
        )


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
    stopped_with: str | None = None,
) -> None:
    """End a run. `error` is cut to one line and must hold no text of a record; `stopped_with` as in its row.

    Nothing waits for a run that is completed, nor for an earlier one of its version; one that is not keeps
    what it was last known to wait for. A shard's run speaks for itself alone.
    """
    ended = datetime.now(UTC)
    _set(session, run_id, state=state, error=cut_to_line(error), ended_at=ended, stopped_with=stopped_with)
    shard, version_id = session.execute(select(Row.shard, Row.version_id).where(Row.id == run_id)).one()
    if state == "completed" and shard is None:
        interrupt_shards(session, version_id)
        for waited in (run_id, *_complete_waiting(session, run_id)):
            _forget_waiting(session, waited)


def interrupt_shards(session: Session, version_id: UUID) -> None:
    """Interrupt the runs of a version's shards that never ended: nobody waits for them any more."""
    session.execute(
        update(Row)
        .where(Row.version_id == version_id, Row.shard.is_not(None), Row.state == "running")
        .values(state="interrupted", ended_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )


def wait(session: Session, run_id: UUID, counts: Mapping[str, int]) -> None:
    """End a run for now. `counts` says how many of its records wait, by what for; earlier ones are replaced."""
    _set(session, run_id, state="waiting", error=None, ended_at=datetime.now(UTC))
    _forget_waiting(session, run_id)
    if rows := [{"run_id": run_id, "reason": reason, "count": count} for reason, count in counts.items()]:
        session.execute(insert(WaitingCountRow), rows)


def resume(session: Session, run_id: UUID, caps: str | None = None) -> None:
    """Take a run up again that waits, or that ended before it was done. The caller holds the lease.

    `caps` are those that hold now: where they differ from those that it began with, the higher ones stand.

    Raises `UsageError` for an unknown run and for one that is completed.
    """
    if run_keys(session, run_id).state == "completed":
        msg = f"the run {run_id} is completed: nothing of it is left to do"
        raise UsageError(msg)
    begun = session.execute(select(Row.caps).where(Row.id == run_id)).scalar()
    _set(session, run_id, state="running", error=None, ended_at=None, caps=loosest_caps(begun, caps))


def find_stop(session: Session, run_id: UUID, stopped_with: str) -> str | None:
    """Return the one line of a run that failed since no answer could be used with these very settings, if it did."""
    failed = (Row.id == run_id, Row.state == "failed", Row.stopped_with == stopped_with)
    line: str | None = session.execute(select(Row.error).where(*failed)).scalar()
    return line


def run_keys(session: Session, run_id: UUID) -> RunKeys:
    """Return what a run was started with. Raises `UsageError` for an unknown run."""
    columns = [getattr(Row, name) for name in RunKeys.__slots__]
    found = session.execute(select(*columns).where(Row.id == run_id)).one_or_none()
    if found is None:
        raise _no_run(run_id)
    return RunKeys(*found)


def _set(session: Session, run_id: UUID, **values: object) -> None:
    statement = (
        update(Row).where(Row.id == run_id).values(**values).execution_options(synchronize_session=False)
    )
    if not execute_change(session, statement):
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


def _no_run(run_id: UUID) -> UsageError:
    return UsageError(f"the ledger knows no run {run_id}")
