"""What was alerted of, and to whom it went."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, not_negative, one_of


class AlertRow(Base):
    """One crossing: something that was not so before, from `began_at` until `ended_at` (NULL: it still is).

    `crossing` names it among its kind, such as the cap, its period and the threshold. `number`: 1 for the first time, 2 if it went away and came
    again, so that of two processes that see it at once one writes it. `what` says it in a sentence.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("kind", "crossing", "number"),
        CheckConstraint("number >= 1", name="number"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    crossing: Mapped[str]
    number: Mapped[int] = mapped_column(SmallInteger)
    what: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AlertDeliveryRow(Base):
    """One alert to one recipient, written down before it is sent; as a row of `deliveries` is."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (
        one_of("channel", "mail", "chat"),
        one_of("state", "sending", "sent", "failed"),
        *not_negative("attempts"),
        UniqueConstraint("alert_id", "channel", "target"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alerts.id"))
    channel: Mapped[str]
    target: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    owner: Mapped[str]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    error: Mapped[str | None]
