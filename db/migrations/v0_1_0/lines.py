"""The lines, their rollup, and what the API's cost by day.

On PostgreSQL lines leave the check of six keys to their rollup, which has them too and is written along with them: a
foreign key is checked line by line there, and these took four fifths of the server's time of an insert
(docs/decisions/0011). A price, say, that a line refers to can still neither be missing nor be deleted.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime, WideKey
from db.migrations.v0_1_0.rules import not_negative, refers, whole

KEYS_OF_THE_ROLLUP = {
    "run_id": "runs",
    "prompt_id": "prompts",
    "model_id": "models",
    "price_id": "prices",
    "infrastructure_id": "infrastructure",
    "counterfactual_price_id": "prices",
}


def create() -> None:
    _create_ledger_lines()
    pending = sa.text("outcome = 'pending'")
    op.create_index(
        "ix_ledger_lines_pending", "ledger_lines", ["run_id"], sqlite_where=pending, postgresql_where=pending
    )
    _create_daily_usage()
    op.create_index(op.f("ix_daily_usage_day"), "daily_usage", ["day"])
    op.create_index(op.f("ix_daily_usage_run_id"), "daily_usage", ["run_id"])
    op.create_table(
        "api_spend",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        *whole("nano"),
        *not_negative("api_spend", "nano"),
        sa.PrimaryKeyConstraint("day", "workload", name=op.f("pk_api_spend")),
    )


def _create_ledger_lines() -> None:
    op.create_table(
        "ledger_lines",
        sa.Column("at", UtcDateTime(), nullable=False),
        *whole("cost_nano", "counterfactual_nano", "gpu_ns", nullable=True),
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
        sa.Column("batch_id", Key(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        *_rules_of_lines(),
        *refers("ledger_lines", batch_id="batches"),
        *(refers("ledger_lines", **KEYS_OF_THE_ROLLUP) if op.get_bind().dialect.name == "sqlite" else ()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_lines")),
        sa.UniqueConstraint(
            "run_id", "record_key", "attempt", name=op.f("uq_ledger_lines_run_id_record_key_attempt")
        ),
    )


def _rules_of_lines() -> list[sa.CheckConstraint]:
    rules = {
        "requested": "requested IN ('vllm', 'openai', 'reuse')",
        "engine": "engine IN ('vllm', 'openai', 'reuse')",
        "outcome": (
            "outcome IN ('ok', 'invalid_output', 'escalated', 'triage', 'failed', 'pending', 'unknown_outcome')"
        ),
        "cached_tokens": "cached_tokens >= 0 AND cached_tokens <= input_tokens",
        "priced": (
            "cost_nano IS NULL OR engine = 'reuse' OR price_id IS NOT NULL OR infrastructure_id IS NOT NULL"
        ),
        "reuses": "(engine = 'reuse') = (reuses IS NOT NULL)",
        "upper_bound": (
            "outcome NOT IN ('pending', 'unknown_outcome') OR (engine = 'openai' AND cost_nano IS NOT NULL)"
        ),
    }
    sums = ("cost_nano", "counterfactual_nano", "gpu_ns", "input_tokens", "output_tokens")
    return [
        *(sa.CheckConstraint(rule, name=op.f(f"ck_ledger_lines_{name}")) for name, rule in rules.items()),
        *not_negative("ledger_lines", *sums),
    ]


def _create_daily_usage() -> None:
    sums = [
        *whole("attempts", "records"),
        *whole("late_records", default="0"),
        *whole("engine_records", "input_tokens", "cached_tokens", "output_tokens", "known_tokens"),
        *whole("estimated", "gpu_ns", "cost_nano"),
        *whole("upper_bound_nano", default="0"),
        *whole("unknown_cost", "counterfactual_input_tokens"),
        *whole("counterfactual_cached_tokens", default="0"),
        *whole("counterfactual_output_tokens", "counterfactual_nano", "unknown_counterfactual"),
    ]
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
        *sums,
        *not_negative("daily_usage", *(column.name for column in sums)),
        *refers("daily_usage", **KEYS_OF_THE_ROLLUP),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_usage")),
    )
