"""Records that were set aside: how many for which reason, how many of them an engine had answered, at what cost."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import LedgerLineRow as Line
from db.tables import QuarantinedCountRow as Row
from db.tables import RunRow
from models.records import Quarantined, SetAside

_KEYS = 500  # 999 bound values are what any SQLite takes


def set_aside(session: Session, version_id: UUID, items: Iterable[Quarantined]) -> dict[str, SetAside]:
    """Sum up records that are being set aside, by reason; their lines are written and closed before.

    An engine has answered one if an attempt of it, in whatever run of its version, ended otherwise than `failed`:
    the API may have charged for an attempt of unknown outcome.
    """
    by_key = {item.key: item for item in items}
    asked = [key for key, item in by_key.items() if item.engine is not None]
    costs = _costs(session, version_id, asked)
    sums: defaultdict[str, SetAside] = defaultdict(SetAside)
    for key, item in by_key.items():
        sums[item.reason] += SetAside(1, int(key in costs), costs.get(key, 0))
    return dict(sums)


def count_by_reason(session: Session, version_id: UUID) -> dict[str, int]:
    """Return how many records of a version were set aside, by reason, whichever of its runs did so."""
    rows = session.execute(
        select(Row.reason, func.sum(Row.count).label("records"))
        .join(RunRow, RunRow.id == Row.run_id)
        .where(RunRow.version_id == version_id)
        .group_by(Row.reason)
        .order_by(Row.reason)
    )
    return {row.reason: int(row.records) for row in rows}


def _costs(session: Session, version_id: UUID, keys: Sequence[str]) -> dict[str, int]:
    """Return what the attempts of records that were answered cost, nano-dollars."""
    runs = select(RunRow.id).where(RunRow.version_id == version_id)
    costs: dict[str, int] = {}
    for first in range(0, len(keys), _KEYS):
        rows = session.execute(
            select(Line.record_key, func.sum(func.coalesce(Line.cost_nano, 0)).label("nano"))
            .where(Line.run_id.in_(runs), Line.record_key.in_(keys[first : first + _KEYS]))
            .where(Line.outcome != "failed")
            .group_by(Line.record_key)
        )
        costs.update({row.record_key: int(row.nano) for row in rows})
    return costs
