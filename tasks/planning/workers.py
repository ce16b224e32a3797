"""How many workers may answer shards of a partition at once: said by whoever knows of others than this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from models.errors import BreakevenError


class WorkersNotCounted(BreakevenError):
    """How many workers there are could not be found out, or is not counted here: the message says why. It counts as one."""


def _only_this_one() -> int:
    return 1


_count: ContextVar[Callable[[], int]] = ContextVar("count_workers", default=_only_this_one)


@contextmanager
def workers_counted_by(count: Callable[[], int]) -> Iterator[None]:
    """Let `count_workers` say inside the block what `count` returns, which is asked each time anew."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


def count_workers() -> int:
    """Return how many workers there are now, this process among them: at least 1. Raises `WorkersNotCounted`."""
    return max(1, _count.get()())
