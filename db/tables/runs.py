"""Partitions, their versions and leases, and the runs that write them."""

from datetime import date, datetime
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

from db.base import Base, not_negative, one_of
from models.run import PRODUCTION


def _one_a_partition(state: str) -> Index:
    """At most one version of a partition is in this state at a time, whatever the code does."""
    only = text(f"state = '{state}'")
    name = f"uq_partition_versions_{state}"
    return Index(
        name, "workload", "partition", "purpose", unique=True, sqlite_where=only, postgresql_where=only
    )


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


class RunRow(Base):
    """One execution of one partition and what it came to.

    `api_cost_nano` is what its closed API lines cost; pending ones are not in any of its sums yet.
    `carried` of its published records were taken over from the version before, without a line.
    `archive_id`: its lines lie in that Parquet file and not here any more; its sums and its rollup stay.
    `purpose`: what it was run for; an evaluation's cost is a cost, but its records are no usage.
    `engine_arguments`: further arguments of vLLM that it was started with, JSON; NULL: none, or it was started elsewhere.
    `calibration`: what its estimates of counterfactual tokens were corrected by, JSON; NULL: they were not.
    `stopped_with`: a hash over the settings with which none of the API's first answers could be used, if it was stopped for that.
    `answered_at`: when the last answer of an API came that fits and was asked for at once; NULL: none did, or before release 0.5.0.
    `caps`: the caps on spending that it began with, JSON; NULL: none, or it was before release 0.4.0.
    `shards`: into how many its version was cut; NULL: it was not. `shard`: which of them it answers, from 1; NULL: it is the
    whole run, which coordinates them. `part_of`: the whole run that a shard's run is a part of.
    """

    __tablename__ = "runs"
    __table_args__ = (
        one_of("state", "running", "waiting", "completed", "failed", "interrupted"),
        *not_negative("load_ns", "busy_ns", "idle_ns", "gpu_cost_nano", "unallocated_nano", "api_cost_nano"),
        Index(None, "workload", "partition"),
        Index(None, "part_of"),
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
    engine_arguments: Mapped[str | None]
    calibration: Mapped[str | None]
    caps: Mapped[str | None]
    stopped_with: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    shard: Mapped[int | None]
    shards: Mapped[int | None]
    part_of: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))


class ShardRow(Base):
    """One shard of a version that was cut, counted from 1.

    `open`: nobody has it. `tries`: how often it failed, or its process was gone before it had committed anything. `run_id`: the
    run that has it, or had it last; `reason`: why that failed. `waiting`: how many of its records are left to the API, once it is done.
    """

    __tablename__ = "shards"
    __table_args__ = (one_of("state", "open", "running", "done", "failed"), *not_negative("tries", "waiting"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("partition_versions.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    shards: Mapped[int]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(BigInteger)
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    reason: Mapped[str | None]
    waiting: Mapped[int] = mapped_column(BigInteger)


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
    """How many records of a run were set aside for which reason.

    `answered` of them an engine had answered, and their attempts cost `answered_nano`.
    """

    __tablename__ = "quarantined_counts"
    __table_args__ = (*not_negative("count"),)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    answered: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    answered_nano: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


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
