"""Each recipient gets a month's report once, whatever fails on the way; what nobody knows is told and not repeated."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from db.deliveries import Delivery, DeliveryMessage, claim, close, list_of_month
from models.economics.break_even import month_figures
from models.errors import DeliveryError, DeliveryUnknown, UsageError
from models.settings import Settings
from models.settings.delivery import Recipient
from tasks.delivery.deliver import Delivered, deliver, deliver_all, explain_failures
from tasks.delivery.senders import make_direct_sender
from tasks.report.versions import Monthly, keep_report
from tests.integration.report.harness import (
    LETTER,
    MONTH,
    ChatRoom,
    by_mail,
    chat_room,
    inputs,
    make_settings,
)
from tests.post_office import PostOffice, opened

CFO, CTO = "cfo@example.org", "cto@example.org"
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what has nothing to do with databases."""


class Reporting:
    """Sends reports of one month from one ledger, over one mail server."""

    def __init__(
        self, url: str, folder: Path, make_session: sessionmaker[Session], office: PostOffice
    ) -> None:
        self.office = office
        self._url, self._folder, self._sessions = url, folder, make_session
        self.monthly = self.version(600)

    def version(self, spent: int, *, complete: bool = True) -> Monthly:
        """Make the version of the report in which the API would have cost so much the current one."""
        self.monthly = keep_report(self._sessions, inputs(spent), month_figures, complete=complete)
        return self.monthly

    def settings(self, **more: object) -> Settings:
        """Return settings that name two recipients of mail, or others."""
        return make_settings(self._url, self._folder, **{"smtp": by_mail(self.office.port, CFO, CTO), **more})

    def send(self, *, resend: bool = False, **more: object) -> Delivered:
        """Send the current version."""
        settings = self.settings(**more)
        return deliver_all(
            settings, self.monthly, resend=resend, send_each=make_direct_sender(LETTER, settings)
        )

    def written(self) -> dict[str, Delivery]:
        """Return the newest message to each recipient as it is written down."""
        with self._sessions() as session:
            return {one.target: one for one in list_of_month(session, MONTH)}

    def states(self) -> dict[str, tuple[str, int, int]]:
        """Return state, number and attempts of the newest message to each recipient."""
        return {target: (one.state, one.number, one.attempts) for target, one in self.written().items()}


@pytest.fixture
def reporting(database_url: str, tmp_path: Path, make_session: sessionmaker[Session]) -> Iterator[Reporting]:
    """Have a report, a ledger and a mail server that takes everything."""
    with opened(PostOffice()) as office:
        yield Reporting(database_url, tmp_path, make_session, office)


def why(delivered: Delivered) -> str:
    """Return the one line that says what is wrong."""
    error = explain_failures(MONTH, delivered)
    assert isinstance(error, DeliveryError)
    line = str(error)
    assert "\n" not in line
    return line


def test_everyone_gets_it_once(reporting: Reporting) -> None:
    """A rerun sends nothing, nor does a new version; --resend sends it once more, as another message."""
    assert len(reporting.send().sent) == 2
    again = reporting.send()
    assert (again.sent, explain_failures(MONTH, again)) == ((), None)
    assert "version 1 was sent to it on" in again.left[0].why
    reporting.version(700)
    assert reporting.send().sent == ()
    assert len(reporting.office.received) == 2
    assert len(reporting.send(resend=True).sent) == 2
    first, second = reporting.office.to(CFO)
    assert first.mail["Message-ID"] != second.mail["Message-ID"]
    assert reporting.states() == {CFO: ("sent", 2, 1), CTO: ("sent", 2, 1)}
    assert reporting.send().sent == ()


