"""Reasoning tokens and what was written to a cache, and the price of the latter.

Lines and prices that are there keep what they say: NULL, an engine reported none. Views get the new columns
behind the others, so that PostgreSQL replaces them in their place, with others' views on them and grants.
"""

import sqlalchemy as sa
from alembic import op

from db.columns import Key, UtcDateTime
from db.migrations.v0_1_0 import views
from db.migrations.v0_1_0.rules import not_negative, refers

revision = "0.3.0"
down_revision = "0.2.0"
branch_labels = None
depends_on = None

TOKENS = ("reasoning_tokens", "cache_write_tokens")
RULES = {
    "reasoning_tokens": "reasoning_tokens >= 0 AND reasoning_tokens <= output_tokens",
    "cache_write_tokens": "cache_write_tokens >= 0 AND cached_tokens + cache_write_tokens <= input_tokens",
}
CALIBRATED = (
    *("lines", "estimated_input_tokens", "estimated_output_tokens", "input_tokens", "cached_tokens"),
    *("cache_write_tokens", "output_tokens", "reasoning_tokens"),
)
COUNTERFACTUAL = ("counterfactual_cached_tokens", "counterfactual_cache_write_tokens")
CACHE_WRITE = "cache_write_nano_per_mtok"


def upgrade() -> None:
    for name in TOKENS:
        _add("ledger_lines", name, "INTEGER", RULES[name])
    for name in COUNTERFACTUAL:
        _add("ledger_lines", name, "INTEGER", f"{name} >= 0")
    for name in (*TOKENS, "counterfactual_cache_write_tokens"):
        _add("daily_usage", name, "BIGINT DEFAULT '0' NOT NULL", f"{name} >= 0")
    _add("prices", CACHE_WRITE, "BIGINT", f"{CACHE_WRITE} >= 0")
    op.add_column("prices", sa.Column("long_prompts", sa.String(), nullable=True))
    op.add_column("prices", sa.Column("added_on", sa.Date(), nullable=True))
    op.add_column("reports", sa.Column("advice", sa.String(), nullable=True))
    op.add_column("runs", sa.Column("calibration", sa.String(), nullable=True))
    _create_calibration()
    _create_alerts()
    _replace_views()


def _create_alerts() -> None:
    """Make what was alerted of, and to whom it went."""
    op.create_table(
        "alerts",
        sa.Column("id", Key(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("kind", "crossing")),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("number >= 1", name=op.f("ck_alerts_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("kind", "crossing", "number", name=op.f("uq_alerts_kind_crossing_number")),
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("id", Key(), nullable=False),
        sa.Column("alert_id", Key(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("channel", "target", "state")),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        *(sa.Column(name, UtcDateTime(), nullable=False) for name in ("first_at", "last_at")),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("channel IN ('mail', 'chat')", name=op.f("ck_alert_deliveries_channel")),
        sa.CheckConstraint("state IN ('sending', 'sent', 'failed')", name=op.f("ck_alert_deliveries_state")),
        *not_negative("alert_deliveries", "attempts"),
        *refers("alert_deliveries", alert_id="alerts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_deliveries")),
        sa.UniqueConstraint(
            "alert_id", "channel", "target", name=op.f("uq_alert_deliveries_alert_id_channel_target")
        ),
    )


def _create_calibration() -> None:
    """Make the daily sums of estimates beside what the API reported."""
    sums = [sa.Column(name, sa.BigInteger(), nullable=False) for name in CALIBRATED]
    rules = [sa.CheckConstraint(f"{name} >= 0", name=name) for name in CALIBRATED]
    op.create_table(
        "token_calibration",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("prompt_id", sa.SmallInteger(), sa.ForeignKey("prompts.id"), primary_key=True),
        sa.Column("model_id", sa.SmallInteger(), sa.ForeignKey("models.id"), primary_key=True),
        sa.Column("counted_with", sa.String(), primary_key=True),
        *sums,
        *rules,
    )


def _add(table: str, column: str, column_type: str, rule: str) -> None:
    """Add a column with its rule in one statement: SQLite adds a rule to a table in no other way."""
    named = f"CONSTRAINT ck_{table}_{column} CHECK ({rule})"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {column_type} {named}")


def _replace_views() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    sums = {name: f"CAST(sum({{0}}{name}) AS BIGINT)" for name in TOKENS}
    known = "CASE WHEN sum({0}known_tokens) > 0 THEN "
    tokens = {name: f"{known}{total} END" for name, total in sums.items()}
    new = {
        "usage_daily": extend(
            views.usage_daily(), "daily_usage AS u", {name: of.format("u.") for name, of in tokens.items()}
        ),
        "usage_monthly": extend(
            views.usage_monthly(postgresql=postgresql),
            "usage_daily",
            {name: of.format("") for name, of in tokens.items()},
        ),
        "line_details": line_details(postgresql=postgresql),
        "price_versions": price_versions(),
    }
    replace_views(new, postgresql=postgresql)


def line_details(*, postgresql: bool) -> str:
    """Return the view as this release has it."""
    return extend(
        views.line_details(postgresql=postgresql),
        "ledger_lines AS l",
        {name: f"l.{name}" for name in (*TOKENS, *COUNTERFACTUAL)},
    )


def price_versions() -> str:
    """Return the view as this release has it."""
    rate = f"p.{CACHE_WRITE}"
    prices = {CACHE_WRITE: rate, "cache_write_usd_per_mtok": views.usd(rate)}
    return extend(views.price_versions(), "prices AS p", prices)


def replace_views(new: dict[str, str], *, postgresql: bool) -> None:
    """Put views in the place of those of the same names, in which none of them reads one behind it."""
    if not postgresql:
        for name in reversed(new):
            op.execute(f"DROP VIEW {name}")
    for view in new.values():
        op.execute(view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1) if postgresql else view)


def extend(view: str, table: str, columns: dict[str, str]) -> str:
    """Put columns behind those of a view, before the last FROM, that of the table."""
    head, source, tail = view.rpartition(f" FROM {table} ")
    if not source and view.endswith(f" FROM {table}"):
        head, source, tail = view.removesuffix(f" FROM {table}"), f" FROM {table}", ""
    more = "".join(f", {of} AS {name}" for name, of in columns.items())
    return f"{head}{more}{source}{tail}"
