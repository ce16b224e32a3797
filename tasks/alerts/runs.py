"""Runs that failed, and records that wait for too long."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db import partitions, run_queries
from models.settings import Settings
from tasks.alerts.alert import Alert
from tasks.documents.amounts import plural

_FOR: Mapping[str, str] = {
    "batch": "answers of a batch",
    "budget": "a budget",
    "at_once": "the API",
}
"""What records wait for, in words; what is not here is told as the ledger names it."""


def find_waiting_alerts(session: Session, settings: Settings, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each partition of which records have been waiting for too long: since its first run began."""
    longest = timedelta(hours=settings.alerts.waiting_hours)
    for one in partitions.list_waiting(session):
        since = run_queries.find_first_start(session, one.version_id)
        if since is None or now - since <= longest:
            continue
        counts = run_queries.count_waiting(session, one.run_id)
        reasons = [f"{count:,} for {_FOR.get(reason, reason)}" for reason, count in counts.items()]
        waiting = sum(counts.values())
        how_many = plural(waiting, "record") if waiting else "Records"
        verb = "waits" if waiting == 1 else "wait"
        told = f" ({', '.join(reasons)})" if reasons else ""
        budget = "; what a budget holds back goes when it is raised or its period is over"
        yield Alert(
            kind="waiting",
            crossing=f"{one.workload} {one.partition}",
            what=(
                f"{how_many} of {one.workload}, {one.partition}, {verb} since {since:%Y-%m-%d %H:%M} UTC{told}."
            ),
            advice=(
                "`breakeven collect` takes up what is ready (the deployment collect_batches does so by itself)"
                f"{budget if 'budget' in counts else ''}; if it says that nothing is ready, see the provider's batches."
            ),
            group=f"{one.workload} {one.partition}",
        )


def find_failure_alerts(session: Session, settings: Settings, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each partition whose newest run failed, or was killed, lately."""
    since = now - timedelta(days=settings.alerts.run_failed_days)
    for one in run_queries.list_broken(session, since=since, now=now):
        what = f"The run of {one.workload} over {one.partition} of {one.started_at:%Y-%m-%d %H:%M} UTC"
        ended = f"failed: {one.error or 'no reason is written down'}"
        yield Alert(
            kind="run_failed",
            crossing=f"{one.workload} {one.partition}",
            what=f"{what} {ended if one.state == 'failed' else 'ended without a word: it was killed, or its machine is gone'}.",
            advice=(
                f"Mend what it says, then `breakeven run {one.workload} --date {one.partition}` does the rest; what had finished is kept."
                f" `breakeven ledger runs --workload {one.workload}` lists its runs."
            ),
            group=f"{one.workload} {one.partition}",
        )
