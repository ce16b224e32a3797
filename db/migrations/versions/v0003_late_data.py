"""What late data needs: which input a version stands for, which version it was made from, rows taken over."""

import sqlalchemy as sa
from alembic import op

from db.columns import Key

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partition_versions", sa.Column("input_digest", sa.LargeBinary(), nullable=True))
    base = sa.ForeignKey("partition_versions.id", name=op.f("fk_partition_versions_based_on"))
    op.add_column(
        "partition_versions", sa.Column("based_on", Key(), base, nullable=True), inline_references=True
    )
    op.add_column("runs", sa.Column("carried", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    """Keep every version and run, but give up open refreshes: the older version could not tell them from reruns."""
    op.execute(
        "UPDATE partition_versions SET state = 'abandoned' WHERE state = 'open' AND based_on IS NOT NULL"
    )
    op.drop_column("runs", "carried")
    op.drop_column("partition_versions", "based_on")
    op.drop_column("partition_versions", "input_digest")
