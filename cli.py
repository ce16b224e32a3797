"""The `breakeven` command: thin; each command calls one function of flows, tasks or db and prints rows."""

import os
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from models.errors import BreakevenError, UsageError

Format = Literal["table", "csv", "json", "parquet"]
BY = ("workload", "engine", "model", "route", "day", "month")

app = App(
    name="breakeven",
    help="Run text workloads on your own GPU, account for every token, and learn whether it pays.",
    result_action="return_value",
)
ledger = App(name="ledger", help="Ask the cost ledger.")
app.command(ledger)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: exit code 0, 1 (failed) or 2 (bad usage); one line on standard error, no traceback."""
    quiet_libraries()
    try:
        code = app(
            list(sys.argv[1:] if arguments is None else arguments), exit_on_error=False, print_error=False
        )
    except CycloptsError as error:
        code = complain(str(error), UsageError.exit_code)
    except BreakevenError as error:
        code = complain(str(error), error.exit_code)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        code = complain("interrupted", 130)
    sys.exit(code or 0)


def complain(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code


def quiet_libraries() -> None:
    """Keep the libraries' own logs off the terminal unless the user asked for them by name."""
    for name, value in (
        ("PREFECT_LOGGING_LEVEL", "CRITICAL"),
        ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
        ("VLLM_LOGGING_LEVEL", "ERROR"),
        ("VLLM_CONFIGURE_LOGGING", "1"),
        ("TORCH_CPP_LOG_LEVEL", "ERROR"),
        ("PYTHONWARNINGS", "ignore"),
    ):
        os.environ.setdefault(name, value)
    if not sys.warnoptions and os.environ["PYTHONWARNINGS"] == "ignore":
        warnings.simplefilter("ignore")


@app.command
def doctor() -> int:
    """Check GPU, vLLM, model, database, Prefect API, API key and prices; say what to do about each."""
    from flows.surroundings import read_settings
    from tasks.doctor import checkup
    from tasks.output import write_rows

    checks = checkup(read_settings())
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
    limit: int | None = None,
    rerun: bool = False,
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
    rerun
        Replace what is published for this partition.
    """
    from flows.terminal import run_here

    return run_here(workload, date, input=input, where=where, limit=limit, rerun=rerun)


Since = Annotated[date | None, Parameter(help="First day (UTC), inclusive.")]
Until = Annotated[date | None, Parameter(help="Last day (UTC), inclusive.")]


@ledger.command
def summary(
    *,
    by: Annotated[str, Parameter(help=f"Comma-separated: {', '.join(BY)}.")] = "workload",
    since: Since = None,
    until: Until = None,
    workload: str | None = None,
    format: Format = "table",
) -> None:
    """Sum attempts, records, tokens, cost and counterfactual cost."""
    from db import ledger as lines
    from flows.surroundings import read_settings
    from tasks.ledger import open_ledger
    from tasks.output import write_rows

    columns = [column.strip() for column in by.split(",") if column.strip()]
    if unknown := [column for column in columns if column not in BY]:
        msg = f"cannot sum by {', '.join(unknown)}; choose from {', '.join(BY)}"
        raise UsageError(msg)
    with open_ledger(read_settings()) as session:
        rows = lines.summary(
            session, columns, since=day_start(since), until=day_end(until), workload=workload
        )
    sums = ["attempts", "records", "input_tokens", "cached_tokens", "output_tokens", "cost_usd"]
    write_rows(rows, [*columns, *sums, "counterfactual_usd"], format)


@ledger.command
def runs(
    *,
    workload: str | None = None,
    state: Literal["running", "completed", "failed", "interrupted"] | None = None,
    since: Since = None,
    until: Until = None,
    limit: int = 50,
    format: Format = "table",
) -> None:
    """List runs, the newest first."""
    from db import runs as db_runs
    from flows.surroundings import read_settings
    from tasks.ledger import RUN_COLUMNS, open_ledger
    from tasks.output import write_rows

    with open_ledger(read_settings()) as session:
        rows = db_runs.list_runs(
            session,
            workload=workload,
            state=state,
            since=day_start(since),
            until=day_end(until),
            limit=limit,
        )
    write_rows(rows, RUN_COLUMNS, format)


@ledger.command
def lines(
    *,
    workload: str | None = None,
    engine: str | None = None,
    outcome: str | None = None,
    since: Since = None,
    until: Until = None,
    limit: int = 50,
    format: Format = "table",
) -> None:
    """List ledger lines, the newest first."""
    from db import ledger as db_ledger
    from flows.surroundings import read_settings
    from tasks.ledger import LINE_COLUMNS, open_ledger
    from tasks.output import write_rows

    with open_ledger(read_settings()) as session:
        rows = db_ledger.lines(
            session,
            workload=workload,
            engine=engine,
            outcome=outcome,
            since=day_start(since),
            until=day_end(until),
            limit=limit,
        )
    write_rows(rows, LINE_COLUMNS, format)


def day_start(day: date | None) -> datetime | None:
    """First moment of a UTC day."""
    return None if day is None else datetime.combine(day, time.min, UTC)


def day_end(day: date | None) -> datetime | None:
    """Last moment of a UTC day."""
    return None if day is None else datetime.combine(day, time.max, UTC)


if __name__ == "__main__":
    main()
