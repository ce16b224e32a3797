"""Runs whose machine was taken away, and the time on it that has to be done again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.tables import DailyUsageRow, RunRow, WaitingCountRow
from models.run import PRODUCTION

BY_HAND = "stopped by signal 2;%"
"""How the reason of a run begins that somebody stopped at a terminal (Ctrl-C)."""


def read_lost(session: Session, first: datetime, end: datetime) -> dict[UUID, int]:
    """Return what production's interrupted runs that began in `first <= at < end` lost, in nanoseconds, by run.

    That is its load, and the rest of its time that no record carries: both were paid, and are done again by whoever
    goes on. Work after the last commit of a run that was killed is in no row, and so in no sum.
    """
    carried = (
        select(DailyUsageRow.run_id, func.sum(DailyUsageRow.gpu_ns).label("ns"))
        .group_by(DailyUsageRow.run_id)
        .join(RunRow, RunRow.id == DailyUsageRow.run_id)
        .where(RunRow.state == "interrupted", RunRow.started_at >= first, RunRow.started_at < end)
        .subquery()
    )
    rows = session.execute(
        select(RunRow.id, RunRow.load_ns, RunRow.busy_ns, RunRow.idle_ns, func.coalesce(carried.c.ns, 0))
        .outerjoin(carried, carried.c.run_id == RunRow.id)
        .where(RunRow.started_at >= first, RunRow.started_at < end)
        .where(RunRow.purpose == PRODUCTION, _was_taken())
    )
    return {
        run_id: min(load + busy + idle, 2 * load + busy + idle - int(by_records))
        for run_id, load, busy, idle, by_records in rows
    }


def _was_taken() -> ColumnElement[bool]:
    """Whether a run was ended from outside: by SIGTERM, or killed and taken over. A run that waited and was given up was not.

    Of a process that was at work on a shard of the whole run that it coordinates, the shard's run stands for both.
    """
    given_up = and_(RunRow.error.is_(None), exists().where(WaitingCountRow.run_id == RunRow.id))
    by_hand = and_(RunRow.error.is_not(None), RunRow.error.like(BY_HAND))
    part = aliased(RunRow)
    same_process = part.flow_run_id.is_not_distinct_from(RunRow.flow_run_id)
    with_a_part = exists().where(part.part_of == RunRow.id, part.state == "interrupted", same_process)
    return and_(RunRow.state == "interrupted", ~or_(given_up, by_hand, with_a_part))
