"""`breakeven report`: the break-even report of a month, written, and sent where that is asked for."""

from pathlib import Path

from tasks.display.formats import DocumentFormat


def report(
    *,
    month: str | None = None,
    out: Path | None = None,
    send: bool = False,
    resend: bool = False,
    format: DocumentFormat = "text",
) -> int:
    """Make the break-even report of a month: a page, Markdown, JSON and pictures in a folder.

    Parameters
    ----------
    month
        Month (UTC), YYYY-MM; default: the last one that is over. The running month gives a report so far.
    out
        Folder for the files; default: reports/YYYY-MM in the output folder.
    send
        Send it to those whom the settings name; each gets a month's report once.
    resend
        Send it also to those who have got it.
    format
        What standard output gets: the verdict's sentence and the page's path, or the report itself.
    """
    from commands.quiet_libraries import keep_prefect_here

    keep_prefect_here()
    from commands.report_now import report_and_print

    return report_and_print(month, out=out, send=send or resend, resend=resend, output_format=format)
