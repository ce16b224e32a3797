"""Reports and messages about them: versions are unique, and only one process gets to send a message."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import deliveries, reports
from db.deliveries import DeliveryMessage, last_told, list_of_month
from db.reports import Report
from models.errors import UsageError
from models.ids import new_id
from models.settings.delivery import Recipient

MONTH = date(2026, 10, 1)
CFO = Recipient("mail", "cfo@example.org")
AT = datetime(2026, 11, 1, 6, tzinfo=UTC)


@pytest.fixture
def report(make_session: sessionmaker[Session]) -> Report:
    """Store one version of one month's report."""
    one = Report(
        new_id(), MONTH, 1, AT, "f", complete=True, software="1", inputs="{}", figures="{}", changes=None
    )
    with make_session.begin() as session:
        assert reports.add(session, one)
    return one


@pytest.fixture
def message(report: Report) -> DeliveryMessage:
    """Have a message about it."""
    return DeliveryMessage(report.id, MONTH, CFO, 1)


def claimed(make_session: sessionmaker[Session], message: DeliveryMessage, owner: str) -> bool:
    """Claim in a transaction of its own."""
    with make_session.begin() as session:
        return deliveries.claim(session, message, owner)


def state(make_session: sessionmaker[Session]) -> tuple[str, int, str, str | None]:
    """Return state, attempts, owner and error of the only message."""
    with make_session() as session:
        (one,) = list_of_month(session, MONTH)
    return one.state, one.attempts, one.owner, one.error


def test_a_version_is_stored_once(make_session: sessionmaker[Session], report: Report) -> None:
    """A second one of the same number is not, and the first stays; the newest is found, an unknown one is not."""
    other = replace(report, id=new_id(), fingerprint="g")
    with make_session.begin() as session:
        assert not reports.add(session, other)
        assert reports.add(session, replace(other, version=2))
    with make_session() as session:
        assert reports.get(session, report.id) == report
        assert reports.latest(session, MONTH) == replace(other, version=2)
        assert reports.latest(session, date(2026, 9, 1)) is None
        with pytest.raises(UsageError, match="no report"):
            reports.get(session, new_id())


def test_one_process_gets_a_message(make_session: sessionmaker[Session], message: DeliveryMessage) -> None:
    """The others do not; whoever has it may ask again, because a commit's answer can be lost."""
    assert claimed(make_session, message, "a/host:1:1")
    assert claimed(make_session, message, "a/host:1:1")
    assert not claimed(make_session, message, "b/host:1:1")
    assert state(make_session) == ("sending", 1, "a/host:1:1", None)


def test_what_failed_may_be_claimed_again(
    make_session: sessionmaker[Session], message: DeliveryMessage
) -> None:
    """And counts as another attempt; what was sent is never claimed."""
    assert claimed(make_session, message, "a")
    with make_session.begin() as session:
        deliveries.close(session, message, "failed", "refused\nin two lines")
    assert state(make_session) == ("failed", 1, "a", "refused in two lines")
    assert claimed(make_session, message, "b")
    assert state(make_session) == ("sending", 2, "b", None)
    with make_session.begin() as session:
        deliveries.close(session, message, "sent")
        deliveries.close(session, message, "failed", "too late")
    assert state(make_session) == ("sent", 2, "b", None)
    assert not claimed(make_session, message, "b")
    assert not claimed(make_session, message, "c")


def test_a_number_is_used_once_a_month(
    make_session: sessionmaker[Session], report: Report, message: DeliveryMessage
) -> None:
    """Also by another version: two processes that know different versions send one message."""
    assert claimed(make_session, message, "a")
    newer = replace(report, id=new_id(), version=2)
    with make_session.begin() as session:
        assert reports.add(session, newer)
    assert not claimed(make_session, replace(message, report_id=newer.id), "b")
    assert claimed(make_session, replace(message, report_id=newer.id, number=2), "b")
    with make_session() as session:
        told = last_told(session, MONTH, CFO)
        assert last_told(session, MONTH, Recipient("chat", CFO.target)) is None
        assert last_told(session, date(2026, 9, 1), CFO) is None
    assert told is not None
    assert (told.delivery.number, told.version, told.complete) == (2, 2, True)


def test_doubt_is_noted_and_stays(make_session: sessionmaker[Session], message: DeliveryMessage) -> None:
    """It is not claimed again by itself."""
    assert claimed(make_session, message, "a")
    with make_session.begin() as session:
        deliveries.set_error(session, message, "the server died")
    assert state(make_session) == ("sending", 1, "a", "the server died")
    assert not claimed(make_session, message, "b")


def test_a_message_needs_its_report(make_session: sessionmaker[Session], message: DeliveryMessage) -> None:
    """The database refuses one about a report that there is not."""
    with pytest.raises(IntegrityError):
        claimed(make_session, replace(message, report_id=new_id(), number=3), "a")
