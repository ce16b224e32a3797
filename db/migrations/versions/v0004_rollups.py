"""Rollups: what a run's lines of a day come to, kept with them; and lines that were moved to an archive.

The rollup of the lines that are there is made by the database itself: about 4 s for each million lines on SQLite.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime, WideKey

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAYS = (
    "run_id, {day}, prompt_id, model_id, requested, engine, coalesce(reason, ''), outcome, batch_id IS NOT NULL, "
    "price_id, infrastructure_id, counterfactual_price_id"
)


def upgrade() -> None:
    _create_tables()
    archive = sa.ForeignKey("archives.id", name=op.f("fk_runs_archive_id"))
    op.add_column("runs", sa.Column("archive_id", Key(), archive, nullable=True), inline_references=True)
    _sum_lines()


def downgrade() -> None:
    """Refused once lines were archived: the older version would not find them."""
    if op.get_bind().exec_driver_sql("SELECT 1 FROM archives LIMIT 1").first() is not None:
        msg = "lines were moved to an archive; the older version cannot read them"
        raise RuntimeError(msg)
    op.drop_table("daily_usage")
    op.drop_column("runs", "archive_id")
    op.drop_table("archives")


def _create_tables() -> None:
    op.create_table(
        "archives",
        sa.Column("id", Key(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("lines >= 0", name=op.f("ck_archives_lines")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archives")),
    )
    op.create_table(
        "daily_usage",
        sa.Column("id", WideKey, nullable=False),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("prompt_id", sa.SmallInteger(), nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("requested", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("batched", sa.Boolean(), nullable=False),
        sa.Column("price_id", sa.SmallInteger(), nullable=True),
        sa.Column("infrastructure_id", sa.SmallInteger(), nullable=True),
        sa.Column("counterfactual_price_id", sa.SmallInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("late_records", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("engine_records", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("known_tokens", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.BigInteger(), nullable=False),
        sa.Column("gpu_ns", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("upper_bound_nano", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unknown_cost", sa.BigInteger(), nullable=False),
        sa.Column("counterfactual_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("counterfactual_cached_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("counterfactual_output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("counterfactual_nano", sa.BigInteger(), nullable=False),
        sa.Column("unknown_counterfactual", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_daily_usage_attempts")),
        sa.CheckConstraint("cached_tokens >= 0", name=op.f("ck_daily_usage_cached_tokens")),
        sa.CheckConstraint("cost_nano >= 0", name=op.f("ck_daily_usage_cost_nano")),
        sa.CheckConstraint(
            "counterfactual_cached_tokens >= 0", name=op.f("ck_daily_usage_counterfactual_cached_tokens")
        ),
        sa.CheckConstraint(
            "counterfactual_input_tokens >= 0", name=op.f("ck_daily_usage_counterfactual_input_tokens")
        ),
        sa.CheckConstraint("counterfactual_nano >= 0", name=op.f("ck_daily_usage_counterfactual_nano")),
        sa.CheckConstraint(
            "counterfactual_output_tokens >= 0", name=op.f("ck_daily_usage_counterfactual_output_tokens")
        ),
        sa.CheckConstraint("engine_records >= 0", name=op.f("ck_daily_usage_engine_records")),
        sa.CheckConstraint("estimated >= 0", name=op.f("ck_daily_usage_estimated")),
        sa.CheckConstraint("gpu_ns >= 0", name=op.f("ck_daily_usage_gpu_ns")),
        sa.CheckConstraint("input_tokens >= 0", name=op.f("ck_daily_usage_input_tokens")),
        sa.CheckConstraint("known_tokens >= 0", name=op.f("ck_daily_usage_known_tokens")),
        sa.CheckConstraint("late_records >= 0", name=op.f("ck_daily_usage_late_records")),
        sa.CheckConstraint("output_tokens >= 0", name=op.f("ck_daily_usage_output_tokens")),
        sa.CheckConstraint("records >= 0", name=op.f("ck_daily_usage_records")),
        sa.CheckConstraint("unknown_cost >= 0", name=op.f("ck_daily_usage_unknown_cost")),
        sa.CheckConstraint("unknown_counterfactual >= 0", name=op.f("ck_daily_usage_unknown_counterfactual")),
        sa.CheckConstraint("upper_bound_nano >= 0", name=op.f("ck_daily_usage_upper_bound_nano")),
        sa.ForeignKeyConstraint(
            ["counterfactual_price_id"], ["prices.id"], name=op.f("fk_daily_usage_counterfactual_price_id")
        ),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_daily_usage_infrastructure_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_daily_usage_model_id")),
        sa.ForeignKeyConstraint(["price_id"], ["prices.id"], name=op.f("fk_daily_usage_price_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_daily_usage_prompt_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_daily_usage_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_usage")),
    )
    op.create_index(op.f("ix_daily_usage_day"), "daily_usage", ["day"])
    op.create_index(op.f("ix_daily_usage_run_id"), "daily_usage", ["run_id"])


def _sum_lines() -> None:
    """Sum the lines that are there; of a record's lines, the one with the lowest attempt counts it."""
    day = "date(at)" if op.get_bind().dialect.name == "sqlite" else "CAST(at AT TIME ZONE 'UTC' AS date)"
    op.execute(
        "INSERT INTO daily_usage (run_id, day, prompt_id, model_id, requested, engine, reason, outcome, batched,"  # noqa: S608 - our own words
        " price_id, infrastructure_id, counterfactual_price_id, attempts, records, late_records, engine_records, input_tokens,"
        " cached_tokens, output_tokens, known_tokens, estimated, gpu_ns, cost_nano, upper_bound_nano, unknown_cost,"
        " counterfactual_input_tokens, counterfactual_cached_tokens, counterfactual_output_tokens,"
        " counterfactual_nano, unknown_counterfactual)"
        f" SELECT {WAYS.format(day=day)}, count(*),"
        " sum(CASE WHEN place = 1 THEN 1 ELSE 0 END), sum(CASE WHEN place = 1 AND attempt != 1 THEN 1 ELSE 0 END),"
        " sum(CASE WHEN engine_place = 1 THEN 1 ELSE 0 END),"
        " coalesce(sum(input_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(output_tokens), 0),"
        " count(input_tokens), sum(CASE WHEN estimated THEN 1 ELSE 0 END), coalesce(sum(gpu_ns), 0),"
        " coalesce(sum(cost_nano), 0),"
        " coalesce(sum(CASE WHEN price_id IS NOT NULL AND input_tokens IS NULL THEN cost_nano END), 0),"
        " count(*) - count(cost_nano), coalesce(sum(counterfactual_input_tokens), 0),"
        " coalesce(sum(CASE WHEN engine = 'openai' AND counterfactual_input_tokens > 0 THEN cached_tokens END), 0),"
        " coalesce(sum(counterfactual_output_tokens), 0),"
        " coalesce(sum(counterfactual_nano), 0), count(*) - count(counterfactual_nano)"
        " FROM (SELECT ledger_lines.*,"
        " row_number() OVER (PARTITION BY run_id, record_key ORDER BY attempt) AS place,"
        " row_number() OVER (PARTITION BY run_id, record_key, engine ORDER BY attempt) AS engine_place"
        " FROM ledger_lines) AS numbered"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
    )
