"""The short form of the chaos test; `make chaos` is the long one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import database
from tests.chaos.crew import Crew
from tests.chaos.shard_storm import ShardStorm
from tests.chaos.storm import Storm, weather

SEED = 20261124
SECONDS = 8.0


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Start the program that runs backfills."""
    crew = Crew(tmp_path_factory.mktemp("crew") / "log")
    yield crew
    crew.close()


@pytest.mark.long
@pytest.mark.parametrize("storm", [Storm, ShardStorm])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_work_survives_a_storm(
    kind: database.Kind, storm: type[Storm], tmp_path: Path, crew: Crew
) -> None:
    """Killed, stopped, run twice at once, with a full disk, late data and a database that restarts: it all adds up."""
    folder = tmp_path / "storm"
    if kind == "sqlite":
        print(weather(SEED, SECONDS, folder, database.sqlite, crew, storm))  # noqa: T201  quote and actual
        return
    with database.server() as server:
        print(weather(SEED, SECONDS, folder, lambda _: database.postgresql(server), crew, storm))  # noqa: T201
