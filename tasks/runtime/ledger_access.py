"""Every way to the ledger: opened for writing or reading, waited for while its database is away, its errors in one line."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import stamina
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from db.ledger_file import describe_damage
from db.session import (
    explain_refusal,
    has_ledger,
    is_current,
    is_disconnect,
    make_engine,
    make_reading_engine,
    migrate,
    readers,
    require_migrated,
    sessions,
)
from models.errors import DatabaseUnavailable, LedgerLost, UsageError
from models.settings import Settings

Result = TypeVar("Result")


def with_patience(seconds: float, write: Callable[[], Result]) -> Result:
    """Run a transaction, again while the database is away, for at most `seconds`.

    Raises `DatabaseUnavailable` when patience ends, and at once whatever another try cannot mend.
    """
    with database_errors(f" for {seconds:.0f} s"):
        for attempt in stamina.retry_context(
            on=_may_pass, timeout=max(seconds, 0.001), attempts=None, wait_max=5.0
        ):
            with attempt:
                return write()
    raise AssertionError  # pragma: no cover  the loop returns or raises


def _may_pass(error: Exception) -> bool:
    """Whether another try may succeed: the database is away, or was when the ledger was opened."""
    return isinstance(error, DatabaseUnavailable) or is_disconnect(error)


@contextmanager
def database_errors(how_long: str = "") -> Iterator[None]:
    """Turn a database that does not answer, or cannot write, into one clear line.

    Raises `DatabaseUnavailable`, `LedgerLost` where SQLite's file is damaged, and `UsageError` where the role that asks has
    no right to do it.
    """
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if isinstance(error, DBAPIError) and not is_disconnect(error):
            if (why := explain_refusal(error)) is not None:
                msg = f"the ledger's database refuses: {why}; what was committed before is kept"
                raise UsageError(msg) from error
            if (damage := describe_damage(error)) is not None:
                raise LedgerLost(damage) from error
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


class LedgerReader:
    """Reads one ledger, in as many sessions as are wanted, from any thread. The database refuses every write."""

    def __init__(self, url: str) -> None:
        self._engine = make_reading_engine(url)

    def exists(self) -> bool:
        """Whether there is a ledger, of whatever version. Raises `DatabaseUnavailable`."""
        return has_ledger(self._engine)

    def is_current(self) -> bool:
        """Whether the ledger is of this program's version. Raises `DatabaseUnavailable`."""
        with database_errors():
            return is_current(self._engine)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session that sees the ledger as it is at its first statement.

        Raises `UsageError` where there is no ledger or one of another version, `DatabaseUnavailable`.
        """
        with database_errors():
            require_migrated(self._engine)
            with readers(self._engine)() as session:
                yield session

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


@contextmanager
def ledger_reader(settings: Settings) -> Iterator[LedgerReader]:
    """Open the ledger for any number of reading sessions."""
    with closing(LedgerReader(settings.database_url.get_secret_value())) as reader:
        yield reader


@contextmanager
def reading_ledger(settings: Settings) -> Iterator[Session]:
    """Open the ledger for reading. Raises `UsageError` where there is none yet, `DatabaseUnavailable`."""
    with ledger_reader(settings) as reader, reader.session() as session:
        yield session


@contextmanager
def ledger_if_any(settings: Settings, *, update: bool = False) -> Iterator[Session | None]:
    """Open the ledger for reading, None where there is none yet; `update` brings an older one up to date first."""
    with ledger_reader(settings) as reader:
        if not reader.exists():
            yield None
            return
        if update and not reader.is_current():
            close_ledger(connect_ledger(settings))
        with reader.session() as session:
            yield session


@contextmanager
def writing_ledger(settings: Settings, *, create: bool = True) -> Iterator[sessionmaker[Session]]:
    """Open the ledger for writing, as `connect_ledger` does; the block's own database errors are one line too."""
    make_session = connect_ledger(settings, create=create)
    try:
        with database_errors():
            yield make_session
    finally:
        close_ledger(make_session)


def connect_ledger(settings: Settings, *, create: bool = True) -> sessionmaker[Session]:
    """Open the ledger for writing, created or brought up to date, until `close_ledger`.

    Raises `UsageError` for a database that cannot be used, or where there is no ledger yet and none is to be
    created; `DatabaseUnavailable` if it does not answer.
    """
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with database_errors():
            if not create and not has_ledger(engine):
                require_migrated(engine)  # says what to do
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return sessions(engine)


def close_ledger(make_session: sessionmaker[Session]) -> None:
    """Close every connection of these sessions."""
    make_session.kw["bind"].dispose()
