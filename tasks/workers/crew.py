"""The workers of this machine together: watched until somebody asks them to stop."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from models.errors import BreakevenError, Interrupted
from tasks.display.table_layout import tell
from tasks.workers.watched_worker import KILL_SECONDS, WatchedWorker

TICK_SECONDS = 0.25
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """The signals to stop that have come, in order."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    @property
    def at_once(self) -> bool:
        """Whether a second one has come. A hang-up is none: service managers send it together with SIGTERM."""
        return sum(number != signal.SIGHUP for number in self.numbers) > 1

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.numbers.append(number)


@contextmanager
def collect_stop_signals() -> Iterator[StopSignals]:
    """Collect signals inside the block; the handlers that were set before return afterwards. One that is ignored stays so."""
    signals = StopSignals()
    numbers = [one for one in STOP_SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signals.note) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def watch_crew(
    workers: Sequence[WatchedWorker],
    environment: Mapping[str, str],
    may_start: Callable[[], bool],
    now_and_then: Callable[[], None],
) -> None:
    """Start the workers and watch them until a signal asks to stop; then stop them, and return when all have ended.

    `may_start` is asked before each start; `now_and_then` is called at each look. Raises `BreakevenError` where every
    worker was given up, and where one of them was when the rest is stopped; `Interrupted` at a second signal, after
    all was killed. Nothing that it started is left in either case.
    """
    with collect_stop_signals() as signals:
        try:
            while not signals.numbers:
                for one in workers:
                    one.look(environment, may_start)
                if all(one.given_up for one in workers):
                    break
                now_and_then()
                time.sleep(TICK_SECONDS)
            _stop(workers, signals)
        finally:
            for one in workers:
                one.end_at_once()
    if given_up := [one.place.name for one in workers if one.given_up]:
        msg = f"{', '.join(given_up)}: could not be kept running, see what was said before"
        raise BreakevenError(msg)


def _stop(workers: Sequence[WatchedWorker], signals: StopSignals) -> None:
    """Stop politely; a second signal, or patience that ends, kills what is left."""
    if signals.numbers:
        tell("stopping: no more runs are taken, those at work commit what has finished; again: at once")
    until = time.monotonic() + KILL_SECONDS
    while any([not one.ask_to_stop() for one in workers]):  # noqa: C419  each is asked
        if signals.at_once:
            msg = f"stopped at once by signal {signals.numbers[-1]}; what was committed is kept"
            raise Interrupted(msg, signals.numbers[-1])
        if time.monotonic() >= until:
            tell(f"what had not ended after {KILL_SECONDS:g} s is killed; what was committed is kept")
            return
        time.sleep(TICK_SECONDS)
