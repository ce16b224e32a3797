"""Audits as a table: how often the API, or people, agree with what was served without it, by month and by what served it."""

from collections.abc import Sequence

from db.audits import count_months
from models.evaluation.audit_counts import AuditCount
from models.evaluation.audited import AuditDrop, find_drops
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.tables import write_rows
from tasks.ledger.queries import asking_ledger

COLUMNS = (
    *("workload", "served_by", "judge", "month", "audited", "agreeing", "unjudged", "agreement"),
    *("low", "high", "trend", "dropped", "chance"),
)
SPARE = ("chance", "agreeing", "unjudged")


def show_audits(settings: Settings, *, workload: str | None, output_format: TableFormat) -> None:
    """Print agreement by workload, engine, judge and month, the newest month first. For people, shares have three digits."""
    with asking_ledger(settings, workload) as session:
        rows = audit_rows(count_months(session, workload=workload))
    if output_format == "table":
        rows = [{name: _shown(name, value) for name, value in row.items()} for row in rows]
    write_rows(rows, COLUMNS, output_format, spare=SPARE)


def audit_rows(counts: Sequence[AuditCount]) -> list[dict[str, object]]:
    """Return one row a workload, engine, judge and month.

    `trend`: the change of the share that agrees against the month before that was audited. `dropped`: whether it agrees less than the months
    before by more than chance, `chance` how probable so few are by chance.
    """
    series: dict[tuple[str, str, str], list[AuditCount]] = {}
    for one in counts:
        series.setdefault((one.workload, one.engine, one.judge), []).append(one)
    rows = []
    for months in series.values():
        drops = {drop.now.month: drop for drop in find_drops(months)}
        before: list[AuditCount | None] = [None, *months]
        rows += [_row(now, last, drops.get(now.month)) for now, last in zip(months, before, strict=False)][
            ::-1
        ]
    return rows


def _row(now: AuditCount, last: AuditCount | None, drop: AuditDrop | None) -> dict[str, object]:
    trend = None
    if last is not None and now.agreement is not None and last.agreement is not None:
        trend = now.agreement - last.agreement
    interval = now.interval
    return {
        "workload": now.workload,
        "served_by": now.engine,
        "judge": now.judge,
        "month": f"{now.month:%Y-%m}",
        "audited": now.audited,
        "agreeing": now.agreeing,
        "unjudged": now.unjudged,
        "agreement": now.agreement,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "trend": trend,
        "dropped": drop is not None,
        "chance": None if drop is None else drop.chance,
    }


def _shown(name: str, value: object) -> object:
    if not isinstance(value, float):
        return value
    return f"{value:.2g}" if name == "chance" else f"{value:+.3f}" if name == "trend" else f"{value:.3f}"
