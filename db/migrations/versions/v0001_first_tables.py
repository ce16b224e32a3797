"""The ledger's first tables."""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, SmallKey, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_reference()
    _create_partitions()
    _create_runs()
    _create_ledger_lines()


def downgrade() -> None:
    op.drop_table("quarantined_counts")
    op.drop_table("parts")
    op.drop_table("ledger_lines")
    op.drop_index(op.f("ix_runs_workload_partition"), table_name="runs")
    op.drop_table("runs")
    op.drop_table("prompts")
    op.drop_table("prices")
    op.drop_index("uq_partition_versions_published", table_name="partition_versions")
    op.drop_index("uq_partition_versions_open", table_name="partition_versions")
    op.drop_table("partition_versions")
    op.drop_table("models")
    op.drop_table("leases")
    op.drop_table("infrastructure")


def _create_reference() -> None:
    op.create_table(
        "infrastructure",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("nano_usd_per_hour", sa.BigInteger(), nullable=False),
        sa.Column("billing_mode", sa.String(), nullable=False),
        sa.Column("billing_increment_seconds", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint("nano_usd_per_hour >= 0", name=op.f("ck_infrastructure_nano_usd_per_hour")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infrastructure")),
        sa.UniqueConstraint(
            "kind",
            "nano_usd_per_hour",
            "billing_mode",
            "billing_increment_seconds",
            "effective_from",
            "source",
            name="uq_infrastructure",
        ),
    )
    op.create_table(
        "models",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("provider", "name", name=op.f("uq_models_provider_name")),
    )
    op.create_table(
        "prices",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("input_nano_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_nano_per_mtok", sa.BigInteger(), nullable=True),
        sa.Column("output_nano_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint(
            "cached_input_nano_per_mtok >= 0", name=op.f("ck_prices_cached_input_nano_per_mtok")
        ),
        sa.CheckConstraint("effective_to > effective_from", name=op.f("ck_prices_days")),
        sa.CheckConstraint("input_nano_per_mtok >= 0", name=op.f("ck_prices_input_nano_per_mtok")),
        sa.CheckConstraint("output_nano_per_mtok >= 0", name=op.f("ck_prices_output_nano_per_mtok")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint(
            "provider",
            "model",
            "effective_from",
            "version",
            name=op.f("uq_prices_provider_model_effective_from_version"),
        ),
    )
    op.create_table(
        "prompts",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompts")),
        sa.UniqueConstraint(
            "workload", "version", "fingerprint", name=op.f("uq_prompts_workload_version_fingerprint")
        ),
    )


def _create_partitions() -> None:
    op.create_table(
        "leases",
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("partition", sa.Date(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workload", "partition", name=op.f("pk_leases")),
    )
    op.create_table(
        "partition_versions",
        sa.Column("id", Key(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("partition", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("output_path", sa.String(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=True),
        sa.Column("quarantined", sa.BigInteger(), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'published', 'superseded', 'abandoned')",
            name=op.f("ck_partition_versions_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partition_versions")),
        sa.UniqueConstraint(
            "workload", "partition", "version", name=op.f("uq_partition_versions_workload_partition_version")
        ),
    )
    op.create_index(
        "uq_partition_versions_open",
        "partition_versions",
        ["workload", "partition"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_partition_versions_published",
        "partition_versions",
        ["workload", "partition"],
        unique=True,
        sqlite_where=sa.text("state = 'published'"),
        postgresql_where=sa.text("state = 'published'"),
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
        sa.Column("load_ns", sa.BigInteger(), nullable=False),
        sa.Column("busy_ns", sa.BigInteger(), nullable=False),
        sa.Column("idle_ns", sa.BigInteger(), nullable=False),
        sa.Column("gpu_cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("unallocated_nano", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("reused", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("counterfactual_nano", sa.BigInteger(), nullable=True),
        sa.Column("flow_run_id", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'completed', 'failed', 'interrupted')", name=op.f("ck_runs_state")
        ),
        sa.CheckConstraint("busy_ns >= 0", name=op.f("ck_runs_busy_ns")),
        sa.CheckConstraint("gpu_cost_nano >= 0", name=op.f("ck_runs_gpu_cost_nano")),
        sa.CheckConstraint("idle_ns >= 0", name=op.f("ck_runs_idle_ns")),
        sa.CheckConstraint("load_ns >= 0", name=op.f("ck_runs_load_ns")),
        sa.CheckConstraint("unallocated_nano >= 0", name=op.f("ck_runs_unallocated_nano")),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_runs_infrastructure_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_runs_model_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_runs_prompt_id")),
        sa.ForeignKeyConstraint(["version_id"], ["partition_versions.id"], name=op.f("fk_runs_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_workload_partition"), "runs", ["workload", "partition"], unique=False)
    op.create_table(
        "parts",
        sa.Column("id", Key(), nullable=False),
        sa.Column("version_id", Key(), nullable=False),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("first_ordinal", sa.BigInteger(), nullable=False),
        sa.Column("last_ordinal", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_parts_run_id")),
        sa.ForeignKeyConstraint(["version_id"], ["partition_versions.id"], name=op.f("fk_parts_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint("version_id", "file_name", name=op.f("uq_parts_version_id_file_name")),
    )
    op.create_table(
        "quarantined_counts",
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_quarantined_counts_count")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_quarantined_counts_run_id")),
        sa.PrimaryKeyConstraint("run_id", "reason", name=op.f("pk_quarantined_counts")),
    )


def _create_ledger_lines() -> None:
    op.create_table(
        "ledger_lines",
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=True),
        sa.Column("counterfactual_nano", sa.BigInteger(), nullable=True),
        sa.Column("gpu_ns", sa.BigInteger(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("counterfactual_input_tokens", sa.Integer(), nullable=True),
        sa.Column("counterfactual_output_tokens", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("prompt_id", sa.SmallInteger(), nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("price_id", sa.SmallInteger(), nullable=True),
        sa.Column("infrastructure_id", sa.SmallInteger(), nullable=True),
        sa.Column("counterfactual_price_id", sa.SmallInteger(), nullable=True),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("requested", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer_hash", sa.LargeBinary(), nullable=True),
        sa.Column("record_key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reuses", Key(), nullable=True),
        sa.CheckConstraint("(engine = 'reuse') = (reuses IS NOT NULL)", name=op.f("ck_ledger_lines_reuses")),
        sa.CheckConstraint(
            "cost_nano IS NULL OR engine = 'reuse' OR price_id IS NOT NULL OR infrastructure_id IS NOT NULL",
            name=op.f("ck_ledger_lines_priced"),
        ),
        sa.CheckConstraint("engine IN ('vllm', 'openai', 'reuse')", name=op.f("ck_ledger_lines_engine")),
        sa.CheckConstraint(
            "outcome IN ('ok', 'invalid_output', 'failed', 'pending', 'unknown_outcome')",
            name=op.f("ck_ledger_lines_outcome"),
        ),
        sa.CheckConstraint(
            "requested IN ('vllm', 'openai', 'reuse')", name=op.f("ck_ledger_lines_requested")
        ),
        sa.CheckConstraint(
            "cached_tokens >= 0 AND cached_tokens <= input_tokens", name=op.f("ck_ledger_lines_cached_tokens")
        ),
        sa.CheckConstraint("cost_nano >= 0", name=op.f("ck_ledger_lines_cost_nano")),
        sa.CheckConstraint("counterfactual_nano >= 0", name=op.f("ck_ledger_lines_counterfactual_nano")),
        sa.CheckConstraint("gpu_ns >= 0", name=op.f("ck_ledger_lines_gpu_ns")),
        sa.CheckConstraint("input_tokens >= 0", name=op.f("ck_ledger_lines_input_tokens")),
        sa.CheckConstraint("output_tokens >= 0", name=op.f("ck_ledger_lines_output_tokens")),
        sa.ForeignKeyConstraint(
            ["counterfactual_price_id"], ["prices.id"], name=op.f("fk_ledger_lines_counterfactual_price_id")
        ),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_ledger_lines_infrastructure_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_ledger_lines_model_id")),
        sa.ForeignKeyConstraint(["price_id"], ["prices.id"], name=op.f("fk_ledger_lines_price_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_ledger_lines_prompt_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_ledger_lines_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_lines")),
        sa.UniqueConstraint(
            "run_id", "record_key", "attempt", name=op.f("uq_ledger_lines_run_id_record_key_attempt")
        ),
    )
