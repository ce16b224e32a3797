"""Evaluations: their runs are told apart from production, what they found is kept.

Runs and versions get their purpose; the views that are about runs show it.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime
from db.migrations.versions import v0006_views as views

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATES = ("open", "published")


def upgrade() -> None:
    _drop_views()
    for table in ("partition_versions", "runs"):
        op.add_column(table, sa.Column("purpose", sa.String(), server_default="production", nullable=False))
    _one_a_partition("workload", "partition", "purpose")
    _create_evaluations()
    _create_views(purpose=True)


def downgrade() -> None:
    """Keep all runs, but what evaluations published is superseded: the older version takes it for production."""
    _drop_views()
    op.drop_table("evaluations")
    op.execute(
        "UPDATE partition_versions SET state = 'abandoned' WHERE purpose != 'production' AND state = 'open'"
    )
    op.execute(
        "UPDATE partition_versions SET state = 'superseded' WHERE purpose != 'production' AND state = 'published'"
    )
    _one_a_partition("workload", "partition")
    for table in ("runs", "partition_versions"):
        op.drop_column(table, "purpose")
    _create_views(purpose=False)


def _one_a_partition(*columns: str) -> None:
    for state in STATES:
        name, only = f"uq_partition_versions_{state}", sa.text(f"state = '{state}'")
        op.drop_index(name, "partition_versions")
        op.create_index(
            name, "partition_versions", columns, unique=True, sqlite_where=only, postgresql_where=only
        )


def _create_evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", Key(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("api_model", sa.String(), nullable=True),
        sa.Column("prompt_version", sa.String(), nullable=False),
        sa.Column("prompt_fingerprint", sa.String(), nullable=False),
        sa.Column("labels_digest", sa.String(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("viability", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.Double(), nullable=True)
            for name in ("accuracy", "api_accuracy", "ratio", "ratio_low", "ratio_high", "threshold")
        ),
        sa.Column("software", sa.String(), nullable=False),
        sa.Column("figures", sa.String(), nullable=False),
        sa.CheckConstraint(
            "viability IN ('viable', 'not_viable', 'undecided')", name=op.f("ck_evaluations_viability")
        ),
        sa.CheckConstraint("records >= 0", name=op.f("ck_evaluations_records")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_index(op.f("ix_evaluations_workload_at"), "evaluations", ["workload", "at"])


def _drop_views() -> None:
    for view in ("line_details", "run_costs", "usage_monthly", "usage_daily"):
        op.execute(f"DROP VIEW {view}")


def _create_views(*, purpose: bool) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for select in (
        views.usage_daily(purpose=purpose),
        views.usage_monthly(postgresql=postgresql, purpose=purpose),
        views.run_costs(postgresql=postgresql, purpose=purpose),
        views.line_details(postgresql=postgresql, purpose=purpose),
    ):
        op.execute(select)
