"""Progress on its way from the pipeline to whoever listens: a terminal bar, a Prefect artifact."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from models.run import Progress

Listener = Callable[[Progress], None]

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("progress_listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener` with every progress that is reported inside the block, besides outer listeners."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def report(progress: Progress) -> None:
    """Hand a run's progress to every listener of the current context, in the order they came."""
    for listener in _listeners.get():
        listener(progress)
