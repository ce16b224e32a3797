"""What answered: the view of runs names it, and of records that were set aside those are counted that an engine had answered.

Runs name the further arguments of vLLM that they were started with. What older runs set aside as `invalid_output` was answered, and cost what their attempts of that outcome did.
"""

import sqlalchemy as sa
from alembic import op

from db.migrations.v0_1_0 import views

revision = "0.2.0"
down_revision = "0.1.0"
branch_labels = None
depends_on = None

SERVED = "{0}.outcome IN ('ok', 'invalid_output')"
OTHERS = "EXISTS (SELECT 1 FROM daily_usage AS {0} WHERE {0}.run_id = runs.id AND {1})"
STARTED = "runs.engine AS engine, models.name AS model"


def upgrade() -> None:
    op.add_column("runs", sa.Column("engine_arguments", sa.String(), nullable=True))
    for name in ("answered", "answered_nano"):
        column = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        op.add_column("quarantined_counts", column)
    op.execute(
        "UPDATE quarantined_counts SET answered = count, answered_nano = coalesce((SELECT"
        " CAST(sum(u.cost_nano) AS BIGINT) FROM daily_usage AS u WHERE u.run_id = quarantined_counts.run_id"
        " AND u.outcome = 'invalid_output'), 0) WHERE reason = 'invalid_output'"
    )
    if op.get_bind().dialect.name == "postgresql":  # in its place: others' views on it and grants stay
        op.execute(_run_costs(postgresql=True).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    else:
        op.execute("DROP VIEW run_costs")
        op.execute(_run_costs(postgresql=False))


def _run_costs(*, postgresql: bool) -> str:
    """Return the view with the engines and models that answered in the place of those that a run was started with."""
    taken = f"({SERVED.format('u')} OR NOT {OTHERS.format('o', SERVED.format('o'))})"
    asked = f"({SERVED.format('p')} OR NOT {OTHERS.format('q', SERVED.format('q'))})"
    others = OTHERS.format("p", f"p.engine <> 'reuse' AND {asked}")
    engine = f"{taken} AND (u.engine <> 'reuse' OR NOT {others})"
    engines = _names("u.engine", engine, "runs.engine", postgresql=postgresql)
    models = _names("m.name", taken, "models.name", postgresql=postgresql)
    view = views.run_costs(postgresql=postgresql)
    return view.replace(STARTED, f"{engines} AS engine, {models} AS model")


def _names(name: str, condition: str, started: str, *, postgresql: bool) -> str:
    """Join names, the one with the most attempts first; of a run without a line, what it was started with."""
    rows = (
        f"SELECT {name} AS name, sum(u.attempts) AS attempts FROM daily_usage AS u"  # noqa: S608 - our own words
        f" JOIN models AS m ON m.id = u.model_id WHERE u.run_id = runs.id AND {condition} GROUP BY {name}"
    )
    joined = (
        f"SELECT string_agg(a.name, ', ' ORDER BY a.attempts DESC, a.name) FROM ({rows}) AS a"  # noqa: S608
        if postgresql
        else f"SELECT group_concat(a.name, ', ') FROM ({rows} ORDER BY 2 DESC, 1) AS a"  # noqa: S608
    )
    unasked = "runs.state = 'completed' AND runs.published = runs.carried"
    # PostgreSQL replaces no view whose columns change their type
    return f"CAST(coalesce(({joined}), CASE WHEN NOT ({unasked}) THEN {started} END) AS VARCHAR)"
