"""Delivers a month's report: each recipient on its own, each message written down before it is sent."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Literal, TypeVar

from pydantic import SecretStr
from sqlalchemy.orm import Session, sessionmaker

from db import deliveries
from db.deliveries import Delivery, DeliveryMessage
from db.dialects import clock
from models.errors import BreakevenError, DeliveryError, DeliveryUnknown, UsageError
from models.ids import new_id
from models.settings import Settings
from models.settings.delivery import MailSettings, Recipient, mailbox, recipients
from tasks.delivery import mail
from tasks.delivery.chat import make_chat_sender
from tasks.delivery.due import Left, decide, owner_of
from tasks.delivery.prefect_secrets import read_secret
from tasks.documents.letter import Letter
from tasks.report.versions import Monthly
from tasks.runtime.lease import is_dead, this_process
from tasks.runtime.ledger_access import with_patience, writing_ledger

_Result = TypeVar("_Result")
Outcome = Literal["sent", "failed", "unknown"]
SendEach = Callable[[Sequence[DeliveryMessage]], Mapping[DeliveryMessage, BreakevenError | None]]
"""Sends messages, each whatever became of the others; returns what went wrong, None where nothing did."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a round: all messages about the month as they stand, and who was left out of it."""

    sent: tuple[Recipient, ...]
    left: tuple[Left, ...]
    wrong: Mapping[Recipient, str]
    all: tuple[Delivery, ...]


def deliver_all(settings: Settings, monthly: Monthly, *, resend: bool, send_each: SendEach) -> Delivered:
    """Send a report to everyone who is to get it now.

    Raises `UsageError` where nobody is named, `DatabaseUnavailable`. What went wrong with a recipient is
    in the result.
    """
    named = list_recipients(settings)
    with writing_ledger(settings, create=False) as make_session:
        with make_session() as session:
            decided = [_decide(session, one, monthly, resend=resend) for one in named]
        messages = [one for one in decided if isinstance(one, DeliveryMessage)]
        left = tuple(one for one in decided if isinstance(one, Left))
        outcomes = send_each(messages)
        with make_session() as session:
            written = tuple(deliveries.list_of_month(session, monthly.month))
    wrong = {message.recipient: str(error) for message, error in outcomes.items() if error is not None}
    wrong |= {one.recipient: one.why for one in left if one.wrong}
    sent = tuple(message.recipient for message, error in outcomes.items() if error is None)
    return Delivered(sent, left, wrong, written)


def deliver(message: DeliveryMessage, letter: Letter, settings: Settings) -> None:
    """Send one message, and write down what became of it.

    One that another process has sent is not sent again. Raises `DeliveryFailed` if it was surely not taken,
    `DeliveryUnknown` if nobody knows, `UsageError` for settings that cannot send, `DatabaseUnavailable`.
    """
    send = prepare_message(
        message, letter, settings
    )  # before it is written down: a bad setting sends nothing
    owner = owner_of(this_process(), new_id().hex[-12:])
    with writing_ledger(settings, create=False) as make_session:
        write = partial(write_patiently, make_session, settings.database_patience_seconds)

        def note(state: Outcome, error: str | None) -> None:
            if state == "unknown":
                write(lambda session: deliveries.set_error(session, message, error or state))
            else:
                write(lambda session: deliveries.close(session, message, state, error))

        if write(lambda session: deliveries.claim(session, message, owner)):
            send_and_note(send, note)
        else:
            write(lambda session: _sent_by_another(session, message))


def send_and_note(send: Callable[[], None], note: Callable[[Outcome, str | None], None]) -> None:
    """Send what was written down as being sent, and note what became of it, whatever that was.

    Raises `DeliveryFailed` if it was surely not taken, `DeliveryUnknown` if nobody knows.
    """
    try:
        send()
    except DeliveryUnknown as error:
        note("unknown", str(error))
        raise
    except BreakevenError as error:  # refused, not reached, or settings that cannot send
        note("failed", str(error))
        raise
    except Exception as error:  # noqa: BLE001  whatever it was, the message may have gone out
        msg = f"{type(error).__name__}, a defect of the program or of a library"
        note("unknown", msg)
        raise DeliveryUnknown(msg) from None  # its text may quote a secret
    note("sent", None)


