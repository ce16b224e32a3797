"""Lines on PostgreSQL leave the check of six keys to their rollup, which has them too and is written along with them.

A foreign key is checked line by line there: these six took four fifths of the server's time of an insert
(docs/decisions/0011). A price, say, that a line refers to can still neither be missing nor be deleted.
SQLite, where they cost little and could only be dropped by copying the whole table, keeps them.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEYS = {
    "run_id": "runs",
    "prompt_id": "prompts",
    "model_id": "models",
    "price_id": "prices",
    "infrastructure_id": "infrastructure",
    "counterfactual_price_id": "prices",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column in KEYS:
            op.drop_constraint(op.f(f"fk_ledger_lines_{column}"), "ledger_lines", type_="foreignkey")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column, table in KEYS.items():
            op.create_foreign_key(op.f(f"fk_ledger_lines_{column}"), "ledger_lines", table, [column], ["id"])
