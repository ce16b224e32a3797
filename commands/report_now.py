"""Makes a month's report from the terminal, in this process and without Prefect."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from flows.break_even import last_month
from flows.environment import read_settings
from models.months import parse_month
from models.settings import Settings
from tasks.delivery.deliver import deliver_all, explain_failures, list_recipients
from tasks.delivery.senders import make_direct_sender
from tasks.display.formats import DocumentFormat
from tasks.display.messages import message_console
from tasks.display.table_layout import write_data
from tasks.display.working import show_working
from tasks.report.files import Rendered, folder_of, render_report, write_files
from tasks.report.versions import Monthly, make_report
from tasks.runtime.atomic_files import check_writable


def report_and_print(
    month: str | None, *, out: Path | None, send: bool, resend: bool, output_format: DocumentFormat
) -> int:
    """Make, write and, if asked, send the report of a month; print it or where it lies. Returns the exit code.

    Raises `UsageError` for what is no month or has not begun, and where there is no ledger; `DeliveryError` if
    it did not reach everyone.
    """
    settings = read_settings()
    if send:
        list_recipients(settings)  # before anything is made
    first = last_month(datetime.now(UTC), UTC) if month is None else parse_month(month)
    with show_working(f"making the report of {first:%Y-%m}"):
        monthly = make_report(first, settings)
    folder = out or folder_of(settings, first)
    check_writable(folder, settings.group_access)
    with show_working("drawing the report"):
        rendered = render_report(monthly.report)
    page = write_files(rendered.files, folder, settings.group_access)
    write_data(select_output(rendered, page, output_format))
    sys.stdout.flush()
    if send:
        send_report(settings, monthly, rendered, resend=resend)
    return 0


def select_output(rendered: Rendered, page: Path, output_format: DocumentFormat) -> str:
    """Return what standard output gets."""
    match output_format:
        case "text":
            return f"{rendered.verdict}\n{page}\n"
        case "markdown":
            return rendered.text
        case "json":
            return rendered.data
        case "html":
            return rendered.html


def send_report(settings: Settings, monthly: Monthly, rendered: Rendered, *, resend: bool) -> None:
    """Send the report and say on standard error to whom. Raises `DeliveryError` if it did not reach everyone."""
    console = message_console()
    send_each = make_direct_sender(rendered.letter, settings)
    delivered = deliver_all(settings, monthly, resend=resend, send_each=send_each)
    for one in delivered.sent:
        console.print(f"sent to {one.target}")
    for left in delivered.left:
        if not left.wrong:
            console.print(f"not sent to {left.recipient.target}: {left.why}")
    if (error := explain_failures(monthly.month, delivered)) is not None:
        raise error
