"""Output streams that no run dies of: closed, a pipe that nobody reads any more, a disk that is full.

A worker reads what its runs print through pipes. When the worker is killed they break, and whatever prints next
(Prefect's console log, a library, `print`) fails, although the run itself could go on and publish.

Imports nothing heavy, see `commands.quiet_libraries`. In the process of each flow run, Prefect's logging set-up asks this
module for `stderr` before anything is printed (`PREFECT_LOGGING_HANDLERS_CONSOLE_STREAM` in prefect.yaml).
"""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TextIO

from models.log_records import show_what_is_logged

STANDARD_STREAMS = (0, 1, 2)
GUARDED = "_breakeven_lost"
NOBODY_READS = (errno.EPIPE, errno.EBADF)
"""Errors of an output that nobody reads any more; any other is one of the place it goes to."""


def open_streams() -> None:
    """Let standard streams that are closed lead nowhere: printing to them fails, and files would get their numbers.

    The next file that is opened gets the lowest number that is free. With standard error closed that may be a
    database, and a library's message would be written into it.
    """
    for number in STANDARD_STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def guard_streams() -> None:
    """See that nothing that is printed to standard output or standard error raises. Safe to repeat."""
    open_streams()
    guard(sys.stdout)
    guard(sys.stderr)


def guard(stream: TextIO) -> None:
    """Let a stream lose what it cannot write, instead of raising.

    The object itself is changed, since log handlers and consoles hold on to it.
    """
    if hasattr(stream, GUARDED):
        return
    with suppress(AttributeError):  # an object without room for attributes is none of the interpreter's
        setattr(stream, GUARDED, None)
        for name in ("write", "writelines", "flush"):
            # print, logging and rich find these before the methods of the class
            setattr(stream, name, _losing(getattr(stream, name), stream))


def find_lost(stream: TextIO) -> OSError | None:
    """Return why a guarded stream has lost something, None where it has not."""
    error: OSError | None = getattr(stream, GUARDED, None)
    return error


def _losing(write: Callable[..., Any], stream: TextIO) -> Callable[..., Any]:
    @wraps(write)
    def attempt(*text: Any) -> Any:  # noqa: ANN401  the method's own
        try:
            return write(*text)
        except OSError as error:
            setattr(stream, GUARDED, error)
            if error.errno in NOBODY_READS:  # a full disk may have room later; a broken pipe stays broken
                _discard(stream)
        except (
            UnicodeEncodeError
        ) as error:  # a terminal that is not UTF-8: what it cannot show is spelled out
            return write(*(_spelled_out(one, error.encoding) for one in text))
        except ValueError:  # somebody closed it
            pass
        return len(text[0]) if text and isinstance(text[0], str) else None

    return attempt


def _spelled_out(text: Any, encoding: str) -> Any:  # noqa: ANN401  text, or lines of it
    if isinstance(text, str):
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return [_spelled_out(line, encoding) for line in text]


def _discard(stream: TextIO) -> None:
    """Let the stream's descriptor lead nowhere, also for what is buffered and for libraries that write to it."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  it stays open as long as the process


def __getattr__(name: str) -> TextIO:
    """Give standard error as `stderr`, once both streams are guarded."""
    if name != "stderr":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    guard_streams()
    show_what_is_logged()
    return sys.stderr
