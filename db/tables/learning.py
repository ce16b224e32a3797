"""What was trained here, and what audits found."""

from datetime import date, datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, not_negative, one_of
from models.evaluation.audit_counts import Judge
from models.training.trained import Teacher, TrainedKind, TrainedState


class TrainedModelRow(Base):
    """A model that was trained for a workload; its fields are those of `models.training.trained.TrainedModel`.

    Of a workload and kind at most one is in force. It holds no text and no label: digests, counts and figures alone.
    """

    __tablename__ = "trained_models"
    __table_args__ = (
        one_of("kind", *get_args(TrainedKind)),
        one_of("state", *get_args(TrainedState)),
        one_of("teacher", *get_args(Teacher)),
        *not_negative("examples", "holdout", "machine_ns", "cost_nano"),
        CheckConstraint("threshold IS NULL OR kind = 'classifier'", name="threshold"),
        Index(None, "workload", "at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    workload: Mapped[str]
    kind: Mapped[str]
    base: Mapped[str]
    prompt_version: Mapped[str]
    prompt_fingerprint: Mapped[str]
    labels_digest: Mapped[str | None]
    data_digest: Mapped[str]
    weights_digest: Mapped[str]
    teacher: Mapped[str]
    examples: Mapped[int] = mapped_column(BigInteger)
    holdout: Mapped[int] = mapped_column(BigInteger)
    seed: Mapped[int] = mapped_column(BigInteger)
    machine_ns: Mapped[int] = mapped_column(BigInteger)
    cost_nano: Mapped[int] = mapped_column(BigInteger)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    accuracy: Mapped[float | None]
    accuracy_low: Mapped[float | None]
    accuracy_high: Mapped[float | None]
    threshold: Mapped[float | None]
    served_share: Mapped[float | None]
    state: Mapped[str]
    state_at: Mapped[datetime]
    software: Mapped[str]
    figures: Mapped[str]


class AuditRow(Base):
    """One record that was served without the API, and whether who judged it agrees: the API, or people. Neither answer is here.

    `agrees` None: people saw it and said nothing that counts.

    `engine` and `model_id` served what is published, `run_id` is the audit's run on the API, whose ledger line has the cost; of people's audits the
    run that published the record.
    """

    __tablename__ = "audits"
    __table_args__ = (
        one_of("engine", "classifier", "vllm"),
        one_of("judge", *get_args(Judge)),
        UniqueConstraint("workload", "partition", "judge", "record_key"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    workload: Mapped[str]
    partition: Mapped[date]
    record_key: Mapped[str]
    engine: Mapped[str]
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"))
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    judge: Mapped[str]
    agrees: Mapped[bool | None]