def test_one_refused_address_stops_no_other(reporting: Reporting) -> None:
    """The others get it; the next call tries only that one, as the very same message."""
    reporting.office.answers = {CFO: "550 5.1.1 no such user"}
    line = why(reporting.send())
    assert f"{CFO}: the mail server 127.0.0.1" in line
    assert "550" in line
    assert "the same command tries what failed again" in line
    assert reporting.states() == {CFO: ("failed", 1, 1), CTO: ("sent", 1, 1)}
    assert "550" in why(reporting.send())
    reporting.office.answers = {}
    assert [one.target for one in reporting.send().sent] == [CFO]
    assert reporting.states() == {CFO: ("sent", 1, 3), CTO: ("sent", 1, 1)}
    assert [len(reporting.office.to(one)) for one in (CFO, CTO)] == [1, 1]


@one_database
def test_a_failed_message_about_an_older_version_gives_way_to_the_new_one(reporting: Reporting) -> None:
    """What is sent is the current version; that the older one failed stays to be seen."""
    reporting.office.answers = {"MAIL": "421 later"}
    assert "421 later" in why(reporting.send())
    reporting.version(700)
    reporting.office.answers = {}
    assert len(reporting.send().sent) == 2
    assert reporting.states() == {CFO: ("sent", 2, 1), CTO: ("sent", 2, 1)}


@one_database
def test_a_server_that_is_not_there_is_tried_again(reporting: Reporting) -> None:
    """Nobody listens: it fails loudly, and the next call sends it."""
    nobody = by_mail(1, CFO)
    assert "127.0.0.1:1 was not reached" in why(reporting.send(smtp=nobody))
    assert reporting.states() == {CFO: ("failed", 1, 1)}
    assert [one.target for one in reporting.send(smtp=by_mail(reporting.office.port, CFO)).sent] == [CFO]


def test_what_nobody_knows_is_not_sent_again_by_itself(reporting: Reporting) -> None:
    """The server died after the text: each call says so, until a person resends it."""
    reporting.office.dies = True
    only = by_mail(reporting.office.port, CFO)
    assert "before it said whether it took it" in why(reporting.send(smtp=only))
    reporting.office.dies = False
    line = why(reporting.send(smtp=only))
    assert "nobody knows whether version 1" in line
    assert "--resend" in line
    assert len(reporting.office.received) == 1
    assert reporting.states() == {CFO: ("sending", 1, 1)}
    assert len(reporting.send(smtp=only, resend=True).sent) == 1
    assert reporting.states() == {CFO: ("sent", 2, 1)}
    assert explain_failures(MONTH, reporting.send(smtp=only)) is None


@pytest.mark.both_databases
def test_of_two_processes_one_sends(reporting: Reporting) -> None:
    """While one is at it, the other sends nothing and says so; it does not even with --resend."""
    reporting.office.hold = threading.Event()
    only = by_mail(reporting.office.port, CFO, timeout_seconds=60)
    first = threading.Thread(target=lambda: reporting.send(smtp=only))
    first.start()
    assert reporting.office.arrived.wait(60)
    for resend in (False, True):
        assert "another process has been sending it since" in why(reporting.send(smtp=only, resend=resend))
    reporting.office.hold.set()
    first.join()
    assert reporting.states() == {CFO: ("sent", 1, 1)}
    assert len(reporting.office.received) == 1


