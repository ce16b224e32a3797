"""A migrated ledger on both databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db.session import make_engine, migrate, sessions


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
