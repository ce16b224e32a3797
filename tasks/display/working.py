"""Says on standard error that something is being done, so that no command is silent for long."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.errors import visible

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def show_working(what: str) -> Iterator[threading.Event]:
    """Say what is being done, with the time it has taken: a spinner on a terminal, else a line every ten seconds.

    Nothing more is said once the event is set that the block gets.
    """
    over = threading.Event()
    if sys.stderr.isatty():
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            bar.add_task(visible(what), total=None)
            yield over
        return
    since = time.monotonic()

    def say() -> None:
        while not over.wait(SECONDS_BETWEEN_LINES):
            sys.stderr.write(f"{visible(what)}, {time.monotonic() - since:.0f} s\n")

    thread = threading.Thread(target=say, name="working", daemon=True)
    thread.start()
    try:
        yield over
    finally:
        over.set()
        thread.join()
