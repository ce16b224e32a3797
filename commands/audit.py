"""`breakeven audit`: a share of what was served without the API is asked there as well."""

from datetime import date
from typing import Annotated

from cyclopts import Parameter

from models.errors import UsageError
from tasks.display.formats import TableFormat


def audit(
    workload: str,
    /,
    *,
    date: date | None = None,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
    input: str | None = None,
    where: str | None = None,
    share: float | None = None,
    format: TableFormat = "table",
) -> int:
    """Ask the API for a share of what it did not serve of published partitions, and say how often it agrees. What is published stays.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment.
    date
        Partition (UTC date, YYYY-MM-DD); default: yesterday.
    from_
        First partition of a range, with --to: all of it that is published.
    to
        Last partition, inclusive.
    input
        File, folder or address that the partition was read from, if not the workload's setting.
    where
        SQL condition on the input's columns that it was read with.
    share
        Share of the records, from 0 to 1; default: the workload's setting. A larger one asks for more beside those that were asked.
    format
        How rows are written to standard output.
    """
    from commands.quiet_libraries import keep_prefect_here
    from flows.streams import guard_streams

    guard_streams()
    keep_prefect_here()
    from commands.audit_now import audit_and_print
    from flows.dates import choose_partition
    from tasks.audit.request import AuditRequest

    if date is not None and (from_ is not None or to is not None):
        msg = "give --date, or --from and --to, not both"
        raise UsageError(msg)
    if (from_ is None) != (to is None) or (from_ is not None and to is not None and to < from_):
        msg = "give both --from and --to, the first day and the last"
        raise UsageError(msg)
    first = from_ or choose_partition(date)
    ask = AuditRequest(workload, first, input, where, share)
    return audit_and_print(ask, to or first, output_format=format)
