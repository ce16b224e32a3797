"""Audits partitions from the terminal, in this process, and prints what came of each."""

from datetime import date

from commands.terminal import raise_on_sigterm
from flows.environment import read_settings
from models.errors import BreakevenError
from tasks.audit.each import COLUMNS, SPARE, audit_each, audit_row
from tasks.audit.request import AuditRequest
from tasks.audit.words import describe_audit
from tasks.display.formats import TableFormat
from tasks.display.messages import message_console
from tasks.display.show_progress import progress_bar
from tasks.display.tables import write_rows


def audit_and_print(ask: AuditRequest, last: date, *, output_format: TableFormat) -> int:
    """Audit the published partitions from that of the request to the last. Returns the exit code.

    Raises `UsageError` before anything is asked, and `BreakevenError` if one of several partitions failed: the table says which and why.
    """
    settings, console, rows, failed = read_settings(), message_console(), [], []
    with progress_bar(), raise_on_sigterm():
        for partition, found in audit_each(ask, ask.partition, last, settings):
            if isinstance(found, BreakevenError):
                if ask.partition == last:
                    raise found
                failed.append(partition)
            rows.append(audit_row(ask.workload, partition, found))
            if not isinstance(found, BreakevenError):
                console.print(describe_audit(found), markup=False)
    write_rows(_rounded(rows) if output_format == "table" else rows, COLUMNS, output_format, spare=SPARE)
    if failed:
        days = ", ".join(map(str, failed))
        msg = f"{len(failed)} of {len(rows)} audits failed: {ask.workload} {days}; the same command does what is left"
        raise BreakevenError(msg)
    return 0


def _rounded(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: f"{it:.3f}" if isinstance(it, float) else it for name, it in row.items()} for row in rows]
