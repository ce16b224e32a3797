"""Runs a flow from the terminal: in this process, with a progress bar, on Prefect's embedded server."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from flows.collect import collect_batches
from flows.surroundings import read_settings
from flows.workloads import workload_flow
from models import workloads
from models.errors import BreakevenError
from models.run import Progress as RunProgress
from models.run import RunResult
from tasks.artifacts import cost_row, describe, described
from tasks.progress import listening

SECONDS_BETWEEN_LINES = 10.0


def run_here(
    workload: str,
    partition: date | None,
    *,
    input: str | None,  # noqa: A002  the word that users know it by
    where: str | None,
    limit: int | None,
    rerun: bool,
) -> int:
    """Run one partition now and print what came of it. Returns the exit code."""
    workloads.build(workload, read_settings())  # an unknown name is an error before anything starts
    with progress_bar():
        result = workload_flow(workload)(
            partition=partition, input=input, where=where, limit=limit, rerun=rerun
        )
    if not isinstance(result, RunResult):  # a failed flow raises its error when it is called as a function
        msg = f"the flow ended without a result: {result}"
        raise BreakevenError(msg)
    return say(result)


def collect_here() -> int:
    """Take up what waits of every partition, and print what came of each. Returns the exit code."""
    with progress_bar():
        results = collect_batches()
    if not isinstance(results, list):  # a failed flow raises its error when it is called as a function
        msg = f"the flow ended without a result: {results}"
        raise BreakevenError(msg)
    if not results:
        Console(stderr=True, highlight=False).print("nothing waits")
    for result in results:
        say(result)
    return 0


def say(result: RunResult) -> int:
    """Print the end of a run on standard error and where its output lies on standard output."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    row = cost_row(result)
    match result.state:
        case "skipped":
            console.print(
                f"{result.workload} {result.partition} is published already; nothing was done "
                "(--rerun replaces it)"
            )
        case "empty":
            console.print(f"{result.workload} {result.partition}: the input has no record for this day")
        case "completed" | "waiting":
            console.print(", ".join(f"{name} {value}" for name, value in row.items() if value != ""))
    if result.state == "waiting":
        console.print(
            f"{result.workload} {result.partition} is not published yet: {described(result.waiting) or 'its input'} "
            "must come first; `breakeven collect` takes up what waits, the same run reads what is left"
        )
    if result.output is not None:
        sys.stdout.write(f"{result.output}\n")
    return 0


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show the progress of every run inside the block on standard error: bars, or lines in a pipe or log."""
    if not sys.stderr.isatty():
        with listening(ProgressLines()):
            yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}
        waiting = bar.add_task("starting (the model is loaded at first need)", total=None, rate="")

        def show(progress: RunProgress) -> None:
            bar.update(waiting, visible=False)
            name = f"{progress.workload} {progress.partition}"
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=progress.total, rate="")
            rate = progress.output_tokens / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
            bar.update(tasks[name], completed=progress.done, total=progress.total, rate=f"{rate:.0f} tok/s")

        with listening(show):
            yield


class ProgressLines:
    """Writes a line when a run begins, every ten seconds, and when it has done its last record."""

    def __init__(self) -> None:
        self._run = ("", date.min)
        self._last = 0.0

    def __call__(self, progress: RunProgress) -> None:
        """Write a line if one is due."""
        run, now = (progress.workload, progress.partition), time.monotonic()
        if run == self._run and now - self._last < SECONDS_BETWEEN_LINES and progress.done != progress.total:
            return
        self._run, self._last = run, now
        sys.stderr.write(f"{describe(progress)}\n")
