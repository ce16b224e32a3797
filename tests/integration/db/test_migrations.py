"""Migrations make what the tables say, keep what a released ledger holds, and refuse what they do not know."""

import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Engine, inspect, text

from db import ledger, session
from db.base import Base
from db.check import lines, links, sums
from db.session import alembic_config, make_engine, migrate, readers, require_migrated, sessions
from db.summary import sum_usage
from models.errors import UsageError
from tests.integration.db import released
from tests.integration.db.ledger_lines import line, seed
from tests.integration.db.processes import PROCESSES
from tests.integration.db.schema_snapshot import snapshot
from tests.ledger_lines import sum_lines

RELEASED = "0.1.0"
VERSIONS = Path(session.__file__).parent / "migrations" / "versions"
SUMS = released.FOLDER / "sums.json"
SUMMED = (("workload", "route"), ("day", "engine", "model"), ("version", "version_state", "purpose"))
NEW_TABLES = {
    "shards",
    "audits",
    "trained_models",
    "alert_deliveries",
    "alerts",
    "endpoints",
    "token_calibration",
}
"""Tables that a later release brought."""
SINCE_0_3_0 = ("cache_write_tokens", "reasoning_tokens")
LEFT_TO_THE_ROLLUP = ("run", "prompt", "model", "price", "infrastructure", "counterfactual_price")
"""Keys of lines that PostgreSQL does not check (docs/decisions/0011)."""

NEXT = '''"""A made-up migration, as the next release may have one."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "0.9.0"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("runs", sa.Column("label", sa.String(), server_default="none", nullable=False))
    op.create_table("labels", sa.Column("name", sa.String(), nullable=False))
    op.execute("INSERT INTO labels (name) SELECT DISTINCT label FROM runs")
'''


@pytest.fixture
def place(empty_database_url: str) -> Iterator[Engine]:
    """Engine of a place without tables."""
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def old(empty_database_url: str) -> Iterator[Engine]:
    """Engine of a ledger that release 0.1.0 wrote, with rows in every table."""
    released.make(empty_database_url)
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that adds the made-up migration to those of the program, with more statements."""
    folder = tmp_path / "versions"
    folder.mkdir()

    def with_next(connection: Connection | None = None) -> Config:
        settings = alembic_config(connection)
        settings.set_main_option("path_separator", "newline")
        settings.set_main_option("version_locations", f"{VERSIONS}\n{folder}")
        return settings

    def add(*more: str) -> None:
        statements = "".join(f"    op.execute({statement!r})\n" for statement in more)
        (folder / "next.py").write_text(NEXT + statements, encoding="utf-8")
        monkeypatch.setattr(session, "alembic_config", with_next)
        known = session._revisions()
        monkeypatch.setattr(session, "_revisions", lambda: ("next", *known))

    return add


def flaws(engine: Engine) -> list[object]:
    """Check everything that lies in the database, as `ledger check` does."""
    with readers(engine)() as reader:
        return list(
            chain(
                lines.find_line_flaws(reader, lambda *_: None),
                sums.find_sum_flaws(reader),
                links.find_link_flaws(reader),
            )
        )


def summed(engine: Engine) -> object:
    """Ask for sums as `ledger summary` does, without those that a later release brought: nothing is in them."""
    with readers(engine)() as reader:
        found = {" ".join(by): sum_usage(reader, by) for by in SUMMED}
    rows = [row for of in found.values() for row in of]
    assert not any(row.pop(name) for row in rows for name in SINCE_0_3_0)
    return json.loads(json.dumps(found, default=str))


def check_kept(engine: Engine, before: released.Rows) -> None:
    """See that a ledger of release 0.1.0 holds all that it held, adds up, and takes new lines."""
    require_migrated(engine)
    assert released.lost(before, released.contents(engine)) == []
    assert flaws(engine) == []
    assert summed(engine) == json.loads(SUMS.read_text(encoding="utf-8"))
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    with sessions(engine).begin() as writer:
        keys = seed(writer, "enrichment")
        ledger.insert_lines(writer, [line(keys)])
        assert sum_lines(writer, keys.run).attempts == 1


def test_migrations_make_what_the_tables_say(engine: Engine) -> None:
    """Alembic finds no difference between the database and the metadata, but for keys that PostgreSQL leaves to the rollup."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        found = compare_metadata(context, Base.metadata)
    left_out = {
        f"fk_ledger_lines_{name}_id" for name in LEFT_TO_THE_ROLLUP if engine.dialect.name == "postgresql"
    }
    assert {(what, key.name) for what, key in found} == {("add_fk", name) for name in left_out}


def test_migrations_keep_every_check(engine: Engine) -> None:
    """Alembic does not compare check constraints, so this does: the names, and on SQLite the very rules."""
    found, named = inspect(engine), engine.dialect.identifier_preparer.format_constraint
    for table in Base.metadata.sorted_tables:
        expected = {named(c): str(c.sqltext) for c in table.constraints if isinstance(c, CheckConstraint)}
        checks = {check["name"]: check["sqltext"] for check in found.get_check_constraints(table.name)}
        assert checks.keys() == expected.keys()
        if engine.dialect.name == "sqlite":  # PostgreSQL words them its own way
            assert checks == expected


