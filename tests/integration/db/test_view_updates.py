"""An update of the ledger leaves alone what others made of its views: views of their own, and grants."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from db.session import make_engine, migrate
from tests.integration.db import released


@pytest.fixture
def old(empty_database_url: str) -> Iterator[Engine]:
    """Engine of a ledger that release 0.1.0 wrote, with rows in every table."""
    released.make(empty_database_url)
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def rows(engine: Engine, query: str) -> list[Any]:
    """Ask the database."""
    with engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def columns(engine: Engine) -> list[tuple[str, str]]:
    """Return names and types of the columns of the view of runs."""
    return [(one["name"], str(one["type"])) for one in inspect(engine).get_columns("run_costs")]


def test_a_view_of_ones_own_and_a_grant_stay(old: Engine) -> None:
    """A BI tool's view on `run_costs` answers as before, and whoever could read it still can; no column changes its type."""
    postgresql = old.dialect.name == "postgresql"
    with old.begin() as connection:
        connection.execute(
            text(
                "CREATE VIEW costs_of_models AS SELECT model, sum(cost_nano) AS nano FROM run_costs GROUP BY model"
            )
        )
        if postgresql:
            connection.execute(text("GRANT SELECT ON run_costs TO PUBLIC"))
    before, typed = rows(old, "SELECT sum(nano) FROM costs_of_models"), columns(old)
    migrate(old)
    assert rows(old, "SELECT sum(nano) FROM costs_of_models") == before
    assert [name for name, _ in columns(old)] == [name for name, _ in typed]
    if postgresql:
        assert columns(old) == typed
        granted = (
            "SELECT privilege_type FROM information_schema.table_privileges WHERE table_name = 'run_costs'"
        )
        assert rows(old, f"{granted} AND grantee = 'PUBLIC'") == [("SELECT",)]
