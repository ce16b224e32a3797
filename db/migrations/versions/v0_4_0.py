"""What providers say of an attempt, what was learnt of an endpoint, the caps that a run began with, and what stopped it.

Lines, runs and prices that are there keep what they say: NULL, nothing is known. Views get the new columns behind
the others, as in release 0.3.0.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import UtcDateTime
from db.migrations.v0_1_0.views import usd
from db.migrations.versions import v0_3_0
from db.migrations.versions.v0_3_0 import extend, price_versions, replace_views

revision = "0.4.0"
down_revision = "0.3.0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # a column with its rule in one statement: SQLite adds a rule to a table in no other way
    rule = "CONSTRAINT ck_ledger_lines_provider_nano CHECK (provider_nano >= 0)"
    op.execute(f"ALTER TABLE ledger_lines ADD COLUMN provider_nano BIGINT {rule}")
    for name in ("served_model", "service_tier"):
        op.add_column("ledger_lines", sa.Column(name, sa.String(), nullable=True))
    for name in ("caps", "stopped_with"):
        op.add_column("runs", sa.Column(name, sa.String(), nullable=True))
    op.add_column("prices", sa.Column("hours", sa.String(), nullable=True))
    op.create_table(
        "endpoints",
        *(sa.Column(name, sa.String(), primary_key=True) for name in ("endpoint", "model")),
        sa.Column("learnt", sa.String(), nullable=False),
        sa.Column("learnt_at", UtcDateTime(), nullable=False),
        sa.Column("bound_permille", sa.BigInteger(), nullable=True),
    )
    _replace_views()


def _replace_views() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    prices = extend(price_versions(), "prices AS p", {"hours": "p.hours"})
    views = {"line_details": line_details(postgresql=postgresql), "price_versions": prices}
    replace_views(views, postgresql=postgresql)


def line_details(*, postgresql: bool) -> str:
    """Return the view as this release has it."""
    told = {"provider_nano": "l.provider_nano", "provider_usd": usd("l.provider_nano")}
    told |= {name: f"l.{name}" for name in ("served_model", "service_tier")}
    return extend(v0_3_0.line_details(postgresql=postgresql), "ledger_lines AS l", told)
