"""Progress on its way from the pipeline to whoever listens: a terminal bar, a Prefect artifact."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

from models.run import Progress

Listener = Callable[[Progress], None]

SECONDS_BETWEEN_REPORTS = 2.0

_one_at_a_time = threading.RLock()
_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("progress_listeners", default=())


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Call `listener` with every progress that is reported inside the block, besides outer listeners."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def report(progress: Progress) -> None:
    """Hand a run's progress to every listener of the current context, in the order they came, one at a time."""
    with _one_at_a_time:
        for listener in _listeners.get():
            listener(progress)


@contextmanager
def repeat_beside(say: Callable[[], None], every: float = SECONDS_BETWEEN_REPORTS) -> Iterator[None]:
    """Call `say` again and again inside the block, from a thread of its own.

    It tells that a run is at work while the thread that runs it waits: for a model to load, for first answers.
    """
    over = threading.Event()

    def run() -> None:
        while not over.wait(every):
            say()

    thread = threading.Thread(target=copy_context().run, args=(run,), name="reports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
