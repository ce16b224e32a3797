"""A migrated ledger on both databases."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db.session import make_engine, migrate, sessions
from tests.integration.db.ledger_lines import Keys, seed


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Engine of a migrated, empty ledger."""
    engine = make_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def make_session(engine: Engine) -> sessionmaker[Session]:
    """Sessions of a migrated, empty ledger."""
    return sessions(engine)


@pytest.fixture
def keys(make_session: sessionmaker[Session]) -> Keys:
    """Keys of a ledger with a prompt, a model, a price, a machine and one running run."""
    with make_session.begin() as session:
        return seed(session)


@pytest.fixture
def keys_of() -> Callable[[Engine], Keys]:
    """Seed a migrated ledger of the test's own making."""

    def fill(engine: Engine) -> Keys:
        with sessions(engine).begin() as session:
            return seed(session)

    return fill
