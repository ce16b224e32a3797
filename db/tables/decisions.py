"""What machines and people cost, reports and to whom they went, evaluations."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, not_negative, one_of
from db.columns import SmallKey


class InfrastructureTermsRow(Base):
    """What the machines that we own or rent cost in the days `effective_from <= day < effective_to`.

    Never updated: of several of a kind that hold on a day, the one that was entered last wins. The rate is
    that of one machine, an hour's or a whole month's, of which there are `gpus`; 0: from then on there is none.
    """

    __tablename__ = "infrastructure_terms"
    __table_args__ = (
        one_of("billing_mode", "on_demand", "reserved", "spot"),
        *not_negative("nano_usd_per_hour", "nano_usd_per_month", "gpus"),
        CheckConstraint("(nano_usd_per_hour IS NULL) != (nano_usd_per_month IS NULL)", name="rate"),
        CheckConstraint("nano_usd_per_month IS NULL OR billing_mode = 'reserved'", name="monthly"),
        CheckConstraint("billing_increment_seconds >= 1", name="billing_increment_seconds"),
        CheckConstraint("effective_to > effective_from", name="days"),
    )
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    kind: Mapped[str]
    billing_mode: Mapped[str]
    nano_usd_per_hour: Mapped[int | None] = mapped_column(BigInteger)
    nano_usd_per_month: Mapped[int | None] = mapped_column(BigInteger)
    billing_increment_seconds: Mapped[int]
    gpus: Mapped[int] = mapped_column(SmallInteger)
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    entered_at: Mapped[datetime]
    note: Mapped[str | None]


class BillRow(Base):
    """What the infrastructure of one month really cost, as billed; `month` is its first day. The newest one of a month wins."""

    __tablename__ = "bills"
    __table_args__ = (*not_negative("nano_usd"),)
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    month: Mapped[date]
    nano_usd: Mapped[int] = mapped_column(BigInteger)
    entered_at: Mapped[datetime]
    note: Mapped[str | None]


class LabourTermsRow(Base):
    """What people's time costs from a day on; of several, the one that began last holds, and of its versions the newest.

    `setup_minutes` is spent once, `maintenance_minutes` each month.
    """

    __tablename__ = "labour_terms"
    __table_args__ = (*not_negative("maintenance_minutes", "setup_minutes", "engineer_nano_per_hour"),)
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    effective_from: Mapped[date]
    maintenance_minutes: Mapped[int]
    setup_minutes: Mapped[int]
    engineer_nano_per_hour: Mapped[int] = mapped_column(BigInteger)
    entered_at: Mapped[datetime]
    note: Mapped[str | None]


class ReportRow(Base):
    """One version of one month's break-even report. Never updated: other inputs make the next version.

    `fingerprint` is a hash over `inputs`, which is JSON like `figures`. `changes` says what differs from the
    version before, as a JSON list of sentences. `complete`: the month was over when it was made, by the
    version `software` of this program. `advice`: its sentences that say what to do, a line each; NULL in
    versions that an older program made.
    """

    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("month", "version"), CheckConstraint("version >= 1", name="version"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date]
    version: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    fingerprint: Mapped[str]
    complete: Mapped[bool]
    software: Mapped[str]
    inputs: Mapped[str]
    figures: Mapped[str]
    changes: Mapped[str | None]
    advice: Mapped[str | None]


class DeliveryRow(Base):
    """One report to one recipient, written down before it is sent; `target` names it without its secrets.

    `number`: 1 for the first message about this month to this recipient, and so on, so that no two processes send
    the same one. `sending` after its `owner`, a process, is gone: nobody knows whether it arrived.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("channel", "mail", "chat"),
        one_of("state", "sending", "sent", "failed"),
        *not_negative("attempts"),
        UniqueConstraint("month", "channel", "target", "number"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"))
    month: Mapped[date]
    channel: Mapped[str]
    target: Mapped[str]
    number: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    attempts: Mapped[int]
    owner: Mapped[str]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    error: Mapped[str | None]


class EvaluationRow(Base):
    """One evaluation of a workload's small model. Never updated: the newest one of a model and prompt holds.

    `model` is the small model's name as ledger lines show it, `prompt_fingerprint` that of the prompt it was
    asked with. `api_model` is NULL where there was no API to compare with. Ratio and limits are to the API
    model's accuracy; `threshold` is the confidence below which records go to the API. `figures` is JSON.
    """

    __tablename__ = "evaluations"
    __table_args__ = (
        one_of("viability", "viable", "not_viable", "undecided"),
        *not_negative("records"),
        Index(None, "workload", "at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    workload: Mapped[str]
    model: Mapped[str]
    api_model: Mapped[str | None]
    prompt_version: Mapped[str]
    prompt_fingerprint: Mapped[str]
    labels_digest: Mapped[str]
    records: Mapped[int]
    viability: Mapped[str]
    accuracy: Mapped[float | None]
    api_accuracy: Mapped[float | None]
    ratio: Mapped[float | None]
    ratio_low: Mapped[float | None]
    ratio_high: Mapped[float | None]
    threshold: Mapped[float | None]
    software: Mapped[str]
    figures: Mapped[str]
