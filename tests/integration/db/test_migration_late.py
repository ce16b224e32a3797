"""A ledger of the second version keeps every row when it is updated for late data, and when that is taken back."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from db import partitions, runs
from db.session import alembic_config, make_engine, migrate, sessions
from db.tables import PartitionVersionRow
from models.economics.gpu_time import GpuTime
from models.ids import new_id
from tests.integration.db.ledger_lines import DAY, seed

NEW = {"partition_versions": ["input_digest", "based_on"], "runs": ["carried"]}


def _change(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        change = command.upgrade if revision == "0003" else command.downgrade
        change(alembic_config(connection), revision)


def _rows(engine: Engine, without: dict[str, list[str]]) -> dict[str, list[str]]:
    """Read all tables as they are stored, but for these columns, in an order of their own."""
    found, metadata = {}, sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            names = [column.name for column in table.columns if column.name not in without.get(name, [])]
            raw = sa.select(sa.table(name, *map(sa.column, names)))
            found[name] = sorted(repr(tuple(row)) for row in connection.execute(raw))
    del found["alembic_version"]
    return found


@pytest.fixture
def second(database_url: str) -> Iterator[Engine]:
    """Engine of a ledger of the second version that has a published partition and an open one."""
    engine = make_engine(database_url)
    migrate(engine)
    with sessions(engine).begin() as session:
        keys = seed(session)
        partitions.publish(session, keys.version, "out/1.parquet", 10, 2, b"digest")
        seed(session, "enrichment")
    _change(engine, "0002")
    yield engine
    engine.dispose()


def test_every_row_is_kept(second: Engine) -> None:
    """Up, down and up again: each old column holds what it held, new ones their defaults."""
    before = _rows(second, {})
    assert min(len(before[name]) for name in ("partition_versions", "runs", "prompts")) > 0
    for _ in range(2):
        _change(second, "0003")
        assert _rows(second, NEW) == before
        with second.connect() as connection:
            columns = "SELECT input_digest, based_on FROM partition_versions"
            assert set(connection.execute(sa.text(columns))) == {(None, None)}
            assert set(connection.execute(sa.text("SELECT carried FROM runs"))) == {(0,)}
        _change(second, "0002")
        assert _rows(second, {}) == before


def test_what_a_refresh_writes_can_be_taken_back(second: Engine) -> None:
    """An open refresh is given up, since the older version would take it for a rerun; all else stays."""
    migrate(second)
    with sessions(second).begin() as session:
        open_ = partitions.open_version(session, "sentiment", DAY, "f", rerun=False, input_digest=b"new")
        published = partitions.find_published(session, "sentiment", DAY)
        assert published is not None
        assert (open_.state, open_.based_on, open_.input_digest) == ("open", published.id, b"new")
        newest = runs.list_runs(session)[0]
        runs.add(session, newest["id"], GpuTime(), runs.Increments(published=7, records=7, carried=5))  # type: ignore[arg-type]
        assert runs.list_runs(session)[0]["carried"] == 5
    _change(second, "0002")
    with second.connect() as connection:
        states = connection.execute(
            sa.text("SELECT workload, state FROM partition_versions ORDER BY version")
        )
        assert sorted(tuple(row) for row in states) == [
            ("enrichment", "open"),
            ("sentiment", "abandoned"),
            ("sentiment", "published"),
        ]
    migrate(second)
    with sessions(second).begin() as session:
        again = partitions.open_version(session, "sentiment", DAY, "f", rerun=False, input_digest=b"new")
        assert (again.version, again.state) == (3, "open")


def test_a_version_is_based_on_one_that_exists(second: Engine) -> None:
    """The database refuses a base that it does not know."""
    migrate(second)
    wrong = sa.update(PartitionVersionRow).values(based_on=new_id())
    with pytest.raises(IntegrityError), second.begin() as connection:
        connection.execute(wrong)


def test_sqlite_finds_nothing_wrong_with_the_file(second: Engine) -> None:
    """Its own check of every page, rule and key, after the update and after it was taken back."""
    if second.dialect.name != "sqlite":
        return
    for revision in ("0003", "0002", "0003"):
        _change(second, revision)
        with second.connect() as connection:
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalars().all() == ["ok"]
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
