"""Which runs of the local engine are at work, by the leases that they hold."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.dialects import clock
from db.tables import LeaseRow, RunRow
from models.run import lease_name


def list_at_work(session: Session) -> list[tuple[str, str]]:
    """Return what holds a lease while its run has the local engine, or trains for it: the lease's name, and its owner."""
    running = select(RunRow.workload, RunRow.purpose).where(
        RunRow.state == "running", RunRow.engine == "vllm"
    )
    names = {lease_name(workload, purpose) for workload, purpose in session.execute(running.distinct())}
    held = select(LeaseRow.workload, LeaseRow.owner).where(
        LeaseRow.workload.in_(names), LeaseRow.owner.is_not(None), LeaseRow.expires_at > clock(session)
    )
    return [(name, str(owner)) for name, owner in session.execute(held.order_by(LeaseRow.workload))]
