"""A year in which labels shift: audits find it in its month, a training repairs it, and the reports show both, with what it paid back."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from bench.history import Year, write_history
from db import audits
from db.audits import AuditedRecord
from db.session import make_engine, migrate, readers, sessions
from models.economics.pricing import half_up
from models.months import days_in, months_later
from models.settings import Settings
from models.training.trained import TrainedModel
from tasks.alerts.audits import find_audit_alerts
from tasks.report.inputs import read_month_inputs
from tasks.report.page import make_page
from tests import month_figures
from tests.integration.db.ledger_lines import Keys, seed
from tests.integration.training.served import register, serve_trained

YEAR = Year(records=6, days=(), price_factor=150_000)
MONTHS = [months_later(YEAR.first, index) for index in range(YEAR.months)]
SHIFT, REPAIRED = 7, 9
"""The labels shift in the eighth month; the training is in the tenth."""
TRAINED = MONTHS[REPAIRED].replace(day=3)
A_DAY, OWN_NANO = 40, 1_000
"""Records that the classifier serves on a day, and what one costs."""
TODAY = date(2026, 11, 25)
BEFORE = """
SELECT sum(cost_nano), count(DISTINCT record_key) FROM ledger_lines l JOIN runs r ON r.id = l.run_id
WHERE l.engine = 'vllm' AND r.workload = 'sentiment' AND r.purpose = 'production' AND l.at >= :since AND l.at < :until
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Engine of a ledger with a year, what was audited in it, and a classifier that was trained and served."""
    found = make_engine(database_url)
    migrate(found)
    write_history(found, YEAR)
    yield found
    found.dispose()


def _training_nano(rate: Fraction) -> int:
    """Return what a training costs that five days and a half pay back."""
    return half_up((rate - OWN_NANO) * A_DAY * 11 / 2)


def _rate(session: Session) -> Fraction:
    """Return what a record cost on the own model in the three months before, straight from the lines."""
    until = datetime.combine(TRAINED, datetime.min.time(), UTC)
    nano, records = session.execute(text(BEFORE), {"since": until - timedelta(days=92), "until": until}).one()
    return Fraction(int(nano), int(records))


def _audit_month(
    session: Session, keys: Keys, month: date, dice: Random, served: tuple[str, int, float]
) -> None:
    """Audit ten records of every third day; `served`: by which engine and model, and how many of them agree."""
    engine, model, share = served
    for number in range(0, days_in(month), 3):
        day = month + timedelta(days=number)
        rows = [
            AuditedRecord(f"{day:%m%d}-{place}", engine, model, keys.prompt, keys.run, dice.random() < share)
            for place in range(10)
        ]
        audits.replace_audits(session, "sentiment", day, rows)


def _live(session: Session, keys: Keys, rate: Fraction) -> TrainedModel:
    """Let the year be audited, the classifier be trained, and serve every day of its month."""
    dice = Random(7)
    model = register(session, TRAINED, _training_nano(rate))
    for number in range(TRAINED.day + 1, 29):
        serve_trained(session, keys, model, TRAINED.replace(day=number), A_DAY, cost_nano=OWN_NANO)
    repaired = session.execute(
        text("SELECT id FROM models WHERE name = :name"), {"name": model.name}
    ).scalar_one()
    for index, month in enumerate(MONTHS):
        if index < REPAIRED:
            served = ("vllm", keys.local, 0.9 if index < SHIFT else 0.6)
        else:
            served = ("classifier", int(repaired), 0.93)
        _audit_month(session, keys, month, dice, served)
    return model


def _page_of(engine: Engine, month: date) -> dict[str, str]:
    """Return what the report of a month says: its top under "", its sections by key."""
    with readers(engine)() as session:
        inputs = read_month_inputs(session, Settings(), month, today=TODAY)
    page = make_page(month_figures.report(inputs))
    said: dict[str, str] = {}
    for one in page.sections:
        cells = (cell for table in one.tables for row in table.rows for cell in row)
        said[one.key] = " ".join([*one.sentences, *cells, *(item.text for item in one.items)])
    return {"": " ".join(page.sentences), **said}


def test_audits_find_the_shift_a_training_repairs_it_and_the_reports_show_both(engine: Engine) -> None:
    """The alert comes in the eighth month and is of no other; the tenth month's report has the training and the day that paid it back."""
    with sessions(engine).begin() as session:
        model = _live(session, seed(session, "sentiment", TRAINED), _rate(session))
    seen: dict[str, date] = {}
    for month in MONTHS:
        for day in (10, 20, days_in(month)):
            with readers(engine)() as session:
                for alert in find_audit_alerts(session, month.replace(day=day)):
                    seen.setdefault(alert.crossing, month)
    assert seen == {f"sentiment by vllm, {MONTHS[SHIFT]:%Y-%m}": MONTHS[SHIFT]}
    shifted, repaired = _page_of(engine, MONTHS[SHIFT]), _page_of(engine, MONTHS[REPAIRED])
    assert "Own model" in shifted["audits"]
    assert "training" not in shifted
    assert "Classifier" in repaired["audits"]
    told = f"{model.name} of sentiment was trained for $"
    assert told in repaired["training"]
    assert told in repaired[""]
    paid_back = TRAINED + timedelta(
        days=6
    )  # it serves from the day after: five days and a half are over on the sixth
    assert f"paid back on {paid_back.day} {paid_back:%B %Y}" in repaired[""]
    assert "Training cost $" in repaired["notes"]
