"""A ledger that the page is opened on: three workloads, one of them named in markup, every kind of line."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import update

from db import runs
from db.ledger import insert_lines
from db.session import make_engine, migrate, sessions
from db.tables import RunRow
from models.ids import new_id
from models.ledger import LedgerLine
from tests.integration.db.ledger_lines import DAY, Keys, line, pending, seed

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
BOLD = "<b>bold</b>"
LONG = "x" * 300
RECORDS = 60


def fill(url: str) -> None:
    """Make a ledger with three days of lines."""
    engine = make_engine(url)
    try:
        migrate(engine)
        with sessions(engine).begin() as session:
            for number, workload in enumerate(("sentiment", "enrichment", "sentiment", SCRIPT)):
                day = DAY - timedelta(days=number)
                keys = seed(session, workload, day)
                insert_lines(session, _lines(keys, datetime.combine(day, time(2, 30), UTC), number))
                session.execute(
                    update(RunRow)
                    .where(RunRow.id == keys.run)
                    .values(started_at=datetime.combine(day, time(2), UTC))
                )
                if workload == SCRIPT:
                    runs.finish(session, keys.run, "failed", error=f"{BOLD} failed")
    finally:
        engine.dispose()


def _lines(keys: Keys, at: datetime, number: int) -> list[LedgerLine]:
    records = RECORDS if number == 0 else 12
    made = [_answered(keys, f"r{place:02d}", at, place) for place in range(records)]
    made.append(line(keys, "reused", at=at, **_REUSE, reuses=made[0].id))
    made.append(
        line(keys, "hard", at=at, outcome="escalated", reason="low_confidence", counterfactual_nano=0)
    )
    if number == 0:
        made.append(pending(keys, "hard", at=at, attempt=2, cost_nano=123_456))
        made.append(line(keys, LONG, at=at, estimated=True))
    else:
        closed = replace(pending(keys, "hard", at=at, attempt=2, cost_nano=90_000), outcome="ok")
        closed = replace(closed, input_tokens=100, cached_tokens=0, output_tokens=20)
        made.append(replace(closed, counterfactual_nano=27_000))
    if number == 3:
        made.append(line(keys, IMAGE, at=at, cost_nano=None, outcome="invalid_output"))
    return made


_REUSE = {
    "engine": "reuse",
    "reason": "identical",
    "input_tokens": None,
    "cached_tokens": None,
    "output_tokens": None,
    "gpu_ns": None,
    "cost_nano": 0,
    "counterfactual_nano": 0,
}


def _answered(keys: Keys, record_key: str, at: datetime, place: int) -> LedgerLine:
    return line(
        keys,
        record_key,
        id=new_id(),
        at=at + timedelta(seconds=place),
        input_tokens=300 + place,
        output_tokens=5 + place % 7,
        cost_nano=4_000 + 17 * place,
        counterfactual_nano=int(Decimal("0.15") * (300 + place) * 1000),
    )
