"""Ledgers that the page is opened on: one with every kind of line, one with long names, long errors and many runs."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from db import infrastructure, reference, runs
from db.ledger import insert_lines
from db.session import make_engine, migrate, sessions
from db.tables import RunRow
from models.economics import owning
from models.ids import new_id
from models.ledger.line import LedgerLine
from tests.integration.db.ledger_lines import DAY, Keys, line, pending, seed

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
BOLD = "<b>bold</b>"
LONG = "x" * 300
RECORDS = 60
EVALUATED = 5
LONG_MODEL = "an-organisation-with-a-long-name/Some-Model-3.1-8B-Instruct-quantized.w4a16-v2.1"
LONG_WORKLOAD = "a_workload_whose_name_somebody_made_very_long_indeed"
LONG_ERROR = "EngineError: " + "the engine stopped while it answered; " * 10 + "end"


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
            evaluate(session)
    finally:
        engine.dispose()


def evaluate(session: Session, workload: str = "sentiment") -> None:
    """Add an evaluation of `EVALUATED` records on each of two engines, of one dollar altogether."""
    for hour, purpose in ((4, "evaluation_small"), (5, "evaluation_api")):
        keys, at = seed(session, workload, DAY), datetime.combine(DAY, time(hour, 30), UTC)
        model = keys.local if purpose == "evaluation_small" else keys.api
        session.execute(
            update(RunRow)
            .where(RunRow.id == keys.run)
            .values(purpose=purpose, started_at=datetime.combine(DAY, time(hour), UTC))
        )
        more = {"at": at, "model_id": model, "cost_nano": 500_000_000 // EVALUATED}
        insert_lines(session, [line(keys, f"e{place}", **more) for place in range(EVALUATED)])


def crowd(url: str) -> None:
    """Make a ledger of long names and long errors, with many runs, and all that can be entered of machines."""
    engine = make_engine(url)
    try:
        migrate(engine)
        with sessions(engine).begin() as session:
            for number in range(30):
                _long_run(session, number)
            evaluate(session, LONG_WORKLOAD)
            _enter(session)
    finally:
        engine.dispose()


def _long_run(session: Session, number: int) -> None:
    day = DAY - timedelta(days=number)
    keys = seed(session, LONG_WORKLOAD if number % 2 else "sentiment", day)
    at = datetime.combine(day, time(2), UTC)
    values = {
        "started_at": at,
        "model_id": reference.ensure_model(session, "vllm", LONG_MODEL),
        **dict.fromkeys(("records", "published", "quarantined", "escalated"), 123_456),
        **dict.fromkeys(("input_tokens", "output_tokens"), 1_234_567_890),
        **dict.fromkeys(("gpu_cost_nano", "api_cost_nano", "counterfactual_nano"), 1_234_567_890_123),
    }
    session.execute(update(RunRow).where(RunRow.id == keys.run).values(**values))
    own = {"at": at, "model_id": values["model_id"], "input_tokens": 123_456_789, "cached_tokens": 12_345_678}
    insert_lines(session, [line(keys, f"r{place}", **own) for place in range(2)])
    if number % 3 == 0:
        runs.finish(session, keys.run, "failed", error=LONG_ERROR if number % 2 else "e" * 400)
    elif number % 3 == 1:
        runs.finish(session, keys.run, "completed")


def _enter(session: Session) -> None:
    """Enter machines, bills and labour, each with a correction."""
    begin, usd = date(2026, 3, 1), Decimal(250)
    machines: dict[str, Any] = {"usd_per_hour": None, "increment_seconds": 1, "gpus": 1}
    for dollars, note in ((usd, "a note " * 20), (usd + 20, None)):
        infrastructure.add(
            session,
            owning.check_terms(
                "A10G", "reserved", since=begin, until=None, usd_per_month=dollars, note=note, **machines
            ),
        )
        infrastructure.add(session, owning.check_bill(date(2026, 10, 1), dollars, DAY, note))
        labour = {"maintenance_hours": Decimal("1.5"), "setup_hours": Decimal(16)}
        infrastructure.add(
            session, owning.check_labour(begin, engineer_usd_per_hour=dollars, note=note, **labour)
        )


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
        closed = pending(keys, "hard", at=at, attempt=2, cost_nano=90_000)._replace(outcome="ok")
        closed = closed._replace(input_tokens=100, cached_tokens=0, output_tokens=20)
        made.append(closed._replace(counterfactual_nano=27_000))
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
