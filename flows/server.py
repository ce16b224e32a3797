"""`make server`: Prefect's own server, with SQLite transactions that wait for each other instead of failing.

Prefect begins most transactions as readers. One that has read and then writes fails at once with "database is
locked" if another has written in between; SQLite's busy timeout (60 s in Prefect) is not for that case. A
transaction that takes the write lock at its begin waits for it. On PostgreSQL nothing is changed.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.cli import app
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from models.private_files import UMASK


def lock_at_begin() -> None:
    """Let every SQLite transaction of this process begin with the write lock."""
    begin = AioSqliteConfiguration.begin_transaction

    @asynccontextmanager
    async def begin_locked(
        self: AioSqliteConfiguration,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG001  Prefect's own signature
    ) -> AsyncIterator[AsyncSessionTransaction]:
        async with begin(self, session, with_for_update=True) as transaction:
            await session.connection()  # begins now
            # Prefect reads the mode of every transaction from here: what the block reads by another session must not lock.
            token = SQLITE_BEGIN_MODE.set(None)
            try:
                yield transaction
            finally:
                SQLITE_BEGIN_MODE.reset(token)

    AioSqliteConfiguration.begin_transaction = begin_locked  # type: ignore[method-assign]


def main() -> None:
    """Start the server; the arguments are those of `prefect server start`."""
    lock_at_begin()
    os.umask(UMASK)  # its database holds the parameters of every run
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
