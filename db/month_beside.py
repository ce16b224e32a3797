"""What runs beside production cost in months: evaluations and trials, trainings, audits."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import DailyUsageRow as Usage
from db.tables import RunRow
from models.months import month_of
from models.run import AUDIT, PRODUCTION, TRAINING, Purpose


@dataclass(slots=True)
class SpentBeside:
    """Nano-dollars of one month, machine and API."""

    evaluations_nano: int = 0
    training_nano: int = 0
    audits_nano: int = 0

    def add(self, purpose: Purpose | str, nano: int) -> None:
        """Add what a run of this purpose cost."""
        if purpose == TRAINING:
            self.training_nano += nano
        elif purpose == AUDIT:
            self.audits_nano += nano
        else:
            self.evaluations_nano += nano


def sum_beside(session: Session, first: date, end: date) -> dict[date, SpentBeside]:
    """Return what they cost in each month of the days `first <= day < end`: the machine by the day a run started, an API by that of the attempt."""
    found: defaultdict[date, SpentBeside] = defaultdict(SpentBeside)
    begin, over = (datetime.combine(day, time.min, UTC) for day in (first, end))
    runs = select(RunRow.started_at, RunRow.purpose, RunRow.gpu_cost_nano).where(
        RunRow.purpose != PRODUCTION, RunRow.started_at >= begin, RunRow.started_at < over
    )
    for run in session.execute(runs):
        found[month_of(run.started_at)].add(run.purpose, run.gpu_cost_nano)
    attempts = (
        select(Usage.day, RunRow.purpose, func.sum(Usage.cost_nano).label("nano"))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(RunRow.purpose != PRODUCTION, Usage.engine == "openai", Usage.day >= first, Usage.day < end)
        .group_by(Usage.day, RunRow.purpose)
    )
    for row in session.execute(attempts):
        found[month_of(row.day)].add(row.purpose, int(row.nano))
    return {month: spent for month, spent in found.items() if spent != SpentBeside()}
