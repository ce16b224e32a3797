"""What runs and lines refer to: prompts, models, prices, machines."""

import sqlalchemy as sa
from alembic import op

from db.columns import SmallKey
from db.migrations.v0_1_0.rules import not_negative, whole


def create() -> None:
    _create_infrastructure()
    _create_models()
    _create_prices()
    _create_prompts()


def _create_infrastructure() -> None:
    op.create_table(
        "infrastructure",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        *whole("nano_usd_per_hour"),
        sa.Column("billing_mode", sa.String(), nullable=False),
        sa.Column("billing_increment_seconds", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        *not_negative("infrastructure", "nano_usd_per_hour"),
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


def _create_models() -> None:
    op.create_table(
        "models",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("provider", "name", name=op.f("uq_models_provider_name")),
    )


def _create_prices() -> None:
    op.create_table(
        "prices",
        sa.Column("id", SmallKey, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        *whole("input_nano_per_mtok"),
        *whole("cached_input_nano_per_mtok", nullable=True),
        *whole("output_nano_per_mtok"),
        sa.Column("source", sa.String(), nullable=False),
        *not_negative("prices", "input_nano_per_mtok", "cached_input_nano_per_mtok", "output_nano_per_mtok"),
        sa.CheckConstraint("effective_to > effective_from", name=op.f("ck_prices_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint(
            "provider",
            "model",
            "effective_from",
            "version",
            name=op.f("uq_prices_provider_model_effective_from_version"),
        ),
    )


def _create_prompts() -> None:
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
