"""How the process ends after an engine was in it: at once, when all that listens for its end has been called.

Python would take the modules and the model apart first, piece by piece: seconds in which nobody waits for anything.
"""

import atexit
import logging
import os
import sys

HEAVY = "torch"
"""Where it is imported, the interpreter's own end takes long."""
_code: list[int] = []


def leave_at_once() -> None:
    """Arrange it, before anything else asks to be called at the end: Python calls the last first, so that this comes last."""
    atexit.register(_leave)


def leave_with(code: int) -> None:
    """Say which exit code the process ends with. A process that nobody says it of ends as Python ends it."""
    _code[:] = [code]


def _leave() -> None:
    if not _code or HEAVY not in sys.modules:
        return
    logging.shutdown()  # it may have asked earlier
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            return  # Python's own end knows what to do
    os._exit(_code[0])
