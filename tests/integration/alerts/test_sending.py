"""Each crossing is told once to each recipient, whatever fails on the way and however many look at once."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from models.errors import DeliveryError, UsageError
from models.settings.delivery import Recipient
from tasks.alerts.send import explain_failures, send_alerts, send_test
from tests.integration.alerts.harness import CFO, CTO, NOW, Watch

DAY = timedelta(days=1)
OPS = Recipient("chat", "ops")


def test_once_by_mail_and_chat_with_what_to_do(watch: Watch) -> None:
    """One mail to each address, one message to the chat; the next look sends nothing."""
    watch.spend(9)
    done = watch.send()
    assert set(done.sent.values()) == {1}
    assert len(done.sent) == 3
    assert explain_failures(done) is None
    (mail,) = watch.office.to(CFO)
    body = mail.mail.get_body(("plain",))
    assert body is not None
    assert "used to 90%" in body.get_content()
    assert "What to do: What does not fit will wait" in body.get_content()
    assert str(mail.mail["Subject"]).startswith(
        "breakeven: The day cap of $10.00 for sentiment is used to 90%"
    )
    (posted,) = watch.room.posted
    assert "What to do" in posted["message"]
    again = watch.send()
    assert (again.sent, again.wrong) == ({}, {})
    assert (len(watch.office.received), len(watch.room.posted)) == (2, 1)


def test_a_higher_threshold_is_a_crossing_of_its_own(watch: Watch) -> None:
    """80 % is told, then 95 %; where both are crossed at once, only the higher one."""
    watch.spend(8)
    watch.send()
    watch.spend(2)
    watch.send()
    assert [mail[:60] for mail in watch.mails()] == [
        "breakeven: The day cap of $10.00 for sentiment is used to 80",
        "breakeven: The day cap of $10.00 for sentiment is used to 10",
    ]
    later = NOW + DAY
    watch.spend(10, later.date())
    watch.send(later)
    assert len(watch.mails()) == 3
    assert "2 alerts" not in watch.mails()[-1]


def test_what_went_away_and_comes_again_is_told_again(watch: Watch) -> None:
    """A run fails, the next one succeeds, another one fails: two crossings."""
    watch.end(watch.run(timedelta(hours=5)), "failed", "first")
    watch.send()
    watch.end(watch.run(timedelta(hours=4)), "completed")
    assert watch.send().sent == {}
    watch.end(watch.run(timedelta(hours=3)), "failed", "second")
    assert len(watch.send().sent) == 3
    assert len(watch.mails()) == 2
    with watch.sessions() as session:
        rows = session.execute(text("SELECT number, ended_at IS NULL FROM alerts ORDER BY number")).all()
    assert [(number, bool(open_)) for number, open_ in rows] == [(1, False), (2, True)]


def test_what_fails_is_tried_again_and_nobody_gets_it_twice(watch: Watch) -> None:
    """One address is refused and the chat is down: the others get it, the next look tries these only."""
    watch.spend(9)
    watch.office.answers = {CFO: "550 5.1.1 no such user"}
    watch.room.status = 500
    done = watch.send()
    error = explain_failures(done)
    assert isinstance(error, DeliveryError)
    assert f"{CFO}: the mail server" in str(error)
    assert "\n" not in str(error)
    assert list(done.sent) == [Recipient("mail", CTO)]
    watch.office.answers, watch.room.status = {}, 200
    again = watch.send()
    assert set(again.sent) == {Recipient("mail", CFO), OPS}
    assert [len(watch.office.to(one)) for one in (CFO, CTO)] == [1, 1]
    assert len(watch.room.posted) == 1
    assert watch.send().sent == {}


def test_what_nobody_knows_is_not_sent_again(watch: Watch) -> None:
    """The server died after the text: it may have arrived, so it is said once and not repeated."""
    watch.spend(9)
    watch.office.dies = True
    done = watch.send(chat={})
    assert "before it said whether it took it" in str(explain_failures(done))
    watch.office.dies = False
    assert watch.send(chat={}).sent == {}
    assert [len(watch.office.to(one)) for one in (CFO, CTO)] == [1, 1]


def test_two_processes_at_once_send_one(watch: Watch) -> None:
    """Four look at the same moment while the server takes its time: one mail to each address, one crossing."""
    watch.spend(9)
    watch.office.hold = threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            send_alerts(watch.settings(), NOW)
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    assert watch.office.arrived.wait(30)
    watch.office.hold.set()
    for one in threads:
        one.join(60)
    assert failures == []
    assert [len(watch.office.to(one)) for one in (CFO, CTO)] == [1, 1]
    assert len(watch.room.posted) == 1
    with watch.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM alerts")).scalar_one() == 1


def test_somebody_who_is_named_later_hears_of_what_stands(watch: Watch) -> None:
    """A new recipient gets what stands; what is over nobody gets any more."""
    watch.spend(9)
    watch.send(chat={})
    watch.spend(-9)
    watch.end(watch.run(timedelta(hours=1)), "failed", "no memory")
    watch.send()
    (posted,) = watch.room.posted
    assert "no memory" in posted["message"]
    assert "cap" not in posted["message"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_test_message_reaches_everyone_or_says_why(watch: Watch) -> None:
    """One to each, nothing is written down; where one is refused, that one is named."""
    watch.office.answers = {CTO: "550 no"}
    outcome = send_test(watch.settings())
    assert outcome[Recipient("mail", CFO)] is None
    assert outcome[OPS] is None
    assert "550" in str(outcome[Recipient("mail", CTO)])
    assert watch.mails() == ["breakeven: a test of the alerts"]
    with watch.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM alert_deliveries")).scalar_one() == 0
    with pytest.raises(UsageError, match="nobody is named"):
        send_test(watch.settings(smtp={}, chat={}))
