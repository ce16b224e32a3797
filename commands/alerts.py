"""`breakeven alerts`: what somebody should hear of before the month is over, shown, sent, or tried out."""

from tasks.display.formats import TableFormat


def alerts(*, send: bool = False, test: bool = False, format: TableFormat = "table") -> int:
    """Show what stands now: budgets nearly used up, records that wait, failed runs, another recommendation, prices, models that leave.

    Parameters
    ----------
    send
        Send what is new to those who get the report; each of them gets each alert once.
    test
        Send one test message to every recipient, and say how it went.
    format
        How rows are written to standard output.
    """
    from commands.quiet_libraries import keep_prefect_here

    keep_prefect_here()
    from commands.alerts_now import alert_and_print

    return alert_and_print(send=send, test=test, output_format=format)
