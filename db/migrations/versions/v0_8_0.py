"""Spot machines among the terms of machines; audits of which nobody's judgement is known, with `agrees` null.

Such an audit is of a record that people skipped, or on which they are tied. On SQLite a rule's text is replaced in the table's schema, as in
0.7.0: no row that is stored breaks what is looser.
"""

import sqlalchemy as sa
from alembic import op

revision = "0.8.0"
down_revision = "0.7.0"
branch_labels = None
depends_on = None

TERMS, AUDITS = "infrastructure_terms", "audits"
LOOSER = (
    (TERMS, "IN ('on_demand', 'reserved')", "IN ('on_demand', 'reserved', 'spot')"),
    (AUDITS, "agrees BOOLEAN NOT NULL", "agrees BOOLEAN"),
)
"""Of a table the text of a rule as it was, and as it is."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        name = op.f(f"ck_{TERMS}_billing_mode")
        op.drop_constraint(name, TERMS)
        op.create_check_constraint(name, TERMS, f"billing_mode {LOOSER[0][2]}")
        op.alter_column(AUDITS, "agrees", nullable=True)
        return
    version = op.get_bind().execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    for table, before, now in LOOSER:
        op.get_bind().execute(
            sa.text(
                "UPDATE sqlite_master SET sql = replace(sql, :before, :now) WHERE type = 'table' AND name = :name"
            ),
            {"before": before, "now": now, "name": table},
        )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
