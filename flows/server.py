"""`make server`: Prefect's own server, with SQLite transactions that wait for each other instead of failing.

Prefect begins most transactions as readers. One that has read and then writes fails at once with "database is
locked" if another has written in between; SQLite's busy timeout (60 s in Prefect) is not for that case. A
transaction that takes the write lock at its begin waits for it. On PostgreSQL nothing is changed.
"""

import sys
from contextlib import AbstractAsyncContextManager

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


def lock_at_begin() -> None:
    """Let every SQLite transaction of this process begin with the write lock."""
    begin = AioSqliteConfiguration.begin_transaction

    def begin_locked(
        self: AioSqliteConfiguration,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG001  Prefect's own signature
    ) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
        return begin(self, session, with_for_update=True)

    AioSqliteConfiguration.begin_transaction = begin_locked  # type: ignore[assignment,method-assign]


def main() -> None:
    """Start the server; the arguments are those of `prefect server start`."""
    lock_at_begin()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
