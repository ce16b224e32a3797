"""What machines and people cost, reports and to whom they went, evaluations."""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, SmallKey, UtcDateTime
from db.migrations.v0_1_0.rules import not_negative, refers, whole


def create() -> None:
    _create_infrastructure_terms()
    _create_bills()
    _create_labour_terms()
    _create_reports()
    _create_deliveries()
    _create_evaluations()


def _create_infrastructure_terms() -> None:
    op.create_table(
        "infrastructure_terms",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_mode", sa.String(), nullable=False),
        *whole("nano_usd_per_hour", "nano_usd_per_month", nullable=True),
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
        *not_negative("infrastructure_terms", "nano_usd_per_hour", "nano_usd_per_month", "gpus"),
        sa.CheckConstraint(
            "nano_usd_per_month IS NULL OR billing_mode = 'reserved'",
            name=op.f("ck_infrastructure_terms_monthly"),
        ),
        sa.CheckConstraint(
            "(nano_usd_per_hour IS NULL) != (nano_usd_per_month IS NULL)",
            name=op.f("ck_infrastructure_terms_rate"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infrastructure_terms")),
    )


def _create_bills() -> None:
    op.create_table(
        "bills",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        *whole("nano_usd"),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        *not_negative("bills", "nano_usd"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bills")),
    )


def _create_labour_terms() -> None:
    op.create_table(
        "labour_terms",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("maintenance_minutes", sa.Integer(), nullable=False),
        sa.Column("setup_minutes", sa.Integer(), nullable=False),
        *whole("engineer_nano_per_hour"),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        *not_negative("labour_terms", "maintenance_minutes", "setup_minutes", "engineer_nano_per_hour"),
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


def _create_deliveries() -> None:
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
        *not_negative("deliveries", "attempts"),
        *refers("deliveries", report_id="reports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "month",
            "channel",
            "target",
            "number",
            name=op.f("uq_deliveries_month_channel_target_number"),
        ),
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
        *not_negative("evaluations", "records"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_index(op.f("ix_evaluations_workload_at"), "evaluations", ["workload", "at"])
