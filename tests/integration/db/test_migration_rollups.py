"""A ledger of the third version gets the very rollup that its lines would have made, and can be taken back."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db import attempts, batches, ledger
from db.check import lines as check
from db.session import alembic_config, make_engine, migrate, sessions
from db.tables import ArchiveRow, DailyUsageRow
from models.ids import new_id
from models.ledger import LedgerLine
from tests.integration.db.ledger_lines import AT, DAY, Keys, batch, closing, line, pending, seed
from tests.integration.db.test_daily_usage import counted, kept


def _change(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), revision)


def _local(dice: random.Random, keys: Keys, record: str) -> list[LedgerLine]:
    """Make the local attempts of a record: triage perhaps, then an answer, a reuse or a record that goes on."""
    at = AT + timedelta(hours=dice.randrange(-40, 40))
    made = [line(keys, record, at=at, outcome="triage")] if dice.random() < 0.3 else []
    number = len(made) + 1
    fields: dict[str, Any] = dice.choice(
        [
            {"outcome": "ok"},
            {"outcome": "escalated", "reason": "low_confidence"},
            {"outcome": "invalid_output", "cost_nano": None, "counterfactual_nano": None},
            {"engine": "reuse", "reason": "identical", "reuses": new_id(), "cost_nano": 0},
            {"input_tokens": None, "cached_tokens": None, "output_tokens": None, "gpu_ns": None},
        ]
    )
    return [*made, line(keys, record, attempt=number, at=at + timedelta(seconds=1), **fields)]


def fill(session: Session, seed_number: int = 1) -> None:
    """Put lines of every kind into two runs of two workloads, some of them closed and settled."""
    dice = random.Random(seed_number)
    for workload in ("sentiment", "enrichment"):
        keys = seed(session, workload)
        of = batch(keys)
        batches.record_intent(session, of)
        for record in map(str, range(60)):
            ledger.insert_lines(session, _local(dice, keys, record) if dice.random() < 0.8 else [])
        opened = [
            pending(
                keys,
                str(dice.randrange(70)),
                attempt=number,
                at=AT + timedelta(hours=number),
                batch_id=dice.choice([None, of.id]),
            )
            for number in range(3, 43)
        ]
        attempts.open_attempts(session, workload, opened)
        ends = ("ok", "failed", "invalid_output", "unknown_outcome")
        closings = [closing(one.id, outcome=dice.choice(ends)) for one in opened[:25]]
        unknown = {"input_tokens": None, "cached_tokens": None, "output_tokens": None}
        attempts.close_attempts(session, [*closings, closing(opened[25].id, **unknown)])
        attempts.settle_unknown(session, workload, DAY)


@pytest.fixture
def third(database_url: str) -> Iterator[Engine]:
    """Engine of a ledger of the third version that holds lines of every kind."""
    engine = make_engine(database_url)
    migrate(engine)
    with sessions(engine).begin() as session:
        fill(session)
    yield engine
    engine.dispose()


def test_an_older_ledger_gets_the_rollup_of_its_lines(third: Engine) -> None:
    """What the migration sums is what the inserts and closings had kept, row for row, and what the check expects."""
    with sessions(third).begin() as session:
        before = kept(session)
        assert len(before) > 30
        assert {way[7] for way in before} >= {"ok", "pending", "unknown_outcome", "triage", "escalated"}
    _change(third, "0003")
    assert not sa.inspect(third).has_table("daily_usage")
    migrate(third)
    with sessions(third).begin() as session:
        assert kept(session) == before == counted(session)
        assert [
            flaw for flaw in check.flaws(session, lambda *_: None) if flaw.check == check.WRONG_SUMS
        ] == []


def test_what_comes_after_the_update_is_added(third: Engine) -> None:
    """The rows of the migration grow with new lines, and shrink when old attempts are closed."""
    _change(third, "0003")
    migrate(third)
    with sessions(third).begin() as session:
        old = session.execute(
            sa.text("SELECT count(*) FROM daily_usage WHERE outcome = 'pending'")
        ).scalar_one()
        assert old > 0
        fill(session, 2)
        waiting = [row["id"] for row in ledger.lines(session, outcome="pending", workload="sentiment")]
        attempts.close_attempts(session, [closing(line_id) for line_id in waiting])  # type: ignore[arg-type]  # a UUID
        assert kept(session) == counted(session)


def test_archived_lines_forbid_the_way_back(third: Engine) -> None:
    """An older version would not find them."""
    with sessions(third).begin() as session:
        archive = {"id": new_id(), "path": "lines.parquet", "lines": 1, "sha256": b"x"}
        times = {"first_at": AT, "last_at": AT, "created_at": AT}
        session.execute(sa.insert(ArchiveRow).values(**archive, **times))
    with pytest.raises(RuntimeError, match="moved to an archive"):
        _change(third, "0003")
    with sessions(third).begin() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(DailyUsageRow)).scalar_one() > 0
