"""The ledger as the owner of a partition uses it: every write renews the lease in its own transaction (I9)."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Self, TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from db import leases
from db.ledger_file import check_small, lost
from db.own_rows import find_gap
from models.errors import LeaseLost, LedgerLost, UsageError
from tasks.runtime.ledger_access import LedgerReader, close_ledger, with_patience

CLOSING_SECONDS = 3.0
"""How long the end of a failing run waits for the database; whoever stops a run waits for this too."""

Result = TypeVar("Result")


def let_pass(_session: Session) -> None:
    """Find nothing wrong."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeasedLedger:
    """Reads and writes of one run. Both wait up to `patience_seconds` for a database that is away.

    They raise `DatabaseUnavailable` when that time is over, and a write raises `LeaseLost` where another run owns
    the partition: nothing of it is committed then. `fence` looks in the same transaction whether the lease still stands for
    what it was taken for, and raises `LeaseLost` where it does not.
    """

    sessions: sessionmaker[Session]
    lease: leases.Lease
    lease_seconds: float
    patience_seconds: float
    fence: Callable[[Session], None] = let_pass

    def read(self, look: Callable[[Session], Result]) -> Result:
        """Look something up."""

        def transaction() -> Result:
            with self.sessions() as session:
                return look(session)

        return with_patience(self.patience_seconds, transaction)

    def write(
        self,
        change: Callable[[Session], Result],
        already: Callable[[Session], Result | None] | None = None,
        *,
        release: bool = False,
    ) -> Result:
        """Make one transaction and return what `change` returns; `release` gives the partition back with it.

        A connection can break after the commit has taken place. Then the transaction is tried again: `already`
        returns the result of a change that it finds in the ledger, else None. Without it `change` must do no
        harm when it is made twice. The lease is needed for that too, except where the change has given it back.
        """
        tries = 0

        def transaction() -> Result:
            nonlocal tries
            tries += 1
            with self.sessions.begin() as session:
                if not release:
                    self.renew(session)
                if tries > 1 and already is not None and (found := already(session)) is not None:
                    return found
                if release:
                    self.renew(session)
                result = change(session)
                if release:
                    leases.release(session, self.lease)
                return result

        return with_patience(self.patience_seconds, transaction)

    def renew(self, session: Session) -> None:
        """Extend the lease, which is locked until the transaction ends. Raises `LeaseLost`."""
        leases.renew(session, self.lease, self.lease_seconds)
        self.fence(session)

    def verify(self, run_id: UUID, version_id: UUID, parts: int, *, published: bool = False) -> None:
        """See that the ledger tells what this run wrote, as another process would read it. Raises `LedgerLost`.

        SQLite's file is read by a new connection, since those of the run know what they wrote without reading it.
        """
        bind = self.sessions.kw["bind"]

        def look(session: Session) -> str | None:
            if bind.dialect.name == "sqlite" and not published:
                check_small(session)
            return find_gap(session, run_id, version_id, parts, published=published)

        def look_anew() -> str | None:
            with bind.connect() as connection:
                connection.begin()  # sees whether the file is still the one that this run has open
            try:
                with closing(LedgerReader(str(bind.url))) as reader, reader.session() as session:
                    return look(session)
            except UsageError as error:  # it is none any more, or another one
                return str(error)

        anew = bind.dialect.name == "sqlite"
        gap = with_patience(self.patience_seconds, look_anew) if anew else self.read(look)
        if gap is not None:
            raise lost(gap)

    def hurried(self) -> Self:
        """Return it as the end of a failing run uses it: with little patience."""
        return replace(self, patience_seconds=min(CLOSING_SECONDS, self.patience_seconds))

    def close(self) -> None:
        """Close the connections to the database."""
        close_ledger(self.sessions)


@contextmanager
def hold_lease(ledger: LeasedLedger) -> Iterator[Callable[[], LeaseLost | LedgerLost | None]]:
    """Renew the lease inside the block, three times within its lifetime; yield a function that tells whether it, or the ledger, was lost."""
    over = threading.Event()
    ended: list[LeaseLost | LedgerLost] = []

    def renew() -> None:
        while not over.wait(ledger.lease_seconds / 3):
            try:
                with ledger.sessions.begin() as session:
                    ledger.renew(session)
            except (LeaseLost, LedgerLost) as error:
                ended.append(error)
                return
            except (DBAPIError, PoolTimeout) as error:
                log.warning("lease not renewed, the database does not answer: %s", type(error).__name__)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lambda: ended[0] if ended else None
    finally:
        over.set()
        thread.join()
