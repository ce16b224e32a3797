"""Views for tools that ask in SQL: the same columns on SQLite and PostgreSQL (docs/views.md), whatever tables become.

A later migration that changes a table under a view drops the views first and makes them again.
"""

from alembic import op

SUMS = (
    "attempts",
    "records",
    "engine_records",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "known_tokens",
    "estimated",
    "gpu_ns",
    "cost_nano",
    "upper_bound_nano",
    "unknown_cost",
    "counterfactual_input_tokens",
    "counterfactual_output_tokens",
    "counterfactual_nano",
    "unknown_counterfactual",
)
KNOWN = {
    "cost_nano": "{0}unknown_cost) = 0",
    "counterfactual_nano": "{0}unknown_counterfactual) = 0",
    "input_tokens": "{0}known_tokens) > 0",
    "cached_tokens": "{0}known_tokens) > 0",
    "output_tokens": "{0}known_tokens) > 0",
}
WAYS = (
    "workload",
    "prompt_version",
    "provider",
    "model",
    "requested",
    "engine",
    "reason",
    "route",
    "outcome",
    "batched",
)


def create() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for select in (
        usage_daily(),
        usage_monthly(postgresql=postgresql),
        run_costs(postgresql=postgresql),
        line_details(postgresql=postgresql),
        price_versions(),
    ):
        op.execute(select)


def usage_daily() -> str:
    route = "CASE WHEN {0}.requested = {0}.engine THEN {0}.engine ELSE {0}.requested || '>' || {0}.engine END"
    own = {
        "workload": "prompts.workload",
        "prompt_version": "prompts.version",
        "provider": "models.provider",
        "model": "models.name",
        "requested": "u.requested",
        "engine": "u.engine",
        "reason": "nullif(u.reason, '')",
        "route": f"{route.format('u')} || CASE WHEN u.reason = '' THEN '' ELSE ':' || u.reason END",
        "outcome": "u.outcome",
        "batched": "u.batched",
    }
    ways = ", ".join(f"{own[name]} AS {name}" for name in WAYS)
    groups = ", ".join(own.values())
    return (
        f"CREATE VIEW usage_daily AS SELECT u.day AS day, {ways}, {sums('u.')}, runs.purpose AS purpose FROM daily_usage AS u"  # noqa: S608 - our own words
        " JOIN prompts ON prompts.id = u.prompt_id JOIN models ON models.id = u.model_id"
        f" JOIN runs ON runs.id = u.run_id GROUP BY u.day, {groups}, runs.purpose"
    )


def usage_monthly(*, postgresql: bool) -> str:
    month = "to_char(day, 'YYYY-MM')" if postgresql else "substr(day, 1, 7)"
    ways = ", ".join(WAYS)
    return (
        f"CREATE VIEW usage_monthly AS SELECT {month} AS month, {ways}, {sums('')}"  # noqa: S608
        f", purpose FROM usage_daily GROUP BY {month}, {ways}, purpose"
    )


def sums(table: str) -> str:
    """Sum the columns: a cost over an unknown one is unknown, and so are tokens that no attempt knows."""
    columns = []
    for name in SUMS:
        total = f"CAST(sum({table}{name}) AS BIGINT)"
        if name in KNOWN:
            total = f"CASE WHEN sum({KNOWN[name].format(table)} THEN {total} END"
        columns.append(f"{total} AS {name}")
        if name.endswith("_nano"):
            columns.append(f"{usd(total)} AS {name.removesuffix('_nano')}_usd")
    return ", ".join(columns)


def run_costs(*, postgresql: bool) -> str:
    pending = (
        "(SELECT coalesce(CAST(sum(u.cost_nano) AS BIGINT), 0) FROM daily_usage AS u"
        " WHERE u.run_id = runs.id AND u.outcome = 'pending')"
    )
    both = "(runs.gpu_cost_nano + runs.api_cost_nano)"
    counts = ("records", "published", "quarantined", "reused", "carried", "escalated")
    tokens = ("input_tokens", "cached_tokens", "output_tokens")
    times = ("load_ns", "busy_ns", "idle_ns")
    plain = ", ".join(f"runs.{name} AS {name}" for name in (*counts, *tokens, *times))
    return (
        f"CREATE VIEW run_costs AS SELECT {key('runs.id', postgresql=postgresql)} AS run_id, runs.workload AS workload,"  # noqa: S608
        " runs.partition AS partition, runs.state AS state, runs.started_at AS started_at,"
        " runs.ended_at AS ended_at, runs.engine AS engine, models.name AS model,"
        " prompts.version AS prompt_version, infrastructure.kind AS infrastructure,"
        " infrastructure.billing_mode AS billing_mode,"
        f" {money('hourly_rate', 'infrastructure.nano_usd_per_hour')}, {plain},"
        f" {money('gpu_cost', 'runs.gpu_cost_nano')}, {money('unallocated', 'runs.unallocated_nano')},"
        f" {money('api_cost', 'runs.api_cost_nano')}, {money('pending', pending)}, {money('cost', both)},"
        f" {money('counterfactual', 'runs.counterfactual_nano')}, runs.flow_run_id AS flow_run_id,"
        f" archives.path AS archive_path, runs.error AS error, runs.purpose AS purpose FROM runs"
        " JOIN models ON models.id = runs.model_id JOIN prompts ON prompts.id = runs.prompt_id"
        " LEFT JOIN infrastructure ON infrastructure.id = runs.infrastructure_id"
        " LEFT JOIN archives ON archives.id = runs.archive_id"
    )


