"""What a run decides by itself, in lines on standard error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.display.messages import message_console

LOGGERS = ("tasks.planning.shards",)
"""Who logs a decision that somebody at a terminal wants to know, beside what everybody must know."""


class _Lines(logging.Handler):
    """Prints each record as a line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        message_console().print(record.getMessage(), markup=False)


@contextmanager
def show_decisions() -> Iterator[None]:
    """Print what is decided inside the block, whatever else is shown of what is logged."""
    handler, loggers = _Lines(), [logging.getLogger(name) for name in LOGGERS]
    before = [(one, one.level, one.propagate) for one in loggers]
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.INFO)
        one.propagate = False
    try:
        yield
    finally:
        for one, level, propagate in before:
            one.removeHandler(handler)
            one.setLevel(level)
            one.propagate = propagate
