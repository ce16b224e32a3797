"""The tables of the cost ledger. Money is BIGINT nano-dollars, durations are nanoseconds, times are UTC.

Columns of `ledger_lines` stand widest first, so that PostgreSQL pads nothing between them: about
300 bytes a line, indexes included (bench/ledger_size.py). What only lines of an API fill stands last:
NULL, it takes no room on PostgreSQL and one byte on SQLite.
"""

from datetime import date, datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

import db.decision_tables  # noqa: F401 - whoever knows the tables knows all of them
from db.base import Base, not_negative, one_of
from db.columns import SmallKey, WideKey
from models.ledger import Outcome
from models.run import PRODUCTION


def _one_a_partition(state: str) -> Index:
    """At most one version of a partition is in this state at a time, whatever the code does."""
    only = text(f"state = '{state}'")
    name = f"uq_partition_versions_{state}"
    return Index(
        name, "workload", "partition", "purpose", unique=True, sqlite_where=only, postgresql_where=only
    )


def _pending_lines() -> Index:
    """Few lines are pending at a time: found by their run without a look at the millions that are closed."""
    only = text("outcome = 'pending'")
    return Index("ix_ledger_lines_pending", "run_id", sqlite_where=only, postgresql_where=only)


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
    """A dated price. Never updated: a correction is a row with the next version."""

    __tablename__ = "prices"
    __table_args__ = (
        UniqueConstraint("provider", "model", "effective_from", "version"),
        *not_negative("input_nano_per_mtok", "cached_input_nano_per_mtok", "output_nano_per_mtok"),
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


class PartitionVersionRow(Base):
    """One attempt to publish a partition with one fingerprint.

    `input_read`: a run has read the input to its end, and every record is done or waits in a part.
    `based_on`: the version whose rows it takes over where their text is unchanged. `input_digest`: a hash
    over the input that an open version of that kind is made for, or that a published one was made from.
    `purpose`: an evaluation's versions stand beside those of production.
    """

    __tablename__ = "partition_versions"
    __table_args__ = (
        UniqueConstraint("workload", "partition", "version"),
        one_of("state", "open", "published", "superseded", "abandoned"),
        _one_a_partition("open"),
        _one_a_partition("published"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workload: Mapped[str]
    partition: Mapped[date]
    version: Mapped[int]
    fingerprint: Mapped[str]
    state: Mapped[str]
    output_path: Mapped[str | None]
    records: Mapped[int | None] = mapped_column(BigInteger)
    quarantined: Mapped[int | None] = mapped_column(BigInteger)
    published_at: Mapped[datetime | None]
    input_read: Mapped[bool] = mapped_column(default=False, server_default=false())
    input_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    based_on: Mapped[UUID | None] = mapped_column(ForeignKey("partition_versions.id"))
    purpose: Mapped[str] = mapped_column(default=PRODUCTION, server_default=PRODUCTION)


class LeaseRow(Base):
    """Who may write a partition until when. `epoch` only grows; a released lease has no owner.

    `workload` names an evaluation's lease as `models.run.lease_name` says.
    """

    __tablename__ = "leases"
    workload: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[date] = mapped_column(primary_key=True)
    owner: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]


class RunRow(Base):
    """One execution of one partition and what it came to.

    `api_cost_nano` is what its closed API lines cost; pending ones are not in any of its sums yet.
    `carried` of its published records were taken over from the version before, without a line.
    `archive_id`: its lines lie in that Parquet file and not here any more; its sums and its rollup stay.
    `purpose`: what it was run for; an evaluation's cost is a cost, but its records are no usage.
    """

    __tablename__ = "runs"
    __table_args__ = (
        one_of("state", "running", "waiting", "completed", "failed", "interrupted"),
        *not_negative("load_ns", "busy_ns", "idle_ns", "gpu_cost_nano", "unallocated_nano", "api_cost_nano"),
        Index(None, "workload", "partition"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("partition_versions.id"))
    workload: Mapped[str]
    partition: Mapped[date]
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    engine: Mapped[str]
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"))
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"))
    infrastructure_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("infrastructure.id"))
    load_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    busy_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    idle_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    gpu_cost_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    unallocated_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    records: Mapped[int] = mapped_column(BigInteger, default=0)
    published: Mapped[int] = mapped_column(BigInteger, default=0)
    quarantined: Mapped[int] = mapped_column(BigInteger, default=0)
    reused: Mapped[int] = mapped_column(BigInteger, default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    counterfactual_nano: Mapped[int | None] = mapped_column(BigInteger, default=0)
    flow_run_id: Mapped[str | None]
    error: Mapped[str | None]
    api_cost_nano: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    escalated: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    carried: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    archive_id: Mapped[UUID | None] = mapped_column(ForeignKey("archives.id"))
    purpose: Mapped[str] = mapped_column(default=PRODUCTION, server_default=PRODUCTION)


class PartRow(Base):
    """A part file whose records are done."""

    __tablename__ = "parts"
    __table_args__ = (UniqueConstraint("version_id", "file_name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("partition_versions.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    file_name: Mapped[str]
    records: Mapped[int] = mapped_column(BigInteger)
    first_ordinal: Mapped[int] = mapped_column(BigInteger)
    last_ordinal: Mapped[int] = mapped_column(BigInteger)
    registered_at: Mapped[datetime]


class QuarantinedCountRow(Base):
    """How many records of a run were set aside for which reason."""

    __tablename__ = "quarantined_counts"
    __table_args__ = (*not_negative("count"),)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class WaitingCountRow(Base):
    """How many records wait at the end of a run, and what for."""

    __tablename__ = "waiting_counts"
    __table_args__ = (*not_negative("count"),)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class BatchRow(Base):
    """One batch of requests for a provider's Batch API, written down before it is uploaded.

    `input_tokens` is an upper bound, for limits on enqueued tokens. A batch is live, and its pending
    lines wait for it, while it is `intended` or `submitted`.
    """

    __tablename__ = "batches"
    __table_args__ = (
        one_of("state", "intended", "submitted", "collected", "failed", "abandoned"),
        *not_negative("requests", "input_tokens"),
        CheckConstraint("state != 'submitted' OR provider_batch_id IS NOT NULL", name="submitted"),
        CheckConstraint("(closed_at IS NULL) = (state IN ('intended', 'submitted'))", name="closed"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("partition_versions.id"))
    state: Mapped[str]
    provider_batch_id: Mapped[str | None]
    provider_file_id: Mapped[str | None]
    file_name: Mapped[str]
    model: Mapped[str]
    requests: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    deadline: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    error: Mapped[str | None]


class ApiSpendRow(Base):
    """What the API lines of one UTC day and workload cost, the pending ones at their upper bound."""

    __tablename__ = "api_spend"
    __table_args__ = (*not_negative("nano"),)
    day: Mapped[date] = mapped_column(primary_key=True)
    workload: Mapped[str] = mapped_column(primary_key=True)
    nano: Mapped[int] = mapped_column(BigInteger)


class DailyUsageRow(Base):
    """What a run's lines of one UTC day come to, for each way they went: the rollup that sums are read from.

    Kept in the transactions that write and close lines, so that at every moment the rows of a run are
    the sums over its lines; they stay when the lines are archived. `reason` is empty where a line has none.
    `records` counts lines that are the first of their record in their run (`late_records` are those of them
    that are not attempt 1, which may still come), `engine_records` those that are the first there on their
    engine: sums that tell engines apart add up the latter. Token sums are over lines that know theirs; `unknown_*` counts the lines that do not know a cost, which a sum must say.
    `upper_bound_nano` is the part of `cost_nano` of priced (API) lines that know no tokens: the most they can
    have cost. `counterfactual_cached_tokens` are the `cached_tokens` of API lines that have counterfactual
    tokens: repricing needs both.
    """

    __tablename__ = "daily_usage"
    __table_args__ = (
        *not_negative(
            "attempts",
            "records",
            "late_records",
            "engine_records",
            "input_tokens",
            "cached_tokens",
            "output_tokens",
            "known_tokens",
            "estimated",
            "gpu_ns",
            "cost_nano",
            "upper_bound_nano",
            "unknown_cost",
            "counterfactual_input_tokens",
            "counterfactual_cached_tokens",
            "counterfactual_output_tokens",
            "counterfactual_nano",
            "unknown_counterfactual",
        ),
        Index(None, "run_id"),
        Index(None, "day"),
    )
    id: Mapped[int] = mapped_column(WideKey, primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    day: Mapped[date]
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"))
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"))
    requested: Mapped[str]
    engine: Mapped[str]
    reason: Mapped[str]
    outcome: Mapped[str]
    batched: Mapped[bool]
    price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    infrastructure_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("infrastructure.id"))
    counterfactual_price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    attempts: Mapped[int] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(BigInteger)
    late_records: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    engine_records: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    known_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated: Mapped[int] = mapped_column(BigInteger)
    gpu_ns: Mapped[int] = mapped_column(BigInteger)
    cost_nano: Mapped[int] = mapped_column(BigInteger)
    upper_bound_nano: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    unknown_cost: Mapped[int] = mapped_column(BigInteger)
    counterfactual_input_tokens: Mapped[int] = mapped_column(BigInteger)
    counterfactual_cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    counterfactual_output_tokens: Mapped[int] = mapped_column(BigInteger)
    counterfactual_nano: Mapped[int] = mapped_column(BigInteger)
    unknown_counterfactual: Mapped[int] = mapped_column(BigInteger)


class ArchiveRow(Base):
    """A Parquet file that holds the lines of whole runs; `sha256` is the file's."""

    __tablename__ = "archives"
    __table_args__ = (*not_negative("lines"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    path: Mapped[str]
    lines: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    created_at: Mapped[datetime]


class LedgerLineRow(Base):
    """The accounting of one attempt; its fields are those of `models.ledger.LedgerLine`."""

    __tablename__ = "ledger_lines"
    __table_args__ = (
        UniqueConstraint("run_id", "record_key", "attempt"),
        one_of("requested", "vllm", "openai", "reuse"),
        one_of("engine", "vllm", "openai", "reuse"),
        one_of("outcome", *get_args(Outcome)),
        *not_negative("cost_nano", "counterfactual_nano", "gpu_ns", "input_tokens", "output_tokens"),
        CheckConstraint("cached_tokens >= 0 AND cached_tokens <= input_tokens", name="cached_tokens"),
        # nothing is free, or charged, by accident: a cost stands on a dated rate
        CheckConstraint(
            "cost_nano IS NULL OR engine = 'reuse' OR price_id IS NOT NULL OR infrastructure_id IS NOT NULL",
            name="priced",
        ),
        CheckConstraint("(engine = 'reuse') = (reuses IS NOT NULL)", name="reuses"),
        # only an API leaves us in doubt, and never about what it can have cost at most
        CheckConstraint(
            "outcome NOT IN ('pending', 'unknown_outcome') OR (engine = 'openai' AND cost_nano IS NOT NULL)",
            name="upper_bound",
        ),
        _pending_lines(),
    )
    at: Mapped[datetime]
    cost_nano: Mapped[int | None] = mapped_column(BigInteger)
    counterfactual_nano: Mapped[int | None] = mapped_column(BigInteger)
    gpu_ns: Mapped[int | None] = mapped_column(BigInteger)
    input_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    counterfactual_input_tokens: Mapped[int | None]
    counterfactual_output_tokens: Mapped[int | None]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"))
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"))
    price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    infrastructure_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("infrastructure.id"))
    counterfactual_price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    estimated: Mapped[bool]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    requested: Mapped[str]
    engine: Mapped[str]
    outcome: Mapped[str]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    answer_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    record_key: Mapped[str]
    reason: Mapped[str | None]
    reuses: Mapped[UUID | None]
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batches.id"))
    failure: Mapped[str | None]
