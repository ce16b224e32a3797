"""What the database itself refuses, whoever writes: broken rules, and keys of nothing."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import ledger
from db.base import Base
from db.tables import PartitionVersionRow
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, DAY, Keys, line, pending
from tests.ledger_lines import sum_lines

Row = dict[str, Any]
NOBODY = 999
NO_RUN = UUID(int=999)
KEYS_OF_A_LINE = (
    "run_id",
    "prompt_id",
    "model_id",
    "price_id",
    "infrastructure_id",
    "counterfactual_price_id",
    "batch_id",
)


def _insert(connection: Connection, table: str, row: Row) -> None:
    """Insert a row past the program, with these columns."""
    types = {column.name: column.type for column in Base.metadata.tables[table].columns}
    known = sa.table(table, *(sa.column(name, types[name]) for name in row))
    connection.execute(sa.insert(known).values(row))


def _line(keys: Keys, **changes: Any) -> Row:  # noqa: ANN401 - any field
    made = line(keys, str(new_id()), **changes)
    return made._asdict()


def _run(keys: Keys) -> Row:
    zero = ("load_ns", "idle_ns", "unallocated_nano", "reused", "cached_tokens", "output_tokens")
    run = {"id": new_id(), "version_id": keys.version, "workload": "sentiment", "partition": DAY}
    run |= {"state": "running", "started_at": AT, "ended_at": AT, "engine": "vllm", "model_id": keys.local}
    run |= {"prompt_id": keys.prompt, "infrastructure_id": keys.machine, "busy_ns": 5, "gpu_cost_nano": 6}
    run |= {"records": 7, "published": 6, "quarantined": 1, "input_tokens": 9, "counterfactual_nano": None}
    return {**run, **dict.fromkeys(zero, 0), "flow_run_id": "x", "error": "e"}


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
def test_rules_hold(engine: Engine, keys: Keys, table: str, wrong: Row, rule: str) -> None:
    """Each rule refuses what it should."""
    rows: dict[str, Row] = {
        "waiting_counts": {"run_id": keys.run, "reason": "budget", "count": 1},
        "api_spend": {"day": DAY, "workload": "sentiment", "nano": 1},
        "ledger_lines": _line(keys),
        "runs": _run(keys),
    }
    with pytest.raises(IntegrityError, match=rule), engine.begin() as connection:
        _insert(connection, table, {**rows[table], **wrong})


def test_a_version_is_based_on_one_that_exists(engine: Engine, keys: Keys) -> None:
    """The database refuses a base that it does not know."""
    assert keys
    wrong = sa.update(PartitionVersionRow).values(based_on=new_id())
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(wrong)


def test_a_line_that_names_nothing_is_refused(make_session: sessionmaker[Session], keys: Keys) -> None:
    """Whichever of its keys it is, beside lines that are fine, and at a row of the rollup that is there already."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), pending(keys, "b")])
    for column in KEYS_OF_A_LINE:
        wrong = pending(keys, "c", **{column: NO_RUN if column in {"run_id", "batch_id"} else NOBODY})
        with pytest.raises(IntegrityError), make_session.begin() as session:
            ledger.insert_lines(session, [line(keys, "d"), wrong])
    with make_session.begin() as session:
        assert sum_lines(session, keys.run).attempts == 2


def test_what_a_line_names_cannot_go(engine: Engine, make_session: sessionmaker[Session], keys: Keys) -> None:
    """A prompt, a model, a price, a rate or a run that a line stands on is not deleted, whoever tries."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), pending(keys, "b")])
    for table in ("prompts", "models", "prices", "infrastructure", "runs"):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608
