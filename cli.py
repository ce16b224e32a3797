"""The `breakeven` command: thin; each command calls one function of flows, tasks or db and prints rows."""

import errno
import os
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, validators

from commands.alerts import alerts
from commands.audit import audit
from commands.catalog import catalog
from commands.evaluate import evaluate
from commands.forecast import forecast
from commands.history import archive, calibration, prices, reprice
from commands.infrastructure import infrastructure
from commands.label import label
from commands.leaving import leave_at_once, leave_with
from commands.ledger import ledger
from commands.prices import prices as published_prices
from commands.quiet_libraries import quiet_libraries
from commands.report import report
from commands.train import train, trained
from commands.worker import worker
from commands.workload import workload
from flows.streams import NOBODY_READS, find_lost, guard, guard_streams, open_streams
from models.errors import BreakevenError, UsageError, remember_secrets
from models.log_records import show_what_is_logged
from models.proxies import describe_proxy_fault
from models.settings.secrets import secrets_in
from models.settings.worker_number import check_shards

NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE)
"""Errors of a place that output goes to."""

app = App(
    name="breakeven",
    help="Run text workloads on your own GPU, account for every token, and learn whether it pays.",
    result_action="return_value",
    version=lambda: version("breakeven"),
)
app.command(ledger)
for command in (reprice, prices, calibration, archive):
    ledger.command(command)
app.command(infrastructure)
app.command(published_prices)
app.command(catalog)
app.command(forecast)
app.command(report)
app.command(alerts)
app.command(evaluate)
app.command(label)
app.command(train)
app.command(trained)
app.command(audit)
app.command(workload)
app.command(worker)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: exit code 0, 1 (failed) or 2 (bad usage); one line on standard error, no traceback."""
    if arguments is None:
        leave_at_once()
    code = _answer(arguments)
    if arguments is None:
        leave_with(code)
    sys.exit(code)


def _answer(arguments: Sequence[str] | None) -> int:
    """Do what was asked, with whatever comes of it in one line; return the exit code."""
    open_streams()
    guard(sys.stderr)
    show_what_is_logged()
    quiet_libraries()
    given = list(sys.argv[1:] if arguments is None else arguments)
    remember_secrets(secrets_in([one.partition("=")[2] if one.startswith("--") else one for one in given]))
    try:
        code = app(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        code = print_error(str(error), UsageError.exit_code)
    except BreakevenError as error:
        code = print_error(str(error), error.exit_code)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        code = print_error("interrupted", 130)
    except (ValueError, ImportError) as error:
        if (fault := describe_proxy_fault(error)) is None:
            raise
        code = print_error(fault, UsageError.exit_code)
    except OSError as error:
        if error.errno not in NOT_WRITTEN or error.filename is not None:
            raise
        code = report_unwritable(error)
    if (unwritten := find_lost(sys.stdout)) is not None and unwritten.errno not in NOBODY_READS:
        code = report_unwritable(unwritten)
    return code or 0


def report_unwritable(error: OSError) -> int:
    """Say that standard output takes no more, and see that the interpreter does not try it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return print_error(f"standard output could not be written: {error.strerror}", 1)


