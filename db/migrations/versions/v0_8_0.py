"""Shards, spot machines among the terms of machines, trained triage, and audits of which nobody's judgement is known.

Shards: a partition that several runs answer at once. Runs that are there keep what they say: NULL, they are whole.

An audit with `agrees` null is of a record that people skipped, or on which they are tied. On SQLite a rule's text is replaced in the table's
schema, as in 0.7.0: no row that is stored breaks what is looser.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import Key
from db.migrations.v0_1_0.rules import not_negative, refers, whole

revision = "0.8.0"
down_revision = "0.7.0"
branch_labels = None
depends_on = None

KINDS, TERMS, AUDITS = "trained_models", "infrastructure_terms", "audits"
LOOSER = (
    (KINDS, "kind", "kind IN ('classifier', 'adapter')", "kind IN ('classifier', 'adapter', 'triage')"),
    (
        TERMS,
        "billing_mode",
        "billing_mode IN ('on_demand', 'reserved')",
        "billing_mode IN ('on_demand', 'reserved', 'spot')",
    ),
)
"""Of a table the name of a rule, its text as it was, and as it is."""


def upgrade() -> None:
    _add_shards()
    if op.get_bind().dialect.name == "postgresql":
        for table, rule, _, now in LOOSER:
            name = op.f(f"ck_{table}_{rule}")
            op.drop_constraint(name, table)
            op.create_check_constraint(name, table, now)
        op.alter_column(AUDITS, "agrees", nullable=True)
        return
    version = op.get_bind().execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    texts = [(table, before, now) for table, _, before, now in LOOSER]
    for table, before, now in (*texts, (AUDITS, "agrees BOOLEAN NOT NULL", "agrees BOOLEAN")):
        op.get_bind().execute(
            sa.text(
                "UPDATE sqlite_master SET sql = replace(sql, :before, :now) WHERE type = 'table' AND name = :name"
            ),
            {"before": before, "now": now, "name": table},
        )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


def _add_shards() -> None:
    for name in ("shard", "shards"):
        op.add_column("runs", sa.Column(name, sa.Integer(), nullable=True))
    # a column with its rule in one statement: SQLite adds a rule to a table in no other way
    key = Key().dialect_impl(op.get_bind().dialect).compile(op.get_bind().dialect)
    op.execute(f"ALTER TABLE runs ADD COLUMN part_of {key} CONSTRAINT fk_runs_part_of REFERENCES runs (id)")
    op.create_index(op.f("ix_runs_part_of"), "runs", ["part_of"])
    op.create_table(
        "shards",
        sa.Column("version_id", Key(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *whole("tries"),
        sa.Column("run_id", Key(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        *whole("waiting"),
        sa.CheckConstraint("state IN ('open', 'running', 'done', 'failed')", name=op.f("ck_shards_state")),
        *not_negative("shards", "tries", "waiting"),
        *refers("shards", version_id="partition_versions", run_id="runs"),
        sa.PrimaryKeyConstraint("version_id", "shard", name=op.f("pk_shards")),
    )
