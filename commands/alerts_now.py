"""Looks at what stands from the terminal, sends what is new, or a test; in this process and without Prefect."""

from flows.environment import read_settings
from models.errors import DeliveryError, UsageError
from models.settings import Settings
from tasks.alerts.send import AlertsSent, explain_failures, send_alerts, send_test
from tasks.alerts.show import COLUMNS, SPARE, list_standing, sent_rows
from tasks.display.formats import TableFormat
from tasks.display.messages import message_console
from tasks.display.tables import write_rows
from tasks.display.working import show_working


def alert_and_print(*, send: bool, test: bool, output_format: TableFormat) -> int:
    """Show what stands; before that send what is new, where that is asked for. Returns the exit code.

    Raises `UsageError` where nobody is named to send to, and `DeliveryError` if it did not reach everyone.
    """
    settings = read_settings()
    if send and test:
        msg = "--test sends a test message and nothing else: leave out --send"
        raise UsageError(msg)
    if test:
        return _test(settings, output_format)
    done: AlertsSent | None = None
    with show_working("looking at what stands"):
        if send:
            done = send_alerts(settings)
        rows, problems = list_standing(settings)
    console = message_console()
    for problem in problems:
        console.print(problem, markup=False)
    if rows or output_format != "table":
        write_rows(rows, COLUMNS, output_format, spare=SPARE)
    elif not problems:
        console.print("nothing stands that is alerted of")
    if done is not None:
        for recipient, count in done.sent.items():
            console.print(f"sent to {recipient.target}: {count}", markup=False)
        if (error := explain_failures(done)) is not None:
            raise error
    return 0


def _test(settings: Settings, output_format: TableFormat) -> int:
    with show_working("sending a test message to every recipient"):
        outcome = send_test(settings)
    write_rows(sent_rows(outcome), ("to", "by", "state", "why"), output_format)
    failed = [one.target for one, why in outcome.items() if why is not None]
    if failed:
        msg = f"the test did not reach {', '.join(failed)}: correct what the table says, and try again"
        raise DeliveryError(msg)
    return 0
