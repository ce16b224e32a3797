"""What was spent on APIs against the caps that runs began with: an endpoint that bills more than it may passes them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import ApiSpendRow as Spend
from db.tables import DailyUsageRow as Usage
from db.tables import RunRow
from models.economics.budget import Cap, read_caps
from models.economics.pricing import nano_to_usd
from models.ledger.findings import Flaw


class _Spent(NamedTuple):
    """What a run spent on APIs on one UTC day, and the caps that it began with; none where it names none."""

    run_id: UUID
    workload: str
    day: date
    nano: int
    caps: tuple[Cap, ...]


def find_cap_flaws(session: Session) -> Iterator[Flaw]:
    """Yield the caps that were passed, and by how much. No line is read, so archived runs are looked at as well.

    A day or a month is judged by the highest cap among its runs, and not at all where one of them had none.
    """
    spent = list(_read_runs(session))
    of_runs: defaultdict[UUID, list[_Spent]] = defaultdict(list)
    for one in spent:
        of_runs[one.run_id].append(one)
    for run_id, own in sorted(of_runs.items()):
        total = sum(one.nano for one in own)
        for cap in own[0].caps:
            if cap.scope == "run" and total > cap.limit_nano:
                yield _passed(cap, total, str(run_id))
    yield from _judge("day", spent, _by_day(session, len("YYYY-MM-DD")))
    yield from _judge("month", spent, _by_day(session, len("YYYY-MM")))


def _read_runs(session: Session) -> Iterator[_Spent]:
    days = (
        select(Usage.run_id, Usage.day, func.sum(Usage.cost_nano).label("nano"))
        .where(Usage.engine == "openai")
        .group_by(Usage.run_id, Usage.day)
        .subquery()
    )
    rows = session.execute(
        select(days.c.run_id, RunRow.workload, days.c.day, days.c.nano, RunRow.caps).join(
            RunRow, RunRow.id == days.c.run_id
        )
    )
    for run_id, workload, day, nano, caps in rows:
        yield _Spent(run_id, workload, day, int(nano), tuple(read_caps(caps)))


def _by_day(session: Session, size: int) -> Mapping[tuple[str, str | None], int]:
    """Sum what was spent by the first `size` letters of the day, of each workload and (None) of all."""
    sums: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    for day, workload, nano in session.execute(select(Spend.day, Spend.workload, Spend.nano)):
        for of in (workload, None):
            sums[day.isoformat()[:size], of] += nano
    return sums


def _judge(scope: str, spent: list[_Spent], sums: Mapping[tuple[str, str | None], int]) -> Iterator[Flaw]:
    limits: defaultdict[tuple[str, str | None], list[Cap | None]] = defaultdict(list)
    size = len(next(iter(sums))[0]) if sums else 0
    for one in spent:
        for of in (one.workload, None):
            cap = next((cap for cap in one.caps if (cap.scope, cap.workload) == (scope, of)), None)
            limits[one.day.isoformat()[:size], of].append(cap)
    for key, caps in sorted(limits.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        known = [cap for cap in caps if cap is not None]
        if known and len(known) == len(caps):
            highest = max(known, key=lambda cap: cap.limit_nano)
            if (total := sums.get(key, 0)) > highest.limit_nano:
                yield _passed(highest, total, key[0])


def _passed(cap: Cap, spent: int, where: str) -> Flaw:
    more = nano_to_usd(spent - cap.limit_nano).normalize()
    detail = f"{cap.name}: ${nano_to_usd(spent).normalize():f} was spent, ${more:f} more"
    return Flaw("caps", f"more was spent on APIs than a {cap.scope} cap allows", where, detail)
