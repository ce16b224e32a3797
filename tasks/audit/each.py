"""Audits of a range of partitions: those that are published, one after the other."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from db.partitions import list_published
from models.economics.pricing import nano_to_usd
from models.errors import BreakevenError, Interrupted, UsageError
from models.evaluation.intervals import wilson
from models.settings import Settings
from tasks.audit.request import AuditRequest, AuditResult
from tasks.audit.run import audit_partition, check_audit
from tasks.runtime.ledger_access import reading_ledger

COLUMNS = (
    *("workload", "partition", "state", "drawn", "audited", "agreeing", "agreement", "low", "high"),
    *("changed", "unanswered", "cost_usd", "why"),
)
SPARE = ("changed", "unanswered", "drawn", "workload", "why")


def published_between(workload: str, first: date, last: date, settings: Settings) -> list[date]:
    """Return the published partitions of a range. Raises `UsageError` where there is none."""
    with reading_ledger(settings) as session:
        found = sorted(
            one.partition
            for one in list_published(session)
            if one.workload == workload and first <= one.partition <= last
        )
    if not found:
        msg = f"nothing of {workload} is published from {first} to {last}: run it first"
        raise UsageError(msg)
    return found


def audit_each(
    ask: AuditRequest, first: date, last: date, settings: Settings
) -> Iterator[tuple[date, AuditResult | BreakevenError]]:
    """Audit every published partition of a range; one that fails stops no other. Raises `Interrupted`, and `UsageError` before anything is asked."""
    check_audit(ask, settings)
    for partition in published_between(ask.workload, first, last, settings):
        try:
            yield partition, audit_partition(replace(ask, partition=partition), settings)
        except Interrupted:
            raise
        except BreakevenError as error:
            yield partition, error


def audit_row(workload: str, partition: date, found: AuditResult | BreakevenError) -> dict[str, object]:
    """Return what an audit came to as a row."""
    if isinstance(found, BreakevenError):
        return {"workload": workload, "partition": partition, "state": "failed", "why": str(found)}
    interval = wilson(found.agreeing, found.audited)
    return {
        "workload": workload,
        "partition": partition,
        "state": found.state,
        "drawn": found.drawn,
        "audited": found.audited,
        "agreeing": found.agreeing,
        "agreement": found.agreeing / found.audited if found.audited else None,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "changed": found.changed,
        "unanswered": found.unanswered,
        "cost_usd": None if found.cost_nano is None else nano_to_usd(found.cost_nano),
        "why": ", ".join(f"{count} {reason}" for reason, count in found.waiting.items()),
    }
