"""The ledger of release 0.1.0."""

from db.migrations.v0_1_0 import decisions, lines, reference, runs, views

revision = "0.1.0"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for topic in (reference, runs, lines, decisions, views):
        topic.create()
