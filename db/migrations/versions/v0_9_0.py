"""An index of the lines that did not go as most do: a few among millions are found by their way.

It is made in the migration's transaction: for as long nobody writes lines (docs/ledger.md, Updating).
"""

import sqlalchemy as sa
from alembic import op

revision = "0.9.0"
down_revision = "0.8.0"
branch_labels = None
depends_on = None

_WAY = ("outcome", "engine", "requested", "model_id", "prompt_id", "reason")


def upgrade() -> None:
    only = sa.text("outcome <> 'ok' OR reason IS NOT NULL")
    op.create_index(
        "ix_ledger_lines_unusual",
        "ledger_lines",
        ["run_id", *_WAY, "record_key", "attempt"],
        sqlite_where=only,
        postgresql_where=only,
    )
