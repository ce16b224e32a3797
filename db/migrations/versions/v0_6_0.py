"""What an API reported of an attempt that cannot be.

Lines that are there keep what they say: NULL, nothing was in doubt. The view gets the new column behind the others, as in
release 0.3.0.
"""

import sqlalchemy as sa
from alembic import op

from db.migrations.versions import v0_3_0, v0_4_0

revision = "0.6.0"
down_revision = "0.5.0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger_lines", sa.Column("doubted_usage", sa.String(), nullable=True))
    postgresql = op.get_bind().dialect.name == "postgresql"
    view = v0_3_0.extend(
        v0_4_0.line_details(postgresql=postgresql),
        "ledger_lines AS l",
        {"doubted_usage": "l.doubted_usage"},
    )
    v0_3_0.replace_views({"line_details": view}, postgresql=postgresql)
