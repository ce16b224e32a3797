"""Which runs of the local engine are at work, by the leases that they hold."""

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from db.dialects import clock
from db.tables import LeaseRow, RunRow
from models.run import PRODUCTION, lease_name
from models.shards import Share


def list_at_work(session: Session) -> list[tuple[str, str]]:
    """Return what holds a lease while its run has the local engine, or trains for it: the lease's name, and its owner.

    A production run that asks a classifier or triage first has the local engine behind it. A shard's run holds a lease of its own.
    """
    behind = and_(RunRow.engine == "classifier", RunRow.purpose == PRODUCTION)
    running = select(RunRow.workload, RunRow.purpose, RunRow.shard, RunRow.shards).where(
        RunRow.state == "running", or_(RunRow.engine == "vllm", behind)
    )
    names = {
        lease_name(workload, purpose, None if shard is None else Share(shard, shards))
        for workload, purpose, shard, shards in session.execute(running.distinct())
    }
    held = select(LeaseRow.workload, LeaseRow.owner).where(
        LeaseRow.workload.in_(names), LeaseRow.owner.is_not(None), LeaseRow.expires_at > clock(session)
    )
    return [(name, str(owner)) for name, owner in session.execute(held.order_by(LeaseRow.workload))]
