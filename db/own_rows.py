"""What a run wrote, read back: a run says that it is completed only of a ledger that tells the same."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import DailyUsageRow, LedgerLineRow, PartitionVersionRow, PartRow, RunRow


def find_gap(session: Session, run_id: UUID, version_id: UUID, parts: int, *, published: bool) -> str | None:
    """Say what of a run is not in the ledger as it was written, in a few words; None: all is there.

    `parts`: how many are registered for its version; `published`: whether the version is published and the run completed.
    Reads the run's own rows alone.
    """
    state = session.execute(select(RunRow.state).where(RunRow.id == run_id)).scalar()
    if state != ("completed" if published else "running"):
        return "the run is not in it as it was written"
    version = session.execute(
        select(PartitionVersionRow.state).where(PartitionVersionRow.id == version_id)
    ).scalar()
    if version not in (("published", "superseded") if published else ("open",)):  # the next run may be quick
        return "the version of the partition is not in it as it was written"
    found = session.execute(select(func.count()).where(PartRow.version_id == version_id)).scalar_one()
    if found != parts and not published:
        return f"{found} parts where {parts} were registered"
    lines = session.execute(
        select(func.count(), func.coalesce(func.sum(LedgerLineRow.cost_nano), 0)).where(
            LedgerLineRow.run_id == run_id
        )
    ).one()
    sums = session.execute(
        select(
            func.coalesce(func.sum(DailyUsageRow.attempts), 0),
            func.coalesce(func.sum(DailyUsageRow.cost_nano), 0),
        ).where(DailyUsageRow.run_id == run_id)
    ).one()
    if int(lines[0]) != int(sums[0]) or int(lines[1]) != int(sums[1]):
        return f"{lines[0]} lines of the run where {sums[0]} were written"
    return None
