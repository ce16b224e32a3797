"""What is being done, on standard error: bars on a terminal, lines in a pipe or a log."""

import sys
import threading
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
from rich.table import Column

from models.errors import one_line
from models.run import Progress as RunProgress
from tasks.display.run_rows import describe_progress
from tasks.display.working import SECONDS_BETWEEN_LINES, show_working
from tasks.runtime.progress import listen

STARTING = "starting Prefect and the run"


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show the progress of every run inside the block on standard error: bars, or lines in a pipe or log."""
    if not sys.stderr.isatty():
        with show_working(STARTING) as started, listen(ProgressLines(started)):
            yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn(
            "{task.description}", table_column=Column(no_wrap=False), markup=False
        ),  # it breaks, no figure does
        BarColumn(bar_width=16, table_column=Column(no_wrap=True)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}
        waiting = bar.add_task(STARTING, total=None, rate="")

        def show(progress: RunProgress) -> None:
            bar.update(waiting, visible=False)
            name = f"{progress.workload} {progress.partition}"
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=progress.total, rate="")
            rate = "" if progress.tokens_per_s is None else f"{progress.tokens_per_s:,.0f} tokens/s"
            said = one_line(f"{name}: {progress.note}" if progress.note else name)
            bar.update(
                tasks[name], completed=progress.done, total=progress.total, rate=rate, description=said
            )

        with listen(show):
            yield


class ProgressLines:
    """Writes a line when a run begins or does something else, every ten seconds, and when its last record is done.

    `started` is set with the first line.
    """

    def __init__(self, started: threading.Event | None = None) -> None:
        self._said: tuple[str, date, str, bool] | None = None
        self._last = 0.0
        self._started = started or threading.Event()

    def __call__(self, progress: RunProgress) -> None:
        """Write a line if one is due."""
        self._started.set()
        doing = "" if progress.output_tokens else progress.note.partition(":")[0]
        now = time.monotonic()
        said = (progress.workload, progress.partition, doing, progress.done == progress.total)
        if said == self._said and (said[-1] or now - self._last < SECONDS_BETWEEN_LINES):
            return
        self._said, self._last = said, now
        sys.stderr.write(f"{describe_progress(progress)}\n")
