"""How a run that does not complete is ended in the ledger, whatever it was doing."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy.exc import DBAPIError

from models.errors import BreakevenError, Interrupted, LeaseLost
from tasks.runtime.leased_ledger import LeasedLedger

EndState = Literal["failed", "interrupted"]
CloseRun = Callable[[LeasedLedger, EndState, str, BaseException], None]
"""Writes the end of a run through a ledger that waits briefly: its state, what its row says of it, the error itself."""

log = logging.getLogger(__name__)


@contextmanager
def end_on_failure(ledger: LeasedLedger, close: CloseRun) -> Iterator[None]:
    """See that a run which does not complete is closed as failed or interrupted, and its lease freed by `close`."""
    try:
        yield
    except LeaseLost:  # the new owner has closed our row already
        raise
    except Interrupted as error:
        _end(ledger, close, "interrupted", str(error), error)
        raise
    except BreakevenError as error:
        _end(ledger, close, "failed", str(error), error)
        raise
    except BaseException as error:
        # A defect, or Prefect's own way of stopping: the row names the kind, never a record's text.
        _end(ledger, close, "failed", type(error).__name__, error)
        raise
    finally:
        ledger.close()


def _end(ledger: LeasedLedger, close: CloseRun, state: EndState, why: str, error: BaseException) -> None:
    try:
        close(ledger.hurried(), state, why, error)
    except (DBAPIError, BreakevenError) as failure:
        # The lease expires by itself, and the next run closes this row.
        log.warning("the run's end could not be written: %s", type(failure).__name__)
