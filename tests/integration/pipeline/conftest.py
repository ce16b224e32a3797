"""Settings over both databases, for the pipeline's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.ids import new_id
from models.settings import Settings
from tests.integration.pipeline.harness import settings_for
from tests.integration.pipeline.runner import Runner
from tests.ledgers import new_sqlite


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Start the program that runs jobs in processes of their own."""
    runner = Runner(tmp_path_factory.mktemp("runner") / "log")
    yield runner
    runner.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Give settings with a database and an output folder of the test's own: on SQLite, then on PostgreSQL."""
    return settings_for(tmp_path, database_url)


@pytest.fixture
def settings_without_ledger(tmp_path: Path, empty_database_url: str) -> Settings:
    """Give settings of a place that holds no ledger yet: on SQLite, then on PostgreSQL."""
    return settings_for(tmp_path, empty_database_url)


@pytest.fixture
def make_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Callable[[], str]:
    """Return a factory of migrated, empty ledgers, of the kind that the test runs on."""
    if database_url.startswith("sqlite"):
        return lambda: new_sqlite(tmp_path / f"{new_id().hex}.db")
    make: Callable[[], str] = request.getfixturevalue("make_postgres_url")
    return make
