"""What runs and lines refer to: prompts, models, prices, machines."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, not_negative
from db.columns import HourPrices, LongPrompts, SmallKey
from models.economics.pricing import HourPrice, LongPromptPrice


class PromptRow(Base):
    """One version of one workload's prompt."""

    __tablename__ = "prompts"
    __table_args__ = (UniqueConstraint("workload", "version", "fingerprint"),)
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    workload: Mapped[str]
    version: Mapped[str]
    fingerprint: Mapped[str]


class ModelRow(Base):
    """A model and who serves it."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("provider", "name"),)
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    provider: Mapped[str]
    name: Mapped[str]


class PriceRow(Base):
    """A dated price. Never updated: a correction is a row with the next version.

    `added_on`: UTC day on which the ledger learned of it; NULL: before release 0.3.0.
    """

    __tablename__ = "prices"
    __table_args__ = (
        UniqueConstraint("provider", "model", "effective_from", "version"),
        *not_negative(
            "input_nano_per_mtok",
            "cached_input_nano_per_mtok",
            "output_nano_per_mtok",
            "cache_write_nano_per_mtok",
        ),
        CheckConstraint("effective_to > effective_from", name="days"),
    )
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    provider: Mapped[str]
    model: Mapped[str]
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    version: Mapped[int] = mapped_column(SmallInteger)
    input_nano_per_mtok: Mapped[int] = mapped_column(BigInteger)
    cached_input_nano_per_mtok: Mapped[int | None] = mapped_column(BigInteger)
    output_nano_per_mtok: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str]
    cache_write_nano_per_mtok: Mapped[int | None] = mapped_column(BigInteger)
    long_prompts: Mapped[tuple[LongPromptPrice, ...]] = mapped_column(LongPrompts, nullable=True)
    added_on: Mapped[date | None]
    hours: Mapped[tuple[HourPrice, ...]] = mapped_column(HourPrices, nullable=True)


class EndpointRow(Base):
    """What was learnt of a model at an endpoint: `learnt` is JSON, `endpoint` name and port without a path's secrets.

    `bound_permille`: by what upper bounds of its attempts are raised; NULL: no answer cost more than its request allows.
    """

    __tablename__ = "endpoints"
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    learnt: Mapped[str]
    learnt_at: Mapped[datetime]
    bound_permille: Mapped[int | None] = mapped_column(BigInteger)


class InfrastructureRow(Base):
    """A machine and the rate at which its hours were charged."""

    __tablename__ = "infrastructure"
    __table_args__ = (
        UniqueConstraint(
            "kind",
            "nano_usd_per_hour",
            "billing_mode",
            "billing_increment_seconds",
            "effective_from",
            "source",
            name="uq_infrastructure",
        ),
        *not_negative("nano_usd_per_hour"),
    )
    id: Mapped[int] = mapped_column(SmallKey, primary_key=True)
    kind: Mapped[str]
    nano_usd_per_hour: Mapped[int] = mapped_column(BigInteger)
    billing_mode: Mapped[str]
    billing_increment_seconds: Mapped[int]
    effective_from: Mapped[date]
    source: Mapped[str]
