"""When a run's last fitting answer came.

Runs that are there keep what they say: NULL, nothing is known.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import UtcDateTime

revision = "0.5.0"
down_revision = "0.4.0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("answered_at", UtcDateTime(), nullable=True))
