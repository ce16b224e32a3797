"""Spot machines among the terms of machines.

On SQLite the rule's text is replaced in the table's schema, as in 0.7.0: no row that is stored breaks the wider rule.
"""

import sqlalchemy as sa
from alembic import op

revision = "0.8.0"
down_revision = "0.7.0"
branch_labels = None
depends_on = None

TABLE = "infrastructure_terms"
BEFORE = "IN ('on_demand', 'reserved')"
NOW = "IN ('on_demand', 'reserved', 'spot')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        name = op.f(f"ck_{TABLE}_billing_mode")
        op.drop_constraint(name, TABLE)
        op.create_check_constraint(name, TABLE, f"billing_mode {NOW}")
        return
    version = op.get_bind().execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.get_bind().execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :before, :now) WHERE type = 'table' AND name = :name"
        ),
        {"before": BEFORE, "now": NOW, "name": TABLE},
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
