"""Which crossings stand, since when, and to whom they were told: each of them once to each recipient.

A crossing is written when it is first seen, ended when it is gone, and written anew if it comes again. Each message to a recipient
is written down before it is sent, and closed after, as in `db.deliveries`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import Session

from db.dialects import clock, execute_change, insert_new, is_postgresql
from db.rows import cut_to_line
from db.tables import AlertDeliveryRow as Sent
from db.tables import AlertRow as Row
from models.ids import new_id
from models.settings.delivery import Recipient

ALERTS_LOCK = 0x616C7274  # any number that no other program of the same database uses
AlertKey = tuple[str, str]
"""Kind and crossing."""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A crossing that stands, as it is written down."""

    id: UUID
    kind: str
    crossing: str
    began_at: datetime

    @property
    def key(self) -> AlertKey:
        """Kind and crossing."""
        return self.kind, self.crossing


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """What became of one alert to one recipient."""

    alert_id: UUID
    recipient: Recipient
    state: Literal["sending", "sent", "failed"]
    owner: str
    last_at: datetime
    error: str | None


def note_standing(session: Session, standing: Mapping[AlertKey, str], looked: Collection[str]) -> None:
    """Write what stands, with its sentence, and end what is gone of the kinds that were looked at.

    What is written and open already stays as it is. One session at a time does it, so that of two one writes a crossing.
    """
    if is_postgresql(session):  # on SQLite a writer is alone anyway
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALERTS_LOCK})
    now = clock(session)
    there = {one.key for one in list_open(session)}
    gone = [key for key in there - standing.keys() if key[0] in looked]
    for kind, crossing in sorted(gone):
        ended = (
            update(Row)
            .where(Row.kind == kind, Row.crossing == crossing, Row.ended_at.is_(None))
            .values(ended_at=now)
            .execution_options(synchronize_session=False)
        )
        session.execute(ended)
    for kind, crossing in sorted(standing.keys() - there):
        last = select(func.coalesce(func.max(Row.number), 0)).where(
            Row.kind == kind, Row.crossing == crossing
        )
        new = {
            "id": new_id(),
            "kind": kind,
            "crossing": crossing,
            "what": standing[kind, crossing],
            "number": int(session.execute(last).scalar_one()) + 1,
            "began_at": now,
        }
        insert_new(session, Row, new, key=("kind", "crossing", "number"))


def list_open(session: Session) -> list[OpenAlert]:
    """Return what is written down as standing, in the order in which it was first seen."""
    rows = session.execute(
        select(Row.id, Row.kind, Row.crossing, Row.began_at).where(Row.ended_at.is_(None)).order_by(Row.id)
    )
    return [OpenAlert(*row) for row in rows]


def list_deliveries(session: Session, alert_ids: Sequence[UUID]) -> list[AlertDelivery]:
    """Return to whom alerts went, or were to go."""
    columns = (Sent.alert_id, Sent.channel, Sent.target, Sent.state, Sent.owner, Sent.last_at, Sent.error)
    rows = session.execute(select(*columns).where(Sent.alert_id.in_(alert_ids)).order_by(Sent.id))
    return [
        AlertDelivery(alert_id, Recipient(channel, target), state, owner, last_at, error)
        for alert_id, channel, target, state, owner, last_at, error in rows
    ]


def claim(session: Session, alert_ids: Sequence[UUID], recipient: Recipient, owner: str) -> list[UUID]:
    """Write down that alerts are being sent to a recipient, and return those that are to be sent. Commit before they are.

    These are the ones that are new to it, or failed before; of two processes only one gets each. One that is `sending` or `sent` is
    never claimed again, except by the very `owner`: a name for this one try, so that it may be repeated where the commit's answer was lost.
    """
    now = clock(session)
    claimed = []
    for alert_id in sorted(alert_ids):
        new = {
            "id": new_id(),
            "alert_id": alert_id,
            "channel": recipient.channel,
            "target": recipient.target,
            "state": "sending",
            "attempts": 1,
            "owner": owner,
            "first_at": now,
            "last_at": now,
        }
        again = {
            "state": "sending",
            "attempts": Sent.attempts + 1,
            "owner": owner,
            "last_at": now,
            "error": None,
        }
        if (
            insert_new(session, Sent, new, key=("alert_id", "channel", "target"))
            or _change(session, [alert_id], recipient, Sent.state == "failed", again)
            or _is_ours(session, alert_id, recipient, owner)
        ):
            claimed.append(alert_id)
    return claimed


def close(
    session: Session,
    alert_ids: Sequence[UUID],
    recipient: Recipient,
    state: Literal["sent", "failed"],
    error: str | None = None,
) -> None:
    """Write down what became of alerts that were claimed. `error` is cut to one line and must hold no secret."""
    closed = {"state": state, "last_at": clock(session), "error": cut_to_line(error)}
    _change(session, alert_ids, recipient, Sent.state == "sending", closed)


def set_error(session: Session, alert_ids: Sequence[UUID], recipient: Recipient, error: str) -> None:
    """Write down why it is unknown whether alerts were sent; they stay `sending`."""
    _change(session, alert_ids, recipient, Sent.state == "sending", {"error": cut_to_line(error)})


def _is_ours(session: Session, alert_id: UUID, recipient: Recipient, owner: str) -> bool:
    ours = (*_is([alert_id], recipient), Sent.state == "sending", Sent.owner == owner)
    return session.execute(select(Sent.id).where(*ours)).one_or_none() is not None


def _change(
    session: Session,
    alert_ids: Sequence[UUID],
    recipient: Recipient,
    state: ColumnElement[bool],
    values: Mapping[str, object],
) -> bool:
    statement = (
        update(Sent)
        .where(*_is(alert_ids, recipient), state)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return execute_change(session, statement) > 0


def _is(alert_ids: Sequence[UUID], recipient: Recipient) -> list[ColumnElement[bool]]:
    return [
        Sent.alert_id.in_(alert_ids),
        Sent.channel == recipient.channel,
        Sent.target == recipient.target,
    ]
