"""The rollup that inserts, closings and settlings keep is the very sum over lines of every kind."""

import random
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, ledger
from db.check import lines as check
from models.ids import new_id
from models.ledger.line import LedgerLine
from tests.integration.db.ledger_lines import AT, DAY, Keys, batch, closing, line, pending, seed
from tests.integration.db.test_daily_usage import counted, kept


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
        attempts.resolve_unknown(session, workload, DAY)


def test_the_rollup_is_what_the_check_expects(make_session: sessionmaker[Session]) -> None:
    """Row for row, over many lines; `ledger check` finds no wrong sum."""
    with make_session.begin() as session:
        fill(session)
        before = kept(session)
        assert len(before) > 30
        assert {way[7] for way in before} >= {"ok", "pending", "unknown_outcome", "triage", "escalated"}
        assert before == counted(session)
        assert [
            flaw for flaw in check.find_line_flaws(session, lambda *_: None) if flaw.check == check.WRONG_SUMS
        ] == []


def test_rows_grow_and_shrink(make_session: sessionmaker[Session]) -> None:
    """Over another transaction's rows: with new lines, and when old attempts are closed."""
    with make_session.begin() as session:
        fill(session)
    with make_session.begin() as session:
        assert any(way[7] == "pending" for way in kept(session))
        fill(session, 2)
        waiting = [row["id"] for row in ledger.list_lines(session, outcome="pending", workload="sentiment")]
        attempts.close_attempts(session, [closing(line_id) for line_id in waiting])  # type: ignore[arg-type]  # a UUID
        assert kept(session) == counted(session)
