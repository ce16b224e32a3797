"""Partitions, their versions and leases, and the runs that write them."""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime
from db.migrations.v0_1_0.rules import not_negative, refers, whole


def create() -> None:
    _create_leases()
    _create_partition_versions()
    _create_archives()
    _create_runs()
    _create_parts()
    _create_counts()
    _create_batches()


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("partition", sa.Date(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        *whole("epoch"),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workload", "partition", name=op.f("pk_leases")),
    )


def _create_partition_versions() -> None:
    op.create_table(
        "partition_versions",
        sa.Column("id", Key(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("partition", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("output_path", sa.String(), nullable=True),
        *whole("records", "quarantined", nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("input_read", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("input_digest", sa.LargeBinary(), nullable=True),
        sa.Column("based_on", Key(), nullable=True),
        sa.Column("purpose", sa.String(), server_default="production", nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'published', 'superseded', 'abandoned')",
            name=op.f("ck_partition_versions_state"),
        ),
        *refers("partition_versions", based_on="partition_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partition_versions")),
        sa.UniqueConstraint(
            "workload", "partition", "version", name=op.f("uq_partition_versions_workload_partition_version")
        ),
    )
    for state in ("open", "published"):
        name, only = f"uq_partition_versions_{state}", sa.text(f"state = '{state}'")
        columns = ["workload", "partition", "purpose"]
        op.create_index(
            name, "partition_versions", columns, unique=True, sqlite_where=only, postgresql_where=only
        )


def _create_archives() -> None:
    op.create_table(
        "archives",
        sa.Column("id", Key(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        *whole("lines"),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        *not_negative("archives", "lines"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archives")),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", Key(), nullable=False),
        sa.Column("version_id", Key(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("partition", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("prompt_id", sa.SmallInteger(), nullable=False),
        sa.Column("infrastructure_id", sa.SmallInteger(), nullable=True),
        *whole("load_ns", "busy_ns", "idle_ns", "gpu_cost_nano", "unallocated_nano"),
        *whole("records", "published", "quarantined", "reused"),
        *whole("input_tokens", "cached_tokens", "output_tokens"),
        *whole("counterfactual_nano", nullable=True),
        sa.Column("flow_run_id", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        *whole("api_cost_nano", "escalated", "carried", default="0"),
        sa.Column("archive_id", Key(), nullable=True),
        sa.Column("purpose", sa.String(), server_default="production", nullable=False),
        *_rules_of_runs(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_workload_partition"), "runs", ["workload", "partition"], unique=False)


def _rules_of_runs() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "state IN ('running', 'waiting', 'completed', 'failed', 'interrupted')",
            name=op.f("ck_runs_state"),
        ),
        *not_negative(
            "runs", "load_ns", "busy_ns", "idle_ns", "gpu_cost_nano", "unallocated_nano", "api_cost_nano"
        ),
        *refers(
            "runs",
            archive_id="archives",
            infrastructure_id="infrastructure",
            model_id="models",
            prompt_id="prompts",
            version_id="partition_versions",
        ),
    ]


def _create_parts() -> None:
    op.create_table(
        "parts",
        sa.Column("id", Key(), nullable=False),
        sa.Column("version_id", Key(), nullable=False),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        *whole("records", "first_ordinal", "last_ordinal"),
        sa.Column("registered_at", UtcDateTime(), nullable=False),
        *refers("parts", run_id="runs", version_id="partition_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint("version_id", "file_name", name=op.f("uq_parts_version_id_file_name")),
    )


def _create_counts() -> None:
    op.create_table(
        "quarantined_counts",
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        *whole("count"),
        *not_negative("quarantined_counts", "count"),
        *refers("quarantined_counts", run_id="runs"),
        sa.PrimaryKeyConstraint("run_id", "reason", name=op.f("pk_quarantined_counts")),
    )
    op.create_table(
        "waiting_counts",
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        *whole("count"),
        *not_negative("waiting_counts", "count"),
        *refers("waiting_counts", run_id="runs"),
        sa.PrimaryKeyConstraint("run_id", "reason", name=op.f("pk_waiting_counts")),
    )


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", Key(), nullable=False),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("version_id", Key(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provider_batch_id", sa.String(), nullable=True),
        sa.Column("provider_file_id", sa.String(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        *whole("requests", "input_tokens"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=True),
        sa.Column("deadline", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state IN ('intended', 'submitted'))", name=op.f("ck_batches_closed")
        ),
        *not_negative("batches", "requests", "input_tokens"),
        sa.CheckConstraint(
            "state IN ('intended', 'submitted', 'collected', 'failed', 'abandoned')",
            name=op.f("ck_batches_state"),
        ),
        sa.CheckConstraint(
            "state != 'submitted' OR provider_batch_id IS NOT NULL", name=op.f("ck_batches_submitted")
        ),
        *refers("batches", run_id="runs", version_id="partition_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
