"""A batch is written down before it is uploaded, and is never submitted twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import batches
from db.tables import BatchRow
from models.errors import UsageError
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, Keys, batch, seed

Sessions = sessionmaker[Session]


@pytest.fixture
def intended(make_session: Sessions, keys: Keys) -> batches.Batch:
    """Write a batch down."""
    made = batch(keys)
    with make_session.begin() as session:
        assert batches.record_intent(session, made)
    return made


def test_a_batch_comes_back_as_it_was_written(make_session: Sessions, intended: batches.Batch) -> None:
    """Writing it down again is no second batch, and says so."""
    with make_session.begin() as session:
        assert batches.get(session, intended.id) == intended
        assert batches.record_intent(session, replace(intended, file_name="other")) is False
        assert batches.list_live(session) == [intended]
    with make_session.begin() as session, pytest.raises(UsageError, match="knows no batch"):
        batches.get(session, new_id())


def test_the_life_of_a_batch(make_session: Sessions, intended: batches.Batch) -> None:
    """The file, the submission and the end are noted; each can be noted again without harm."""
    with make_session.begin() as session:
        for _ in range(2):
            batches.set_file(session, intended.id, "file-1")
        for _ in range(2):
            batches.set_submitted(session, intended.id, "batch-1")
        found = batches.get(session, intended.id)
        assert found == replace(
            intended,
            state="submitted",
            provider_file_id="file-1",
            provider_batch_id="batch-1",
            submitted_at=found.submitted_at,
        )
        assert found.submitted_at is not None
        assert timedelta(0) <= datetime.now(UTC) - found.submitted_at < timedelta(minutes=5)
        assert batches.list_live(session) == [found]
        assert batches.close(session, intended.id, "collected") is True
        assert batches.close(session, intended.id, "abandoned", "too late") is False
        batches.set_submitted(session, intended.id, "batch-1")
        closed = batches.get(session, intended.id)
        assert (closed.state, closed.error) == ("collected", None)
        assert closed.closed_at is not None
        assert batches.list_live(session) == []


def test_a_batch_is_submitted_once(make_session: Sessions, intended: batches.Batch) -> None:
    """A second batch of the provider's under our id is a mistake that is named, not noted."""
    with make_session.begin() as session:
        batches.set_submitted(session, intended.id, "batch-1")
        with pytest.raises(UsageError, match="was submitted as batch-1, not as batch-2"):
            batches.set_submitted(session, intended.id, "batch-2")
        assert batches.get(session, intended.id).provider_batch_id == "batch-1"


def test_a_batch_that_was_given_up_stays_so(make_session: Sessions, intended: batches.Batch) -> None:
    """Nothing is uploaded or submitted for it any more; its error is one short line."""
    with make_session.begin() as session:
        assert batches.close(session, intended.id, "failed", "not\n  accepted " + "x" * 1000)
        with pytest.raises(UsageError, match="is failed: nothing more"):
            batches.set_file(session, intended.id, "file-1")
        with pytest.raises(UsageError, match="is failed: nothing more"):
            batches.set_submitted(session, intended.id, "batch-1")
        error = batches.get(session, intended.id).error
    assert error is not None
    assert error.startswith("not accepted xxx")
    assert len(error) == 500


def test_live_batches_of_one_version(make_session: Sessions, intended: batches.Batch) -> None:
    """Those of a version or of all, in the order in which they were made."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        second, third = batch(other), batch(other)
        for one in (third, second):
            batches.record_intent(session, one)
        assert batches.list_live(session) == [intended, second, third]
        assert batches.list_live(session, other.version) == [second, third]
        assert batches.list_live(session, new_id()) == []


def test_tokens_that_the_provider_holds_enqueued(make_session: Sessions, intended: batches.Batch) -> None:
    """Those of one model's batches, from their submission to their end."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        second, third = batch(other, input_tokens=7), batch(other, model="gpt-4o", input_tokens=1_000)
        for one in (second, third):
            batches.record_intent(session, one)
        assert batches.sum_enqueued_tokens(session, "gpt-4o-mini") == 0
        for one in (intended, second, third):
            batches.set_submitted(session, one.id, f"provider-{one.id}")
        assert batches.sum_enqueued_tokens(session, "gpt-4o-mini") == 507
        assert batches.sum_enqueued_tokens(session, "o3") == 0
        batches.close(session, intended.id, "collected")
        assert batches.sum_enqueued_tokens(session, "gpt-4o-mini") == 7


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"state": "perhaps", "closed_at": AT}, "ck_batches_state"),
        ({"requests": -1}, "ck_batches_requests"),
        ({"input_tokens": -1}, "ck_batches_input_tokens"),
        ({"state": "submitted"}, "ck_batches_submitted"),
        ({"state": "collected"}, "ck_batches_closed"),
        ({"closed_at": AT}, "ck_batches_closed"),
        ({"run_id": new_id()}, "(?i)foreign key"),
        ({"version_id": new_id()}, "(?i)foreign key"),
    ],
)
def test_impossible_batches_are_refused(
    make_session: Sessions, keys: Keys, wrong: dict[str, Any], rule: str
) -> None:
    """The database holds no batch that contradicts itself."""
    values = {name: getattr(batch(keys), name) for name in batches.Batch.__slots__}
    with pytest.raises(IntegrityError, match=rule), make_session.begin() as session:
        session.execute(insert(BatchRow).values(**{**values, **wrong}))