def test_the_schema_of_a_release_is_never_changed(
    place: Engine, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The migration of 0.1.0 makes the tables, rules, indexes and views that 0.1.0 was released with, and no other."""
    with place.begin() as connection:
        command.upgrade(alembic_config(connection), RELEASED)
        made = snapshot(connection)
    if place.dialect.name == "sqlite":
        url = f"sqlite:///{tmp_path / 'released.db'}"
    else:
        url = request.getfixturevalue("postgres").empty()
    released.make(url, content=False)
    engine = make_engine(url)
    with engine.connect() as connection:
        assert snapshot(connection) == made
    engine.dispose()


def test_a_released_ledger_keeps_everything(old: Engine) -> None:
    """Updated by this program, a ledger of 0.1.0 has every row and sum that it had, and the next run writes to it."""
    before = released.contents(old)
    assert min(map(len, before.values())) > 0
    assert before.keys() == {*Base.metadata.tables, *released.VIEWS} - NEW_TABLES
    migrate(old)
    check_kept(old, before)


def test_the_next_release_can_add_to_it(old: Engine, add_migration: Callable[..., None]) -> None:
    """Readers ask for the update, the next run makes it, and all is there: shown by a made-up migration."""
    before = released.contents(old)
    migrate(old)
    add_migration()
    with pytest.raises(UsageError, match="older version: the next breakeven run updates it"):
        require_migrated(old)
    migrate(old)
    check_kept(old, before)
    after = released.contents(old)
    assert after["labels"] == [{"name": "none"}]
    assert {run["label"] for run in after["runs"]} == {"none"}


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM deliveries", "deliveries"),
        ("DELETE FROM ledger_lines WHERE outcome = 'failed'", "ledger_lines"),
        ("UPDATE runs SET published = published + 1", "run_costs"),
        ("INSERT INTO bills (id, month, nano_usd, entered_at) SELECT 7, month, 1, entered_at FROM bills", "bills"),
        ("ALTER TABLE reports DROP COLUMN changes", "reports"),
    ],
)  # fmt: skip
def test_a_migration_that_loses_something_is_found(
    old: Engine, add_migration: Callable[..., None], statement: str, named: str
) -> None:
    """The comparison that the two tests above trust in names the table or view that is not as it was."""
    before = released.contents(old)
    add_migration(statement)
    migrate(old)
    assert named in released.lost(before, released.contents(old))


def test_an_update_that_fails_leaves_the_old_ledger(old: Engine, add_migration: Callable[..., None]) -> None:
    """It is one transaction: tables, rows and version are as before, and without the fault it works."""
    before = released.contents(old)
    with old.connect() as connection:
        schema = snapshot(connection)
    add_migration("DELETE FROM deliveries", "DELETE FROM nowhere")
    with pytest.raises(UsageError, match="nowhere") as caught:
        migrate(old)
    assert "\n" not in str(caught.value)
    assert released.contents(old) == before
    with old.connect() as connection:
        assert snapshot(connection) == schema
    add_migration()
    migrate(old)
    check_kept(old, before)


def test_migrating_works_in_any_folder(
    place: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No alembic.ini is needed, and doing it again changes nothing."""
    monkeypatch.chdir(tmp_path)
    migrate(place)
    migrate(place)
    require_migrated(place)


def _migrate(url: str, barrier: object) -> None:
    engine = make_engine(url)
    barrier.wait(60)  # type: ignore[attr-defined]
    migrate(engine)
    engine.dispose()


def test_processes_migrate_at_once(empty_database_url: str, place: Engine) -> None:
    """Two processes that start on an empty database both succeed."""
    barrier = PROCESSES.Barrier(2)
    processes = [PROCESSES.Process(target=_migrate, args=(empty_database_url, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    require_migrated(place)


def test_an_empty_database_holds_no_ledger(place: Engine) -> None:
    """Reading says what to do first; on SQLite it creates no file."""
    with pytest.raises(UsageError, match=r"no ledger at .*: run a workload first"):
        require_migrated(place)
    if place.dialect.name == "sqlite":
        assert not Path(str(place.url.database)).exists()


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("9999", "was made by a newer version of breakeven; update the program"),
        ("9.0.0", "was made by a newer version of breakeven; update the program"),
        ("0001", "before release 0.1.0 and cannot be updated; set BREAKEVEN_DATABASE_URL"),
        ("0005", "before release 0.1.0 and cannot be updated; set BREAKEVEN_DATABASE_URL"),
        ("0008", "before release 0.1.0 and cannot be updated; set BREAKEVEN_DATABASE_URL"),
    ],
)
def test_a_ledger_of_another_program_is_left_alone(engine: Engine, revision: str, message: str) -> None:
    """A newer one and one from before the first release are named as such, in one line, by readers and by migrations."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
    for attempt in (migrate, require_migrated, session.has_ledger):
        with pytest.raises(UsageError, match=message) as caught:
            attempt(engine)
        assert "\n" not in str(caught.value)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [
            revision
        ]
