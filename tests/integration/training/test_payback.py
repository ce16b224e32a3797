"""What trained models served and saved, and when they were paid back: from the rollups of both databases."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy.orm import Session

from db import month
from db.session import make_engine, migrate, sessions
from db.trained_use import read_uses
from models.economics.training_payback import TrainedUse
from models.settings import Settings
from tasks.report.inputs import read_month_inputs
from tests.integration.db.ledger_lines import seed
from tests.integration.training.served import NANO, register, serve, serve_trained

TRAINED = date(2026, 12, 3)
BEFORE = date(2026, 11, 20)
CENT = NANO // 100


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """Session that writes to an empty ledger."""
    engine = make_engine(database_url)
    migrate(engine)
    with sessions(engine)() as opened:
        yield opened
    engine.dispose()


def _day(number: int) -> date:
    return date(2026, 12, number)


def _use(session: Session, until: date = date(2026, 12, 31)) -> TrainedUse:
    (found,) = read_uses(session, until)
    return found


def test_a_classifier_is_paid_back_on_the_day_that_its_saving_covers_its_training(session: Session) -> None:
    """The own model cost 4 cents a record, failed tries as well; the classifier 1 cent, unsure ones as well; $1.40 takes until the 9th."""
    keys = seed(session)
    serve(session, keys, BEFORE, 8, cost_nano=4 * CENT)
    serve(session, keys, BEFORE, 2, cost_nano=4 * CENT, outcome="escalated")
    serve(session, keys, date(2026, 8, 1), 5, cost_nano=NANO)  # too long ago
    model = register(session, TRAINED, 140 * CENT)
    for number in range(4, 11):
        serve_trained(session, keys, model, _day(number), 8, cost_nano=CENT)
        serve_trained(session, keys, model, _day(number), 1, cost_nano=CENT, outcome="escalated")
        serve(session, keys, _day(number), 1, cost_nano=99 * CENT)  # what is left for the own model
    found = _use(session)  # each day saves 8 x 4 - 9 = 23 cents
    assert (found.records, found.saved_nano, found.instead) == (56, 161 * CENT, "vllm")
    assert found.paid_back == _day(10)
    assert _use(session, _day(9)).paid_back is None
    assert _use(session, _day(9)).saved_nano == 138 * CENT
    serve_trained(session, keys, model, _day(9), 1, cost_nano=2 * CENT)
    assert _use(session, _day(9)).paid_back == _day(9)


def test_without_an_own_model_before_the_api_stands_for_the_next_stage(session: Session) -> None:
    """What the API was paid in the months before; where it was not, its price of the same records."""
    keys = seed(session)
    model = register(session, TRAINED, CENT)
    serve_trained(session, keys, model, _day(4), 3, cost_nano=CENT, counterfactual_nano=6 * CENT)
    assert (_use(session).instead, _use(session).saved_nano) == ("openai", 15 * CENT)
    api = {
        "engine": "openai",
        "model_id": keys.api,
        "gpu_ns": None,
        "infrastructure_id": None,
        "price_id": keys.price,
    }
    serve(session, keys, BEFORE, 2, cost_nano=3 * CENT, requested="openai", reason="chosen", **api)
    assert (_use(session).instead, _use(session).saved_nano) == ("openai", 6 * CENT)


def test_an_adapter_is_held_against_what_records_cost_before(session: Session) -> None:
    """Own model and API together, since it serves what went on to the API; and what is dearer saves less than nothing."""
    keys = seed(session)
    serve(session, keys, BEFORE, 3, cost_nano=CENT)
    serve(session, keys, BEFORE, 1, cost_nano=5 * CENT)
    model = register(session, TRAINED, CENT, kind="adapter", threshold=None)
    serve_trained(session, keys, model, _day(4), 2, cost_nano=3 * CENT)
    found = _use(session)
    assert (found.instead, found.saved_nano, found.paid_back) == ("as_before", -2 * CENT, None)


def test_what_serves_nothing_has_saved_nothing(session: Session) -> None:
    """Nor does another workload's, or a trial's; what was trained later is not there yet."""
    register(session, TRAINED, CENT, state="candidate")
    found = _use(session)
    assert (found.records, found.saved_nano, found.instead, found.paid_back) == (0, 0, None, None)
    assert read_uses(session, _day(2)) == []


def test_a_month_knows_what_trainings_cost_and_what_was_trained(session: Session) -> None:
    """Beside evaluations, whose money they are not; the month alone is told apart from all days."""
    keys = seed(session)
    serve(session, keys, BEFORE, 1, cost_nano=4 * CENT)
    model = register(session, BEFORE, 7 * CENT)
    serve_trained(session, keys, model, date(2026, 11, 28), 3, cost_nano=CENT)
    serve_trained(session, keys, model, _day(2), 5, cost_nano=CENT)
    used = month.read_usage(session, date(2026, 11, 1), date(2026, 12, 1))
    assert [(one.training_nano, one.evaluations_nano) for one in used.values()] == [(7 * CENT, 0)]
    inputs = read_month_inputs(session, Settings(), _day(1), today=_day(31))
    (use,) = inputs.trained
    assert (use.records, use.month_records, inputs.training_nano) == (8, 5, 0)
    before = read_month_inputs(session, Settings(), date(2026, 11, 1), today=_day(31))
    assert (before.trained[0].records, before.training_nano) == (3, 7 * CENT)
