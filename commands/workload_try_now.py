"""Tries a workload, and compares it with what is published, from the terminal."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict

from rich.console import Console

from commands.terminal import raise_on_sigterm
from flows.environment import read_settings
from models.economics.pricing import nano_to_usd
from models.economics.quote import Quote
from models.run import RunResult
from models.settings import Settings
from tasks.backfill.against_quote import describe_quote
from tasks.display.confirm import confirm
from tasks.display.formats import TableFormat
from tasks.display.messages import message_console
from tasks.display.result_text import result_lines
from tasks.display.show_progress import progress_bar
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.planning.request import RunRequest
from tasks.workload.diff import Diff, DiffRequest, plan_diff, run_diff
from tasks.workload.trial import (
    Trial,
    TrialRequest,
    Tried,
    host_of_api,
    plan_trial,
    quote_trial,
    run_trial,
    settings_of_trial,
    shown_output,
)

FIGURES = ("input_tokens", "output_tokens", "cost_usd")
COLUMNS = ("record", "input", "answer", "confidence", *FIGURES, "state")
SPARE = ("confidence",)
DIFF_COLUMNS = ("column", "equal", "changed", "now_invalid")
CHANGE_COLUMNS = ("record", "text", "column", "published", "now")
LONGEST = 400
"""Characters of a text that a table shows; the other formats have all of it."""


def try_and_print(ask: TrialRequest, *, yes: bool, output_format: TableFormat) -> int:
    """Answer some records and print input beside output. Returns the exit code: 1 where none had a valid answer."""
    settings, console = settings_of_trial(read_settings(), ask.engine), message_console()
    with show_working("looking at the input"):
        request = plan_trial(ask, settings)
        quoted = quote_trial(request, settings) if ask.engine == "openai" else None
    if quoted is not None and not may_send(console, request, quoted, settings, yes=yes):
        return 0
    with progress_bar(), raise_on_sigterm():
        trial = run_trial(request, settings)
    return _print(trial, console, output_format)


def may_send(console: Console, request: RunRequest, quoted: Quote, settings: Settings, *, yes: bool) -> bool:
    """Say what would be sent to the API, and ask. True at once where nothing is left to send, or nobody wants to be asked."""
    if not quoted.records:
        return True
    console.print(f"{request.workload} {request.partition}: {describe_quote(quoted)}")
    host = host_of_api(settings)
    unattended = f"records would be sent to {host}, and nobody is there to answer: add --yes"
    if yes or confirm(console, f"send {quoted.records} records to {host}?", unattended):
        return True
    console.print("nothing was sent")
    return False


def _print(trial: Trial, console: Console, output_format: TableFormat) -> int:
    result = trial.result
    if not trial.records:
        console.print(
            f"{result.workload} {result.partition}: the input has no record for this day; --date names another"
        )
        return 1
    cut = output_format == "table"
    write_rows([_row(one, cut=cut) for one in trial.records], COLUMNS, output_format, spare=SPARE)
    if result.state == "skipped":
        console.print("answered before with this wording, so nothing was asked; --rerun asks again")
    else:
        _print_cost(console, result)
    console.print("a trial: nothing is published; its cost is in the ledger (ledger summary --by purpose)")
    sys.stdout.flush()
    return int(all(one.reason for one in trial.records))


def _print_cost(console: Console, result: RunResult) -> None:
    kept = f", {result.carried} as before" if result.carried else ""
    console.print(
        f"{result.records} records: {result.published} answered{kept}, {result.quarantined} set aside"
    )
    for line in result_lines(result)[1:]:
        console.print(line)


def _row(one: Tried, *, cut: bool) -> dict[str, object]:
    answer = shown_output(one.output) if one.reason is None else one.answer or ""
    line = one.line
    if line is None:  # no engine was asked
        nothing = "" if cut else None
        figures: dict[str, object] = dict.fromkeys(FIGURES, nothing)
    else:
        cost = None if line.cost_nano is None else nano_to_usd(line.cost_nano)
        figures = dict(zip(FIGURES, (line.input_tokens, line.output_tokens, cost), strict=True))
    return {
        "record": one.key,
        "input": _shown(one.text, cut=cut),
        "answer": _shown(answer, cut=cut),
        "confidence": None if one.confidence is None else round(one.confidence, 3),
        **figures,
        "state": one.reason or "ok",
    }


def _shown(text: str, *, cut: bool) -> str:
    if not cut:
        return text
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def rows_of(values: Sequence[dict[str, object]]) -> Sequence[dict[str, object]]:
    """Return rows whose texts are cut to what a table can show."""
    return [{name: _shown(str(value), cut=True) for name, value in row.items()} for row in values]


def diff_and_print(ask: DiffRequest, *, rows: int, yes: bool) -> None:
    """Compare a sample of what is published with the workload as it is now, and print what differs."""
    settings, console = settings_of_trial(read_settings(), ask.engine), message_console()
    with raise_on_sigterm(), ExitStack() as stack:
        with show_working("reading what is published, and its input"):
            plan = stack.enter_context(plan_diff(ask, settings))
            quoted = quote_trial(plan.request, settings)
        drawn = plan.drawn
        lost = f"; {drawn.lost} drawn ones have another text now, or none" if drawn.lost else ""
        console.print(f"{ask.workload}: {len(drawn.records)} of {drawn.of:,} published records{lost}")
        if ask.engine == "openai":
            if not may_send(console, plan.request, quoted, settings, yes=yes):
                return
        else:
            console.print(describe_quote(quoted))
        with progress_bar():
            found = run_diff(plan, settings)
    _print_diff(found, rows, console)


def _print_diff(found: Diff, rows: int, console: Console) -> None:
    """Print the counts of each column, some changed records, and what the comparison cost."""
    write_rows([asdict(one) for one in found.columns], DIFF_COLUMNS, "table")
    for what, names in (("new", found.only_now), ("no longer there", found.only_published)):
        if names:
            console.print(f"columns that are {what}: {', '.join(names)}")
    if found.same:
        console.print("every answer is as it is published")
    shown = [asdict(one) for one in found.changes[:rows]]
    if shown:
        write_rows(rows_of(shown), CHANGE_COLUMNS, "table", more="")
    if left := len(found.changes) - len(shown):
        console.print(f"{left} more changes are not shown; --rows shows more")
    sys.stdout.flush()
    if found.result.state == "skipped":
        console.print("answered before with this wording, so nothing was asked; --rerun asks again")
    else:
        _print_cost(console, found.result)
    console.print("a trial: nothing is published; its cost is in the ledger (ledger summary --by purpose)")