def print_error(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    print(f"error: {BreakevenError(' '.join(message.split()))}", file=sys.stderr)
    return code


@app.command
def doctor(*, api: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check GPU, vLLM, model, database, Prefect API, API key and prices; say what to do about each.

    Parameters
    ----------
    api
        Send one small request to the API, and one in a batch: what the endpoint can do, and what 1,000 records cost. Both are on the ledger, as trials.
    """
    from flows.environment import read_settings
    from tasks.display.tables import write_rows
    from tasks.display.working import show_working
    from tasks.setup.doctor import check_setup

    settings = read_settings()
    checks = check_setup(settings)
    if api:
        from tasks.setup.api_doctor import probe_api

        with show_working("asking the API"):
            checks += probe_api(settings)
    rows = [{"check": c.name, "state": c.state, "found": c.found, "what to do": c.advice} for c in checks]
    write_rows(rows, ["check", "state", "found", "what to do"], "table")
    return int(any(c.state == "fail" for c in checks))


@app.command
def run(
    workload: str,
    /,
    *,
    date: date | None = None,
    input: str | None = None,
    where: str | None = None,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    engine: Literal["vllm", "openai"] = "vllm",
    rerun: bool = False,
    refresh: bool = False,
    retry_quarantined: bool = False,
    reason: Annotated[
        list[Literal["too_long", "refused", "invalid_output", "reasoning_limit", "unanswered"]] | None,
        Parameter(consume_multiple=True, negative=()),
    ] = None,
    shards: Annotated[int | Literal["auto"] | None, Parameter(validator=check_shards)] = None,
) -> int:
    """Run one workload over one partition, here and now.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment.
    date
        Partition (UTC date, YYYY-MM-DD); default: yesterday.
    input
        File, folder with date=YYYY-MM-DD, glob or object-store URL; default: the workload's setting.
    where
        SQL condition on the input's columns, such as "source in ('abt', 'flipkart')".
    limit
        Take only the first records of the partition.
    engine
        openai: every record is sent to the API, instead of those that the policy names.
    rerun
        Replace what is published for this partition.
    refresh
        Infer only records that are new or changed since the partition was published.
    retry_quarantined
        Ask again for the records of a published partition that were set aside, where that can help; what is published stays.
    reason
        With --retry-quarantined: ask for the records that were set aside for these reasons.
    shards
        Cut the partition into so many shards, which several workers may answer at once; auto: where that is clearly faster; default: the workload's setting.
    """
    guard_streams()  # the run goes on where nobody reads what it prints
    from commands.terminal import run_and_print
    from flows.dates import choose_partition
    from tasks.planning.request import RunRequest

    request = RunRequest(
        workload,
        choose_partition(date),
        input,
        where,
        limit,
        rerun,
        engine,
        refresh,
        retry_quarantined=retry_quarantined,
        reasons=reason or (),
        shards=shards,
    )
    return run_and_print(request)


@app.command
def backfill(
    workload: str,
    /,
    *,
    from_: Annotated[date, Parameter(name="--from")],
    to: date,
    input: str | None = None,
    where: str | None = None,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    engine: Literal["vllm", "openai"] = "vllm",
    rerun: bool = False,
    retry_quarantined: bool = False,
    reason: Annotated[
        list[Literal["too_long", "refused", "invalid_output", "reasoning_limit", "unanswered"]] | None,
        Parameter(consume_multiple=True, negative=()),
    ] = None,
    parallel: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    shards: Annotated[int | Literal["auto"] | None, Parameter(validator=check_shards)] = None,
    quote: bool = False,
    yes: bool = False,
) -> int:
    """Quote and run every partition of a range that is not published as it would be now.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment.
    from_
        First partition (UTC date, YYYY-MM-DD).
    to
        Last partition, inclusive.
    input
        File, folder with date=YYYY-MM-DD, glob or object-store URL; default: the workload's setting.
    where
        SQL condition on the input's columns.
    limit
        Take only the first records of each partition.
    engine
        openai: every record is sent to the API, instead of those that the policy names.
    rerun
        Replace what is published, also where nothing has changed.
    retry_quarantined
        Ask again for the records of published partitions that were set aside, where that can help; what is published stays.
    reason
        With --retry-quarantined: ask for the records that were set aside for these reasons.
    parallel
        Let the workers of the Prefect pool do it, so many partitions at a time, each as a run of its own.
    shards
        Cut each partition into so many shards, which several workers may answer at once; auto: where that is clearly faster, not with --parallel; default: the workload's setting.
    quote
        Say what it would take and cost, and stop there.
    yes
        Do not ask before it runs.
    """
    guard_streams()  # the run goes on where nobody reads what it prints
    from commands.terminal import backfill_and_print
    from models.backfill import Range
    from tasks.backfill.request import BackfillRequest

    days = Range(from_, to)
    ask = BackfillRequest(
        workload, days, input, where, limit, rerun, engine, retry_quarantined, reason or (), shards
    )
    return backfill_and_print(ask, parallel=parallel, quote_only=quote, yes=yes)


@app.command
def collect() -> int:
    """Take up what waits: answers of batches, and records that a budget or the API had held back."""
    guard_streams()  # the run goes on where nobody reads what it prints
    from commands.terminal import collect_and_print

    return collect_and_print()


if __name__ == "__main__":
    main()
