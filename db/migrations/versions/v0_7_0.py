"""Trained models, audits, and the classifier as an engine of ledger lines.

SQLite changes a rule of a table in no other way than by writing a new table, which would copy every line of a ledger; so the
rule's text is replaced in its schema, as its documentation describes for rules that no stored row breaks
(https://www.sqlite.org/lang_altertable.html, section 7).
"""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime
from db.migrations.v0_1_0.rules import not_negative, refers

revision = "0.7.0"
down_revision = "0.6.0"
branch_labels = None
depends_on = None

BEFORE = "IN ('vllm', 'openai', 'reuse')"
NOW = "IN ('classifier', 'vllm', 'openai', 'reuse')"
_ONE_AUDIT = ("workload", "partition", "judge", "record_key")


def upgrade() -> None:
    _let_lines_name_classifiers()
    _create_trained_models()
    _create_audits()


def _let_lines_name_classifiers() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column in ("requested", "engine"):
            name = op.f(f"ck_ledger_lines_{column}")
            op.drop_constraint(name, "ledger_lines")
            op.create_check_constraint(name, "ledger_lines", f"{column} {NOW}")
        return
    version = op.get_bind().execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.get_bind().execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :before, :now) WHERE type = 'table' AND name = 'ledger_lines'"
        ),
        {"before": BEFORE, "now": NOW},
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


def _create_trained_models() -> None:
    words = ("workload", "kind", "base", "prompt_version", "prompt_fingerprint")
    counts = ("examples", "holdout", "seed", "machine_ns", "cost_nano")
    shares = ("accuracy", "accuracy_low", "accuracy_high", "threshold", "served_share")
    op.create_table(
        "trained_models",
        sa.Column("id", Key(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in words),
        sa.Column("labels_digest", sa.String(), nullable=True),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("data_digest", "weights_digest", "teacher")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.Column("run_id", Key(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in shares),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_at", UtcDateTime(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("software", "figures")),
        sa.CheckConstraint("kind IN ('classifier', 'adapter')", name=op.f("ck_trained_models_kind")),
        sa.CheckConstraint(
            "state IN ('candidate', 'in_force', 'retired')", name=op.f("ck_trained_models_state")
        ),
        sa.CheckConstraint("teacher IN ('labels', 'api', 'both')", name=op.f("ck_trained_models_teacher")),
        sa.CheckConstraint(
            "threshold IS NULL OR kind = 'classifier'", name=op.f("ck_trained_models_threshold")
        ),
        *not_negative("trained_models", "examples", "holdout", "machine_ns", "cost_nano"),
        *refers("trained_models", run_id="runs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trained_models")),
    )
    op.create_index(op.f("ix_trained_models_workload_at"), "trained_models", ["workload", "at"])


def _create_audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", Key(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("partition", sa.Date(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("record_key", "engine")),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("model_id", "prompt_id")),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("judge", sa.String(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.CheckConstraint("engine IN ('classifier', 'vllm')", name=op.f("ck_audits_engine")),
        sa.CheckConstraint("judge IN ('api', 'people')", name=op.f("ck_audits_judge")),
        *refers("audits", model_id="models", prompt_id="prompts", run_id="runs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
        sa.UniqueConstraint(*_ONE_AUDIT, name=op.f(f"uq_audits_{'_'.join(_ONE_AUDIT)}")),
    )
