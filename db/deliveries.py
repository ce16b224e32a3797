"""To whom a month's report went. Each message is written down before it is sent, and closed after.

`sending` → `sent`, or `failed` (certainly not taken), which may be tried again. What stays `sending` when its
process is gone may have arrived or not; nothing sends it again by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.dialects import clock, execute_change, insert_new
from db.rows import cut_to_line
from db.tables import DeliveryRow as Row
from db.tables import ReportRow
from models.ids import new_id
from models.settings.delivery import Channel, Recipient

DeliveryState = Literal["sending", "sent", "failed"]
KEY = ("month", "channel", "target", "number")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient about one month's report, as it is written down.

    `number`: 1 for the first about this month to this recipient, and so on. `attempts`: how often it was tried.
    `owner`: names the process that tried last, at `last_at`.
    """

    id: UUID
    report_id: UUID
    month: date
    channel: Channel
    target: str
    number: int
    state: DeliveryState
    attempts: int
    owner: str
    first_at: datetime
    last_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What a recipient was told last about a month, and whether the month was over in that version."""

    delivery: Delivery
    version: int
    complete: bool


@dataclass(frozen=True, slots=True)
class DeliveryMessage:
    """A message that is to be sent: which report, about which month, to whom, and its number."""

    report_id: UUID
    month: date
    recipient: Recipient
    number: int


def last_told(session: Session, month: date, recipient: Recipient) -> Told | None:
    """Return the newest message about a month to a recipient, if there was one."""
    statement = (
        select(*_columns(), ReportRow.version, ReportRow.complete)
        .join(ReportRow, ReportRow.id == Row.report_id)
        .where(Row.month == month, Row.channel == recipient.channel, Row.target == recipient.target)
        .order_by(Row.number.desc())
        .limit(1)
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    *columns, version, complete = found
    return Told(Delivery(*columns), version, complete)


def claim(session: Session, message: DeliveryMessage, owner: str) -> bool:
    """Write down that a message is being sent. Commit before it is sent; False: do not send it.

    True for one that is new, or that failed before; of two processes only one gets it. A message that is
    `sending` or `sent` is never claimed again, except by the very `owner`: a name for this one try, so that
    it may be repeated where the commit's answer was lost.
    """
    now = clock(session)
    recipient = message.recipient
    new = {
        "id": new_id(),
        "report_id": message.report_id,
        "month": message.month,
        "channel": recipient.channel,
        "target": recipient.target,
        "number": message.number,
        "state": "sending",
        "attempts": 1,
        "owner": owner,
        "first_at": now,
        "last_at": now,
    }
    if insert_new(session, Row, new, key=KEY):
        return True
    again = {"state": "sending", "attempts": Row.attempts + 1, "owner": owner, "last_at": now, "error": None}
    if _change(session, message, "failed", again):
        return True
    ours = select(Row.id).where(*_is(message), Row.state == "sending", Row.owner == owner)
    return session.execute(ours).one_or_none() is not None


def close(
    session: Session, message: DeliveryMessage, state: Literal["sent", "failed"], error: str | None = None
) -> None:
    """Write down what became of a message that was claimed. `error` is cut to one line and must hold no secret.

    Repeating it changes nothing: only a message that is `sending` is closed.
    """
    closed = {"state": state, "last_at": clock(session), "error": cut_to_line(error)}
    _change(session, message, "sending", closed)


def set_error(session: Session, message: DeliveryMessage, error: str) -> None:
    """Write down why it is unknown whether a message was sent; it stays `sending`."""
    _change(session, message, "sending", {"error": cut_to_line(error)})


def list_of_month(session: Session, month: date) -> list[Delivery]:
    """Return all messages about a month, in the order in which they were first tried."""
    statement = select(*_columns()).where(Row.month == month).order_by(Row.id)
    return [Delivery(*row) for row in session.execute(statement)]


def _change(
    session: Session, message: DeliveryMessage, state: DeliveryState, values: Mapping[str, object]
) -> bool:
    statement = (
        update(Row)
        .where(*_is(message), Row.state == state)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return execute_change(session, statement) > 0


def _is(message: DeliveryMessage) -> list[ColumnElement[bool]]:
    return [
        Row.month == message.month,
        Row.channel == message.recipient.channel,
        Row.target == message.recipient.target,
        Row.number == message.number,
        Row.report_id == message.report_id,
    ]


def _columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(Row, name) for name in Delivery.__slots__]
