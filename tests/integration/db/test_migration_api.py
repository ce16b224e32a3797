"""A ledger of the first version keeps every row when it is updated for the API, and when that is taken back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from db import attempts, batches, ledger, partitions, runs
from db.base import Base
from db.session import alembic_config, make_engine, migrate, require_migrated, sessions
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, DAY, Keys, batch, closing, line, pending

Row = dict[str, Any]
STATES = ("completed", "failed", "interrupted", "running")
MONEY = {"api_spend": ["day", "nano"], "runs": ["id", "api_cost_nano"]}
OUTCOMES = ("ok", "invalid_output", "failed")


def _insert(connection: Connection, table: str, row: Row) -> None:
    """Insert a row as a program of the first version did: with the columns it knew."""
    types = {column.name: column.type for column in Base.metadata.tables[table].columns}
    known = sa.table(table, *(sa.column(name, types[name]) for name in row))
    connection.execute(sa.insert(known).values(row))


def _line(keys: Keys, **changes: Any) -> Row:  # noqa: ANN401 - any field
    made = line(keys, str(new_id()), **changes)
    return {name: getattr(made, name) for name in made.__slots__ if name not in {"batch_id", "failure"}}


def _run(keys: Keys) -> Row:
    zero = ("load_ns", "idle_ns", "unallocated_nano", "reused", "cached_tokens", "output_tokens")
    run = {"id": new_id(), "version_id": keys.version, "workload": "sentiment", "partition": DAY}
    run |= {"state": "running", "started_at": AT, "ended_at": AT, "engine": "vllm", "model_id": keys.local}
    run |= {"prompt_id": keys.prompt, "infrastructure_id": keys.machine, "busy_ns": 5, "gpu_cost_nano": 6}
    run |= {"records": 7, "published": 6, "quarantined": 1, "input_tokens": 9, "counterfactual_nano": None}
    return {**run, **dict.fromkeys(zero, 0), "flow_run_id": "x", "error": "e"}


def _fill(connection: Connection) -> Keys:
    """Put rows of every kind into every table of a ledger of the first version."""
    keys = Keys(version=new_id(), run=new_id(), prompt=1, local=1, api=2, price=1, machine=1)
    _fill_reference(connection)
    _fill_partition(connection, keys)
    first = _line(keys)
    lines = [first, *(_line(keys, outcome=outcome) for outcome in OUTCOMES)]
    lines.append(_line(keys, engine="reuse", reason="identical", reuses=first["id"]))
    lines.append(_line(keys, cost_nano=None, input_tokens=None, cached_tokens=None, gpu_ns=None))
    for one in lines:
        _insert(connection, "ledger_lines", one)
    return keys


def _fill_reference(connection: Connection) -> None:
    prompt = {"id": 1, "workload": "sentiment", "version": "1", "fingerprint": "f"}
    _insert(connection, "prompts", prompt)
    for number, provider in ((1, "vllm"), (2, "openai")):
        _insert(connection, "models", {"id": number, "provider": provider, "name": "m"})
    price = {"id": 1, "provider": "openai", "model": "m", "effective_from": DAY, "effective_to": None}
    price |= {"version": 1, "input_nano_per_mtok": 5, "cached_input_nano_per_mtok": None}
    _insert(connection, "prices", {**price, "output_nano_per_mtok": 7, "source": "s"})
    machine = {"id": 1, "kind": "A10G", "nano_usd_per_hour": 1, "billing_mode": "on_demand"}
    machine |= {"billing_increment_seconds": 1, "effective_from": DAY, "source": "s"}
    _insert(connection, "infrastructure", machine)
    lease = {"workload": "sentiment", "partition": DAY, "owner": None, "epoch": 3, "expires_at": AT}
    _insert(connection, "leases", lease)


def _fill_partition(connection: Connection, keys: Keys) -> None:
    version = {"workload": "sentiment", "partition": DAY, "fingerprint": "f"}
    published = {"id": keys.version, "version": 1, "state": "published", "output_path": "p"}
    published |= {"records": 6, "quarantined": 1, "published_at": AT}
    _insert(connection, "partition_versions", version | published)
    _insert(connection, "partition_versions", version | {"id": new_id(), "version": 2, "state": "open"})
    for state in STATES:
        own = {"id": keys.run if state == STATES[0] else new_id(), "state": state}
        _insert(connection, "runs", _run(keys) | own)
    part = {"id": new_id(), "version_id": keys.version, "run_id": keys.run, "file_name": "a", "records": 7}
    part |= {"first_ordinal": 0, "last_ordinal": 6, "registered_at": AT}
    _insert(connection, "parts", part)
    _insert(connection, "quarantined_counts", {"run_id": keys.run, "reason": "empty", "count": 1})


def _rows(engine: Engine, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """Read these columns of these tables as they are stored, in an order of their own."""
    tables = {name: sa.table(name, *map(sa.column, names)) for name, names in columns.items()}
    with engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in tables.items()
        }


def _columns(engine: Engine) -> dict[str, list[str]]:
    found = sa.inspect(engine)
    names = [name for name in found.get_table_names() if name != "alembic_version"]
    return {name: [column["name"] for column in found.get_columns(name)] for name in names}


def _downgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")


@pytest.fixture
def first(database_url: str) -> Iterator[Engine]:
    """Engine of a ledger of the first version, without rows."""
    engine = make_engine(database_url)
    migrate(engine)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        command.upgrade(alembic_config(connection), "0001")
    yield engine
    engine.dispose()


@pytest.fixture
def filled(first: Engine) -> Keys:
    """Keys of the rows that the ledger of the first version holds."""
    with first.begin() as connection:
        return _fill(connection)


def test_every_row_is_kept(first: Engine, filled: Keys) -> None:
    """Up, down and up again: each column of the first version holds what it held, new ones their defaults."""
    columns = _columns(first)
    before = _rows(first, columns)
    assert min(len(rows) for rows in before.values()) > 0
    migrate(first)
    assert _rows(first, columns) == before
    new = _rows(first, {"ledger_lines": ["batch_id", "failure"], "partition_versions": ["input_read"]})
    assert set(new["ledger_lines"]) == {(None, None)}
    assert [bool(value) for (value,) in new["partition_versions"]] == [False, False]
    assert set(_rows(first, {"runs": ["api_cost_nano", "escalated"]})["runs"]) == {(0, 0)}
    with sessions(first).begin() as session:
        assert len(list(ledger.read_lines(session, filled.run))) == len(before["ledger_lines"])
    _downgrade(first)
    assert _columns(first) == columns
    assert _rows(first, columns) == before
    migrate(first)
    assert _rows(first, columns) == before


def test_an_updated_ledger_works(first: Engine, filled: Keys) -> None:
    """Old rows and new ones stand side by side: attempts, batches, waiting runs."""
    migrate(first)
    require_migrated(first)
    with sessions(first).begin() as session:
        before = ledger.totals(session, filled.run)
        of = batch(filled)
        batches.record_intent(session, of)
        lines = [pending(filled, "new", batch_id=of.id), pending(filled, "lost")]
        attempts.open_attempts(session, "sentiment", lines)
        assert attempts.close_attempts(session, [closing(lines[0].id)]) == [lines[0].id]
        assert attempts.settle_unknown(session, "sentiment", DAY) == 1
        runs.wait(session, filled.run, {"budget": 2})
        partitions.set_input_read(session, filled.version)
        assert ledger.totals(session, filled.run).attempts == before.attempts + 2


def test_an_old_program_finds_words_it_knows(first: Engine, filled: Keys) -> None:
    """Taken back, every line and its cost is kept; new outcomes and states become the nearest old ones."""
    migrate(first)
    with sessions(first).begin() as session:
        lines = [
            line(filled, "a", outcome="escalated", reason="low_confidence"),
            line(filled, "b", outcome="triage"),
        ]
        ledger.insert_lines(session, lines)
        for at in (AT, AT + timedelta(days=1)):
            sent = [pending(filled, f"{name}-{at:%d}", at=at) for name in ("pending", "unknown", "ok")]
            attempts.open_attempts(session, "sentiment", sent)
            unknown = closing(sent[1].id, outcome="unknown_outcome", cost_nano=1_000)
            attempts.close_attempts(session, [closing(sent[2].id), unknown])
        runs.wait(session, filled.run, {"batch": 1})
        total = ledger.totals(session, filled.run)
    money = _rows(first, MONEY)
    assert [nano for _, nano in money["api_spend"]] == [2_300, 2_300]
    _downgrade(first)
    kept = {
        row[0]: row[1:]
        for row in _rows(first, {"ledger_lines": ["record_key", "outcome", "cost_nano"]})["ledger_lines"]
    }
    assert [kept[key] for key in ("a", "b", "pending-23", "unknown-23", "ok-23")] == [
        ("ok", 279),
        ("ok", 279),
        ("pending", 1_000),
        ("unknown_outcome", 1_000),
        ("ok", 300),
    ]
    states = [state for (state,) in _rows(first, {"runs": ["state"]})["runs"]]
    assert sorted(states) == ["failed", "interrupted", "interrupted", "running"]
    migrate(first)
    assert _rows(first, MONEY) == money
    with sessions(first).begin() as session:
        assert ledger.totals(session, filled.run) == total


def test_an_update_that_fails_leaves_the_old_ledger(first: Engine, filled: Keys) -> None:
    """It is one transaction: the tables, their rules and the version are as before, and it works again."""
    columns, before = _columns(first), _rows(first, _columns(first))

    def upgrade_and_fail() -> None:
        with first.begin() as connection:
            command.upgrade(alembic_config(connection), "head")
            raise KeyError

    with pytest.raises(KeyError):
        upgrade_and_fail()
    assert _columns(first) == columns
    assert _rows(first, columns) == before
    with pytest.raises(IntegrityError, match="ck_ledger_lines_outcome"), first.begin() as connection:
        _insert(connection, "ledger_lines", _line(filled, outcome="triage"))
    with first.begin() as connection:
        _insert(connection, "ledger_lines", _line(filled))
    migrate(first)
    with sessions(first).begin() as session:
        ledger.insert_lines(session, [line(filled, "new", outcome="triage")])


def test_connections_that_were_open_learn_of_the_new_rules(first: Engine, filled: Keys) -> None:
    """A connection that had read the old tables obeys the new rules after the update."""
    other = make_engine(first.url.render_as_string(hide_password=False))
    with other.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM ledger_lines")).scalar_one() > 0
        connection.rollback()
        migrate(first)
        wrong = _line(filled, outcome="pending")
        with pytest.raises(IntegrityError, match="ck_ledger_lines_upper_bound"):
            _insert(connection, "ledger_lines", wrong)
        connection.rollback()
        _insert(connection, "ledger_lines", _line(filled, outcome="triage"))
        connection.commit()
    other.dispose()


def test_sqlite_finds_nothing_wrong_with_the_file(first: Engine, filled: Keys) -> None:
    """Its own check of every page, rule and key, after the update and after it was taken back."""
    assert filled
    if first.dialect.name != "sqlite":
        return
    for change in (migrate, _downgrade, migrate):
        change(first)
        with first.connect() as connection:
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalars().all() == ["ok"]
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []


@pytest.mark.parametrize(
    ("table", "wrong", "rule"),
    [
        ("runs", {"state": "perhaps"}, "ck_runs_state"),
        ("runs", {"api_cost_nano": -1}, "ck_runs_api_cost_nano"),
        ("ledger_lines", {"outcome": "perhaps"}, "ck_ledger_lines_outcome"),
        ("ledger_lines", {"outcome": "pending"}, "ck_ledger_lines_upper_bound"),
        ("waiting_counts", {"count": -1}, "ck_waiting_counts_count"),
        ("api_spend", {"nano": -1}, "ck_api_spend_nano"),
    ],
)
def test_the_new_rules_hold(engine: Engine, keys: Keys, table: str, wrong: Row, rule: str) -> None:
    """Each rule that the migration wrote refuses what it should."""
    rows: dict[str, Row] = {
        "waiting_counts": {"run_id": keys.run, "reason": "budget", "count": 1},
        "api_spend": {"day": DAY, "workload": "sentiment", "nano": 1},
        "ledger_lines": _line(keys),
        "runs": _run(keys),
    }
    with pytest.raises(IntegrityError, match=rule), engine.begin() as connection:
        _insert(connection, table, {**rows[table], **wrong})
