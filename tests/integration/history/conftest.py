"""A small year of history on both databases, written once."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from bench.history import Year, write_history
from db.session import make_engine, migrate

YEAR = Year(records=9, days=(12,), price_factor=150_000)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Engine of a ledger that holds a year; nobody changes it."""
    folder = tmp_path_factory.mktemp("history")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'ledger.db'}"
    else:
        make: Callable[[], str] = request.getfixturevalue("make_postgres_url")
        url = make()
    engine = make_engine(url)
    migrate(engine)
    write_history(engine, YEAR, folder / "out")
    yield engine
    engine.dispose()
