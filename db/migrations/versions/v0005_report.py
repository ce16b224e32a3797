"""What the monthly report needs: what machines and people cost, the reports, and to whom they went."""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, SmallKey, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_terms()
    _create_reports()


def downgrade() -> None:
    for table in ("deliveries", "reports", "labour_terms", "bills", "infrastructure_terms"):
        op.drop_table(table)


def _create_terms() -> None:
    op.create_table(
        "infrastructure_terms",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_mode", sa.String(), nullable=False),
        sa.Column("nano_usd_per_hour", sa.BigInteger(), nullable=True),
        sa.Column("nano_usd_per_month", sa.BigInteger(), nullable=True),
        sa.Column("billing_increment_seconds", sa.Integer(), nullable=False),
        sa.Column("gpus", sa.SmallInteger(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.CheckConstraint(
            "billing_mode IN ('on_demand', 'reserved')", name=op.f("ck_infrastructure_terms_billing_mode")
        ),
        sa.CheckConstraint(
            "billing_increment_seconds >= 1", name=op.f("ck_infrastructure_terms_billing_increment_seconds")
        ),
        sa.CheckConstraint("effective_to > effective_from", name=op.f("ck_infrastructure_terms_days")),
        sa.CheckConstraint("gpus >= 0", name=op.f("ck_infrastructure_terms_gpus")),
        sa.CheckConstraint(
            "nano_usd_per_month IS NULL OR billing_mode = 'reserved'",
            name=op.f("ck_infrastructure_terms_monthly"),
        ),
        sa.CheckConstraint("nano_usd_per_hour >= 0", name=op.f("ck_infrastructure_terms_nano_usd_per_hour")),
        sa.CheckConstraint(
            "nano_usd_per_month >= 0", name=op.f("ck_infrastructure_terms_nano_usd_per_month")
        ),
        sa.CheckConstraint(
            "(nano_usd_per_hour IS NULL) != (nano_usd_per_month IS NULL)",
            name=op.f("ck_infrastructure_terms_rate"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infrastructure_terms")),
    )
    op.create_table(
        "bills",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.CheckConstraint("nano_usd >= 0", name=op.f("ck_bills_nano_usd")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bills")),
    )
    op.create_table(
        "labour_terms",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("maintenance_minutes", sa.Integer(), nullable=False),
        sa.Column("setup_minutes", sa.Integer(), nullable=False),
        sa.Column("engineer_nano_per_hour", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.CheckConstraint(
            "engineer_nano_per_hour >= 0", name=op.f("ck_labour_terms_engineer_nano_per_hour")
        ),
        sa.CheckConstraint("maintenance_minutes >= 0", name=op.f("ck_labour_terms_maintenance_minutes")),
        sa.CheckConstraint("setup_minutes >= 0", name=op.f("ck_labour_terms_setup_minutes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labour_terms")),
    )


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", Key(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("software", sa.String(), nullable=False),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("figures", sa.String(), nullable=False),
        sa.Column("changes", sa.String(), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_reports_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("month", "version", name=op.f("uq_reports_month_version")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", Key(), nullable=False),
        sa.Column("report_id", Key(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("channel IN ('mail', 'chat')", name=op.f("ck_deliveries_channel")),
        sa.CheckConstraint("state IN ('sending', 'sent', 'failed')", name=op.f("ck_deliveries_state")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_deliveries_attempts")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_deliveries_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "month",
            "channel",
            "target",
            "number",
            name=op.f("uq_deliveries_month_channel_target_number"),
        ),
    )
