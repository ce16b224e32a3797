"""The newest dates of which an input has records, found as fast as its kind allows."""

from collections.abc import Sequence
from datetime import date, timedelta

from tasks.reading.dates import partitions_between
from tasks.reading.partition import days_in_names, open_partition, open_raw
from tasks.reading.source import Source

DAYS_OF_A_QUERY = 7
"""How far back the newest records of a query are looked for: each date is asked for."""


def newest_dates(source: Source, yesterday: date) -> Sequence[date] | None:
    """Return dates of which there is a record, the newest last; None where the input has no dates.

    Of a query, the last `DAYS_OF_A_QUERY` only. Raises `InputError`.
    """
    if source.query:
        return partitions_between(source, yesterday - timedelta(days=DAYS_OF_A_QUERY - 1), yesterday)
    if (folders := days_in_names(source, yesterday)) is not None:
        return folders
    raw = open_raw(source, yesterday)
    if raw.columns.timestamp is None:
        return None
    ends = raw.dates()
    if ends is None:
        open_partition(source, yesterday)  # says that no timestamp can be read
        return []
    return [ends[1]] if raw.is_empty() else sorted({yesterday, max(yesterday, ends[1])})
