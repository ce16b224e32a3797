"""A migrated ledger on both databases."""

import warnings
from collections.abc import Iterator

import pytest
from apprise import Apprise
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db.session import make_engine, migrate, sessions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at the first URL Apprise loads all its services, of which some warn
    Apprise.instantiate("json://127.0.0.1")


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