def test_many_at_once_send_one_message(reporting: Reporting) -> None:
    """Eight callers, two recipients, two mails; nobody says that it sent what another one is still sending."""
    barrier = threading.Barrier(8)
    rounds: list[Delivered] = []

    def send() -> None:
        barrier.wait()
        rounds.append(reporting.send())

    callers = [threading.Thread(target=send) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [len(reporting.office.to(one)) for one in (CFO, CTO)] == [1, 1]
    assert reporting.states() == {CFO: ("sent", 1, 1), CTO: ("sent", 1, 1)}
    for one in rounds:
        assert all("another process" in why for why in one.wrong.values())
        assert len(one.sent) + len(one.left) + len(one.wrong) >= 2


def test_what_another_process_has_taken_on_meanwhile(
    reporting: Reporting, make_session: sessionmaker[Session]
) -> None:
    """Between the decision and the sending: it is not sent here, and not said to be sent before it is."""
    message = DeliveryMessage(reporting.monthly.id, MONTH, Recipient("mail", CFO), 1)
    with make_session.begin() as session:
        assert claim(session, message, "another")
    with pytest.raises(DeliveryUnknown, match="another process is sending it"):
        deliver(message, LETTER, reporting.settings())
    with make_session.begin() as session:
        close(session, message, "sent")
    deliver(message, LETTER, reporting.settings())
    assert reporting.office.received == []


def test_the_report_of_a_running_month_is_not_that_of_the_month(reporting: Reporting) -> None:
    """Who got it before the month was over gets it when it is; and then no more."""
    reporting.version(600, complete=False)
    assert len(reporting.send().sent) == 2
    assert reporting.send().sent == ()
    reporting.version(650)
    assert len(reporting.send().sent) == 2
    assert reporting.send().sent == ()


@one_database
def test_nobody_to_send_to_is_one_clear_line(reporting: Reporting) -> None:
    """Where the settings name no one."""
    with pytest.raises(UsageError, match="BREAKEVEN_SMTP__HOST"):
        reporting.send(smtp={})


def test_a_death_between_sending_and_sent_is_seen(
    reporting: Reporting, make_session: sessionmaker[Session]
) -> None:
    """A process that is gone left it as sending: told, and not sent again."""
    only = by_mail(reporting.office.port, CFO)
    assert len(reporting.send(smtp=only).sent) == 1
    with make_session.begin() as session:
        session.execute(text("UPDATE deliveries SET state = 'sending', owner = 'x/elsewhere:1:1'"))
    assert "another process has been sending it" in why(reporting.send(smtp=only))
    with make_session.begin() as session:
        session.execute(text("UPDATE deliveries SET last_at = '2026-11-01 06:00:00'"))
    assert "the process that was sending it is gone" in why(reporting.send(smtp=only))
    assert len(reporting.office.received) == 1


@pytest.fixture
def room() -> Iterator[ChatRoom]:
    """Open a chat service."""
    with chat_room() as room:
        yield room


@one_database
def test_a_chat_gets_it_once(reporting: Reporting, room: ChatRoom) -> None:
    """Title and the few lines, through Apprise over HTTP; a refusal is tried again, its URL stays secret."""
    chat = {"finance": {"url": room.url()}}
    room.status = 503
    line = why(reporting.send(smtp={}, chat=chat))
    assert "the chat 'finance' did not take it" in line
    assert "503" in line
    room.status = 200
    assert [one.target for one in reporting.send(smtp={}, chat=chat).sent] == ["finance"]
    assert reporting.send(smtp={}, chat=chat).sent == ()
    (posted,) = room.posted
    assert (posted["title"], posted["message"]) == (LETTER.subject, LETTER.summary)
    assert "s3cr3t" in room.paths[0]
    assert reporting.states() == {"finance": ("sent", 1, 2)}
    assert "s3cr3t" not in line + str(reporting.written())


@one_database
@pytest.mark.parametrize("url", ["carrier-pigeon://s3cr3t", "slack://s3cr3t-that-is-none"])
def test_a_url_that_is_none_sends_nothing(reporting: Reporting, url: str) -> None:
    """It is named by its name, nothing is written down, and the others get theirs."""
    line = why(reporting.send(chat={"finance": {"url": url}}))
    assert "finance: the URL of the chat 'finance' is none that Apprise knows" in line
    assert "s3cr3t" not in line
    assert set(reporting.states()) == {CFO, CTO}


@one_database
def test_a_defect_in_the_middle_leaves_doubt(reporting: Reporting, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no one foresaw may have sent it: it is told as such, without its words."""

    def send(*_: object) -> None:
        msg = "the password is s3cr3t"
        raise RuntimeError(msg)

    monkeypatch.setattr("tasks.delivery.mail.send", send)
    line = why(reporting.send())
    assert "RuntimeError, a defect" in line
    assert "s3cr3t" not in line
    assert reporting.states() == {CFO: ("sending", 1, 1), CTO: ("sending", 1, 1)}
