"""How far one run is and what it is doing, told from its start to its end, also while it waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from models.run import Progress
from tasks.runtime.progress import repeat_beside, report

PROGRESS_SECONDS = 1.0


class Counts(NamedTuple):
    """Records done, output tokens so far, and records that an engine has in work."""

    done: int
    output_tokens: int
    in_work: int


class RunProgress:
    """Reports the progress of one run. `total` is its number of records, None while it is not known."""

    def __init__(self, name: str, partition: date, total: int | None) -> None:
        self._name = name
        self._partition = partition
        self._total = total
        self._count: Callable[[], Counts] = lambda: Counts(0, 0, 0)
        self._started = time.monotonic()
        self._reported = 0.0
        self._doing = "reading the input"
        self._computing_since: float | None = None

    @contextmanager
    def report_while(self, count: Callable[[], Counts]) -> Iterator[None]:
        """Report again and again inside the block, whatever it waits for.

        `count` is asked for the run's counts, also from another thread.
        """
        self._count = count
        with repeat_beside(self.report):
            yield

    def note_loading(self, model: str, *, at_server: bool = False) -> None:
        """Tell that a model is being loaded, or looked for at a server that has it."""
        self._doing = f"looking for {model} at the server" if at_server else f"loading the model {model}"
        self.report(force=True)

    def note_computing(self, what: str) -> None:
        """Tell what is done from now on, and that an engine is at work."""
        self._doing = what
        if self._computing_since is None:
            self._computing_since = time.monotonic()
        self.report(force=True)

    def note_answer(self) -> None:
        """Note that an answer has come, so that the counts tell enough."""
        self._doing = ""

    def report(self, *, force: bool = False) -> None:
        """Report how far the run is, once a second at most unless it is forced."""
        now = time.monotonic()
        if not force and now - self._reported < PROGRESS_SECONDS:
            return
        self._reported = now
        done, output_tokens, in_work = self._count()
        computing_s = 0.0 if self._computing_since is None else now - self._computing_since
        note = (
            f"{self._doing}: {in_work:,} in work" if self._doing and computing_s and in_work else self._doing
        )
        elapsed_s = now - self._started
        report(
            Progress(
                self._name, self._partition, done, self._total, output_tokens, elapsed_s, note, computing_s
            )
        )