def line_details(*, postgresql: bool) -> str:
    route = "CASE WHEN l.requested = l.engine THEN l.engine ELSE l.requested || '>' || l.engine END"
    ids = {
        name: f"{key(f'l.{name}', postgresql=postgresql)} AS {name}"
        for name in ("id", "run_id", "reuses", "batch_id")
    }
    tokens = ("input_tokens", "cached_tokens", "output_tokens", "estimated", "gpu_ns")
    plain = ", ".join(f"l.{name} AS {name}" for name in tokens)
    return (
        f"CREATE VIEW line_details AS SELECT {ids['id']}, {ids['run_id']}, prompts.workload AS workload,"  # noqa: S608
        " runs.partition AS partition, prompts.version AS prompt_version, l.record_key AS record_key,"
        " l.attempt AS attempt, l.at AS at, l.requested AS requested, l.engine AS engine,"
        f" l.reason AS reason, {route} || coalesce(':' || l.reason, '') AS route, l.outcome AS outcome,"
        f" l.failure AS failure, models.provider AS provider, models.name AS model, {plain},"
        f" {money('cost', 'l.cost_nano')}, l.price_id AS price_id, infrastructure.kind AS infrastructure,"
        " l.counterfactual_input_tokens AS counterfactual_input_tokens,"
        " l.counterfactual_output_tokens AS counterfactual_output_tokens,"
        f" {money('counterfactual', 'l.counterfactual_nano')},"
        f" l.counterfactual_price_id AS counterfactual_price_id, {digest('request_hash', postgresql=postgresql)},"
        f" {digest('answer_hash', postgresql=postgresql)}, {ids['reuses']}, {ids['batch_id']}, runs.purpose AS purpose"
        " FROM ledger_lines AS l JOIN runs ON runs.id = l.run_id"
        " JOIN prompts ON prompts.id = l.prompt_id JOIN models ON models.id = l.model_id"
        " LEFT JOIN infrastructure ON infrastructure.id = l.infrastructure_id"
    )


def price_versions() -> str:
    rates = ", ".join(
        f"p.{name}_nano_per_mtok AS {name}_nano_per_mtok,"
        f" {usd(f'p.{name}_nano_per_mtok')} AS {name}_usd_per_mtok"
        for name in ("input", "cached_input", "output")
    )
    return (
        "CREATE VIEW price_versions AS SELECT p.id AS id, p.provider AS provider, p.model AS model,"  # noqa: S608
        " p.effective_from AS effective_from, p.effective_to AS effective_to, p.version AS version,"
        " NOT EXISTS (SELECT 1 FROM prices AS n WHERE n.provider = p.provider AND n.model = p.model"
        " AND n.effective_from = p.effective_from AND n.version > p.version) AS newest,"
        f" {rates}, p.source AS source FROM prices AS p"
    )


def money(name: str, nano: str) -> str:
    """Write an amount twice: whole nano-dollars, and dollars."""
    return f"{nano} AS {name}_nano, {usd(nano)} AS {name}_usd"


def usd(nano: str) -> str:
    """Write nano-dollars as dollars: exact on PostgreSQL, a floating-point number on SQLite."""
    return f"({nano}) * 0.000000001"


def key(column: str, *, postgresql: bool) -> str:
    """Write a key as PostgreSQL does; there it stays a uuid, so that its index is used."""
    if postgresql:
        return column
    digits = f"lower(hex({column}))"
    places = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    text = " || '-' || ".join(f"substr({digits}, {first}, {length})" for first, length in places)
    return f"CASE WHEN {column} IS NOT NULL THEN {text} END"


def digest(name: str, *, postgresql: bool) -> str:
    """Write a hash of a line in hexadecimal digits."""
    if postgresql:
        return f"encode(l.{name}, 'hex') AS {name}"
    return f"CASE WHEN l.{name} IS NOT NULL THEN lower(hex(l.{name})) END AS {name}"