def _sent_by_another(session: Session, message: DeliveryMessage) -> None:
    """Raise `DeliveryUnknown` unless a message that could not be claimed was sent."""
    told = deliveries.last_told(session, message.month, message.recipient)
    if told is None or told.delivery.state != "sent":
        msg = "another process is sending it, and what comes of that is not known yet"
        raise DeliveryUnknown(msg)


def prepare_message(message: DeliveryMessage, letter: Letter, settings: Settings) -> Callable[[], None]:
    """Return what sends the message; secrets are read and the mail is written now, nothing is sent.

    Raises `UsageError` for settings that cannot send, `DeliveryFailed` if Prefect has a secret and does not answer.
    """
    return prepare_letter(message.recipient, letter, settings, _name(message))


def prepare_letter(recipient: Recipient, letter: Letter, settings: Settings, name: str) -> Callable[[], None]:
    """Return what sends a letter to a recipient; `name` identifies the message in the world. Raises as `prepare_message` does."""
    if recipient.channel == "chat":
        return partial(make_chat_sender(recipient.target, settings.chat[recipient.target]), letter)
    server = settings.smtp
    sender, to = mailbox(server.sender or ""), server.mailbox_of(recipient)
    password = password_of(server)
    written = mail.compose(letter, sender, to, name, datetime.now(UTC))
    return partial(mail.send, written, sender, to, server, password)


def password_of(server: MailSettings) -> SecretStr | None:
    """Return the mail server's password, from the settings or from its block. Raises as `blocks.secret` does."""
    return (
        server.password if server.password_block is None else read_secret(f"secret/{server.password_block}")
    )


def list_recipients(settings: Settings) -> list[Recipient]:
    """Return all who are to get reports. Raises `UsageError` where nobody is named."""
    named = recipients(settings.smtp, settings.chat)
    if not named:
        msg = "nobody is named to send the report to: set BREAKEVEN_SMTP__HOST, __SENDER and __TO, or BREAKEVEN_CHAT__NAME__URL"
        raise UsageError(msg)
    return named


def explain_failures(month: date, delivered: Delivered) -> DeliveryError | None:
    """Say in one line who did not get the report, and why; None if all is well."""
    if not delivered.wrong:
        return None
    who = "; ".join(f"{one.target}: {why}" for one, why in delivered.wrong.items())
    again = "the same command tries what failed again, and sends nothing twice"
    return DeliveryError(f"the report of {month:%Y-%m} did not reach everyone: {who} ({again})")


def _decide(
    session: Session, recipient: Recipient, monthly: Monthly, *, resend: bool
) -> DeliveryMessage | Left:
    told = deliveries.last_told(session, monthly.month, recipient)
    number = decide(recipient, told, monthly, resend=resend, now=clock(session), is_dead=is_dead)
    return (
        number if isinstance(number, Left) else DeliveryMessage(monthly.id, monthly.month, recipient, number)
    )


def _name(message: DeliveryMessage) -> str:
    """Name a message in the world: the same for each attempt at it, another for one that is sent anew."""
    recipient = hashlib.sha256(message.recipient.target.encode()).hexdigest()[:12]
    return f"{message.report_id.hex}.{message.number}.{recipient}"


def write_patiently(
    make_session: sessionmaker[Session], patience: float, change: Callable[[Session], _Result]
) -> _Result:
    """Make a change in one transaction, again while the database is away. Raises `DatabaseUnavailable`."""

    def write() -> _Result:
        with make_session.begin() as session:
            return change(session)

    return with_patience(patience, write)
