"""A database that is away for a while: waited for by what must not be lost, named to the user otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import stamina
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from db.session import (
    has_ledger,
    is_disconnect,
    make_engine,
    make_reading_engine,
    migrate,
    readers,
    refusal,
    require_migrated,
    sessions,
)
from models.errors import DatabaseUnavailable, UsageError
from models.settings import Settings

Result = TypeVar("Result")


def with_patience(seconds: float, write: Callable[[], Result]) -> Result:
    """Run a transaction, again while the database is away, for at most `seconds`.

    Raises `DatabaseUnavailable` when patience ends, and at once whatever another try cannot mend.
    """
    with database_errors(f" for {seconds:.0f} s"):
        for attempt in stamina.retry_context(
            on=is_disconnect, timeout=max(seconds, 0.001), attempts=None, wait_max=5.0
        ):
            with attempt:
                return write()
    raise AssertionError  # pragma: no cover  the loop returns or raises


@contextmanager
def database_errors(how_long: str = "") -> Iterator[None]:
    """Turn a database that does not answer, or cannot write, into one clear line.

    Raises `DatabaseUnavailable`, and `UsageError` where the role that asks has no right to do it.
    """
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if isinstance(error, DBAPIError) and not is_disconnect(error):
            if (why := refusal(error)) is not None:
                msg = f"the ledger's database refuses: {why}; what was committed before is kept"
                raise UsageError(msg) from error
            if isinstance(error, (OperationalError, InternalError)):  # a full disk, a damaged file
                reason = " ".join(str(error.orig).split())
                msg = f"the ledger's database failed: {reason}; what was committed before is kept"
                raise DatabaseUnavailable(msg) from error
            raise
        msg = (
            f"the ledger's database did not answer{how_long} ({_reason(error)}); what was "
            "committed before is kept, the same command finishes the rest"
        )
        raise DatabaseUnavailable(msg) from error


def _reason(error: SQLAlchemyError) -> str:
    """Return the database's own words, in one line; drivers put no password in them."""
    return " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())


@contextmanager
def ledger_if_any(settings: Settings) -> Iterator[Session | None]:
    """Open the ledger for reading, None where there is none yet."""
    database = make_reading_engine(settings.database_url.get_secret_value())
    try:
        with database_errors():
            if not has_ledger(database):
                yield None
                return
            require_migrated(database)
            with readers(database)() as session:
                yield session
    finally:
        database.dispose()


@contextmanager
def books(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Open the ledger for writing, brought up to date.

    Raises `UsageError` where there is none yet, `DatabaseUnavailable` if it does not answer.
    """
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with database_errors():
            if not has_ledger(engine):
                require_migrated(engine)  # says what to do
            migrate(engine)
            yield sessions(engine)
    finally:
        engine.dispose()
