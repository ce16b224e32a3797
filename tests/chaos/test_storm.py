"""The short form of the chaos test; `make chaos` is the long one."""

from pathlib import Path

import pytest

from tests.chaos import database
from tests.chaos.storm import weather

SEED = 20261124
SECONDS = 8.0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_backfills_survive_a_storm(kind: database.Kind, tmp_path: Path) -> None:
    """Killed, stopped, run twice at once, with a full disk, late data and a database that restarts: it all adds up."""
    if kind == "sqlite":
        print(weather(SEED, SECONDS, tmp_path / "storm", database.sqlite))  # noqa: T201  quote and actual
        return
    with database.server() as server:
        print(weather(SEED, SECONDS, tmp_path / "storm", lambda _: database.postgresql(server)))  # noqa: T201
