"""Runs partitions from the terminal: in this process, with a progress bar, and prints the results."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType

from commands.run_inline import backfill_all, collect_all, run_one
from flows.environment import prefect_api_is_set, read_settings
from models import workloads
from models.backfill import PartitionOutcome, Step, to_do
from models.economics.quote import Quote
from models.errors import Interrupted
from models.run import RunResult
from models.settings import Settings
from tasks.backfill.against_quote import compare_with_quote, describe_quote, describe_spread
from tasks.backfill.in_shards import describe_shards
from tasks.backfill.replaced import describe_replaced
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import QUOTE_COLUMNS, QUOTE_SPARE, quote, survey
from tasks.display.confirm import confirm
from tasks.display.decisions import show_decisions
from tasks.display.messages import message_console
from tasks.display.quarantine_text import quarantine_lines
from tasks.display.result_text import SPARE, outcome_table, result_lines
from tasks.display.run_rows import describe_counts
from tasks.display.show_progress import progress_bar
from tasks.display.table_layout import write_data
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.planning.request import RunRequest
from tasks.planning.workers import WorkersNotCounted


def run_and_print(request: RunRequest) -> int:
    """Run one partition now and print its result. Returns the exit code."""
    workloads.build(request.workload, read_settings())  # an unknown name is an error before anything starts
    with progress_bar(), raise_on_sigterm(), show_decisions():
        result = run_one(request)
    return print_result(result, request)


def backfill_and_print(ask: BackfillRequest, *, parallel: int | None, quote_only: bool, yes: bool) -> int:
    """Quote a backfill, ask, run it, and print the outcome of each partition. Returns the exit code.

    Raises `UsageError` before anything is changed: a range or an input that cannot be, nobody to ask.
    """
    with raise_on_sigterm():
        return _quoted_backfill(ask, parallel=parallel, quote_only=quote_only, yes=yes)


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """End with one line and 143 when SIGTERM comes while no run listens for it: before, between and after them.

    Python would be gone at once, its run not closed in the ledger, and Prefect's embedded server left behind where
    there is one.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        msg = (
            f"stopped by signal {number}; what had finished is committed, the same command does what is left"
        )
        raise Interrupted(msg, number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _quoted_backfill(ask: BackfillRequest, *, parallel: int | None, quote_only: bool, yes: bool) -> int:
    console = message_console()
    settings = read_settings()
    ask = replace(ask, range=ask.range.checked(datetime.now(UTC)))
    with show_working("looking at the input"):
        steps = survey(ask, settings)
        todo = to_do(steps)
        quoted = quote(ask, todo, settings, 1 if parallel is None else len(todo))
    console.print(
        f"{ask.workload}: {len(steps)} partitions, {len(steps) - len(todo)} published as they would be again"
    )
    for line in describe_replaced(ask.workload, todo):
        console.print(line)
    if not todo:
        console.print("nothing is to be done")
        return 0
    write_rows([*quoted.rows(), quoted.total()], QUOTE_COLUMNS, "table", spare=QUOTE_SPARE, more="")
    console.print(describe_quote(quoted))
    if (said := _describe_workers(ask, quoted, settings, parallel)) is not None:
        console.print(said)
    if quote_only:
        return 0
    unattended = (
        "a backfill asks before it runs, and nobody is there to answer: add --yes, or --quote to stop there"
    )
    if not yes and not confirm(console, f"run {len(todo)} partitions?", unattended):
        console.print("nothing was done")
        return 0
    return _backfill(ask, parallel, todo, quoted)


def _describe_workers(
    ask: BackfillRequest, quoted: Quote, settings: Settings, parallel: int | None
) -> str | None:
    """Say how long it takes on the workers that there are, where several of them may do it."""
    if parallel is None and not prefect_api_is_set():
        return describe_shards(quoted, ask.asked_shards(settings), 1)
    from flows.shard_helpers import count_takers  # Prefect takes seconds to import
    from tasks.workers.pools import find_gpu_workers

    if parallel is not None:
        return describe_spread(quoted, parallel, find_gpu_workers(settings))
    try:
        workers = count_takers(ask.workload, settings)
    except WorkersNotCounted as error:
        return describe_shards(quoted, ask.asked_shards(settings), 1, str(error))
    return describe_shards(quoted, ask.asked_shards(settings), workers)


def _backfill(ask: BackfillRequest, parallel: int | None, todo: list[Step], quoted: Quote) -> int:
    """Run the flow over what was found and print the table, also where a partition failed or it was stopped.

    Raises what the flow raises: then the command says so in one line.
    """
    outcomes: list[PartitionOutcome] = []
    try:
        with progress_bar(), show_decisions():
            backfill_all(ask, todo, quoted, parallel=parallel, outcomes=outcomes)
    finally:
        show_outcomes(outcomes, quoted)
    return 0


def show_outcomes(outcomes: list[PartitionOutcome], quoted: Quote) -> None:
    """Print the outcome of each partition, and its cost against the quote."""
    if not outcomes:
        return
    rows, columns = outcome_table(outcomes)
    write_rows(rows, columns, "table", spare=SPARE, more="")
    console = message_console()
    for line in (
        *quarantine_lines(one.result for one in outcomes if one.result),
        *compare_with_quote(outcomes, quoted),
    ):
        console.print(line)


def collect_and_print() -> int:
    """Collect the pending records of every partition, and print each result. Returns the exit code."""
    read_settings()  # a mistake in them is said before anything starts
    locked: list[str] = []
    with progress_bar(), raise_on_sigterm():
        results = collect_all(locked.append)
    console = message_console()
    for line in locked:
        console.print(line)
    if not results and not locked:
        console.print("nothing waits")
    for result in results:
        print_result(result)
    return 0


def print_result(result: RunResult, request: RunRequest | None = None) -> int:
    """Print the end of a run on standard error and where its output lies on standard output."""
    console = message_console()
    match result.state:
        case "skipped":
            console.print(
                f"{result.workload} {result.partition} is published already; nothing was done ({_why_skipped(request)})"
            )
        case "empty":
            console.print(f"{result.workload} {result.partition}: the input has no record for this day")
        case "completed" | "waiting":
            for line in (*result_lines(result), *quarantine_lines([result])):
                console.print(line)
    if result.state == "waiting":
        console.print(
            f"{result.workload} {result.partition} is not published yet: {describe_counts(result.waiting) or 'its input'} "
            "must come first; `breakeven collect` takes up what waits, the same run reads what is left"
        )
    if result.output is not None:
        if not sys.stdout.isatty():  # it stands there too
            console.print(f"output: {result.output}")
        write_data(f"{result.output}\n")
    return 0


def _why_skipped(request: RunRequest | None) -> str:
    if request is not None and request.refresh:
        return "its input is unchanged"
    if request is not None and request.retry_quarantined:
        return "no record of it is set aside for a reason that asking again can mend, or that was named"
    return "--refresh adds what is new, --rerun replaces it"
