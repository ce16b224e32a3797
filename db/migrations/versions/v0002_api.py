"""What the API needs: batches, spending by day, lines that are closed after they were written, waiting runs.

Constraints change in place on both databases. SQLite has no statement for that, and copying a table to
change its checks, as Alembic's batch mode does, would take minutes and thrice the room for a ledger of
ten million lines; so their text is replaced as https://www.sqlite.org/lang_altertable.html#otheralter
describes for changes that leave the stored rows as they are. A million lines take a third of a second.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNS_BEFORE = {"ck_runs_state": "CHECK (state IN ('running', 'completed', 'failed', 'interrupted'))"}
RUNS_AFTER = {
    "ck_runs_state": "CHECK (state IN ('running', 'waiting', 'completed', 'failed', 'interrupted'))",
    "ck_runs_api_cost_nano": "CHECK (api_cost_nano >= 0)",
}
LINES_BEFORE = {
    "ck_ledger_lines_outcome": (
        "CHECK (outcome IN ('ok', 'invalid_output', 'failed', 'pending', 'unknown_outcome'))"
    )
}
LINES_AFTER = {
    "ck_ledger_lines_outcome": (
        "CHECK (outcome IN ('ok', 'invalid_output', 'escalated', 'triage', 'failed', 'pending', "
        "'unknown_outcome'))"
    ),
    "ck_ledger_lines_upper_bound": (
        "CHECK (outcome NOT IN ('pending', 'unknown_outcome') OR "
        "(engine = 'openai' AND cost_nano IS NOT NULL))"
    ),
    "fk_ledger_lines_batch_id": "FOREIGN KEY(batch_id) REFERENCES batches (id)",
}


def upgrade() -> None:
    _create_tables()
    op.add_column(
        "partition_versions", sa.Column("input_read", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    for name in ("api_cost_nano", "escalated"):
        op.add_column("runs", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("ledger_lines", sa.Column("batch_id", Key(), nullable=True))
    op.add_column("ledger_lines", sa.Column("failure", sa.String(), nullable=True))
    _replace("runs", RUNS_BEFORE, RUNS_AFTER)
    _replace("ledger_lines", LINES_BEFORE, LINES_AFTER)
    pending = sa.text("outcome = 'pending'")
    op.create_index(
        "ix_ledger_lines_pending",
        "ledger_lines",
        ["run_id"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    _count_spending()


def downgrade() -> None:
    """Keep every line and its cost; what the old words cannot say becomes the nearest they can."""
    op.execute("UPDATE ledger_lines SET outcome = 'ok' WHERE outcome IN ('escalated', 'triage')")
    op.execute("UPDATE runs SET state = 'interrupted' WHERE state = 'waiting'")
    op.drop_index("ix_ledger_lines_pending", table_name="ledger_lines")
    _replace("ledger_lines", LINES_AFTER, LINES_BEFORE)
    _replace("runs", RUNS_AFTER, RUNS_BEFORE)
    op.drop_column("ledger_lines", "failure")
    op.drop_column("ledger_lines", "batch_id")
    op.drop_column("runs", "escalated")
    op.drop_column("runs", "api_cost_nano")
    op.drop_column("partition_versions", "input_read")
    for table in ("api_spend", "batches", "waiting_counts"):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        "waiting_counts",
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_waiting_counts_count")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_waiting_counts_run_id")),
        sa.PrimaryKeyConstraint("run_id", "reason", name=op.f("pk_waiting_counts")),
    )
    op.create_table(
        "batches",
        sa.Column("id", Key(), nullable=False),
        sa.Column("run_id", Key(), nullable=False),
        sa.Column("version_id", Key(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provider_batch_id", sa.String(), nullable=True),
        sa.Column("provider_file_id", sa.String(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=True),
        sa.Column("deadline", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state IN ('intended', 'submitted'))", name=op.f("ck_batches_closed")
        ),
        sa.CheckConstraint("input_tokens >= 0", name=op.f("ck_batches_input_tokens")),
        sa.CheckConstraint("requests >= 0", name=op.f("ck_batches_requests")),
        sa.CheckConstraint(
            "state IN ('intended', 'submitted', 'collected', 'failed', 'abandoned')",
            name=op.f("ck_batches_state"),
        ),
        sa.CheckConstraint(
            "state != 'submitted' OR provider_batch_id IS NOT NULL", name=op.f("ck_batches_submitted")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_batches_run_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["partition_versions.id"], name=op.f("fk_batches_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_table(
        "api_spend",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("nano", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("nano >= 0", name=op.f("ck_api_spend_nano")),
        sa.PrimaryKeyConstraint("day", "workload", name=op.f("pk_api_spend")),
    )


def _count_spending() -> None:
    """Sum the API lines that are there: some are only where this migration was taken back before."""
    api_lines = "SELECT 1 FROM ledger_lines WHERE engine = 'openai' LIMIT 1"
    if op.get_bind().exec_driver_sql(api_lines).first() is None:
        return
    day = "date(at)" if op.get_bind().dialect.name == "sqlite" else "CAST(at AT TIME ZONE 'UTC' AS date)"
    op.execute(
        f"INSERT INTO api_spend (day, workload, nano) SELECT {day}, workload, sum(cost_nano)"  # noqa: S608 - our own words
        " FROM ledger_lines JOIN prompts ON prompts.id = prompt_id"
        " WHERE engine = 'openai' AND cost_nano IS NOT NULL GROUP BY 1, 2"
    )
    op.execute(
        "UPDATE runs SET api_cost_nano = closed.nano FROM (SELECT run_id, sum(cost_nano) AS nano"
        " FROM ledger_lines WHERE engine = 'openai' AND outcome != 'pending' AND cost_nano IS NOT NULL"
        " GROUP BY run_id) AS closed WHERE closed.run_id = runs.id"
    )


def _replace(table: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Put the constraints `new` in the place of `old`; each is a name and its SQL."""
    if op.get_bind().dialect.name == "sqlite":
        _replace_text(table, _constraints(old), _constraints(new))
        return
    steps = [f"DROP CONSTRAINT {name}" for name in old]
    steps += [f"ADD CONSTRAINT {name} {rule}" for name, rule in new.items()]
    op.execute(f"ALTER TABLE {table} {', '.join(steps)}")


def _constraints(named: Mapping[str, str]) -> str:
    return ", \n\t".join(f"CONSTRAINT {name} {rule}" for name, rule in named.items())


def _replace_text(table: str, old: str, new: str) -> None:
    """Change the text of a table in SQLite's schema, and let every connection read the schema anew.

    All of it is part of the migration's transaction, the schema's number included.
    """
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    done = connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?)"
        " WHERE type = 'table' AND name = ? AND instr(sql, ?) > 0",
        (old, new, table, old),
    ).rowcount
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
    if not done:
        msg = f"the constraints of the table {table} are not those that the migrations made"
        raise RuntimeError(msg)
