"""Which partitions a flow run is about."""

import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from models.errors import UsageError


def yesterday(now: datetime) -> date:
    """Return the last UTC date that is over at the instant `now` (which carries a time zone)."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def due_at() -> datetime:
    """Return when this flow run was due: one that starts late is still about the day or month that it was meant for.

    Outside of flows it is now. Commands do without Prefect, which takes seconds to import.
    """
    if "prefect" not in sys.modules:
        return datetime.now(UTC)
    from prefect import runtime  # noqa: PLC0415

    return runtime.flow_run.scheduled_start_time or datetime.now(UTC)


def choose_partition(partition: date | None) -> date:
    """Return the partition that was asked for; the default is yesterday in UTC, as of when this run was due."""
    return partition or yesterday(due_at())


def last_partitions(end: date, days: int) -> list[date]:
    """Return the `days` partitions that end at `end`, oldest first. Raises `UsageError` below one day."""
    if days < 1:
        msg = f"days must be at least 1, not {days}"
        raise UsageError(msg)
    return [end - timedelta(days=back) for back in reversed(range(days))]


def run_name(flow: str, parameters: Mapping[str, object]) -> str:
    """Name a flow run by its flow and partition: `sentiment 2026-11-01`."""
    partition = parameters.get("partition")
    return f"{flow} {partition or choose_partition(None)}"
