"""Every scenario of every month again, in SQL alone: from lines, runs and what was entered; and what stops with a workload.

It shares nothing with the product: no rollup, none of its functions. It knows of one kind of machine, as the
history has, and of runs that do not overlap, so that one reserved machine is always enough.
"""

from collections.abc import Mapping

from sqlalchemy import Engine, text

DIALECT: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "month": "strftime('%Y-%m', {0})",
        "day": "date({0})",
        "ns": "(CAST(strftime('%s', {0}) AS INTEGER) * 1000000 + CAST(substr({0} || '000000', 21, 6) AS INTEGER)) * 1000",
        "next_day": "date(day, '+1 day')",
        "first_day": "date(min(started_at), 'start of month')",
        "last_day": "date(max(started_at), 'start of month', '+1 month', '-1 day')",
        "month_of_day": "strftime('%Y-%m', {0})",
        "exact": "real",
    },
    "postgresql": {
        "month": "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM')",
        "day": "CAST({0} AT TIME ZONE 'UTC' AS date)",
        "ns": "CAST(extract(epoch FROM {0}) * 1000000 AS bigint) * 1000",
        "next_day": "day + 1",
        "first_day": "CAST(date_trunc('month', min(started_at) AT TIME ZONE 'UTC') AS date)",
        "last_day": "CAST(date_trunc('month', max(started_at) AT TIME ZONE 'UTC') + interval '1 month - 1 day' AS date)",
        "month_of_day": "to_char({0}, 'YYYY-MM')",
        "exact": "numeric",
    },
}

COMMON = """
WITH RECURSIVE
bounds AS (SELECT {first_day} AS first, {last_day} AS last FROM runs),
days(day) AS (
    SELECT first FROM bounds
    UNION ALL
    SELECT {next_day} FROM days WHERE day < (SELECT last FROM bounds)
),
months AS (SELECT {month_of_day} AS month, count(*) AS length FROM days GROUP BY 1),

-- what was entered, day by day: the newest entry that holds
held AS (
    SELECT {month_of_day} AS month, days.day, t.billing_mode AS mode, t.gpus, t.nano_usd_per_hour AS hourly,
           t.nano_usd_per_month AS monthly, t.billing_increment_seconds AS increment
    FROM days JOIN infrastructure_terms t ON t.gpus > 0 AND t.id = (
        SELECT max(x.id) FROM infrastructure_terms x
        WHERE x.effective_from <= days.day AND (x.effective_to IS NULL OR days.day < x.effective_to))
),
labour AS (
    SELECT month, CAST(sum(l.maintenance_minutes * l.engineer_nano_per_hour) AS bigint) AS sixtieths
    FROM (SELECT {month_of_day} AS month, day FROM days) d JOIN labour_terms l ON l.id = (
        SELECT x.id FROM labour_terms x WHERE x.effective_from <= d.day
        ORDER BY x.effective_from DESC, x.id DESC LIMIT 1)
    GROUP BY month
),
bill AS (
    SELECT {month_of_entry} AS month, nano_usd AS nano FROM bills b
    WHERE b.id = (SELECT max(x.id) FROM bills x WHERE x.month = b.month)
),
reference_hour AS (
    SELECT nano_usd_per_hour AS hourly, billing_increment_seconds AS increment FROM infrastructure_terms
    WHERE billing_mode = 'on_demand' ORDER BY id DESC LIMIT 1
),
reference_month AS (
    SELECT coalesce(nano_usd_per_month, 0) AS monthly, coalesce(nano_usd_per_hour, 0) AS hourly
    FROM infrastructure_terms WHERE billing_mode = 'reserved' AND gpus > 0 ORDER BY id DESC LIMIT 1
),

-- runs with GPU time, at the tariff that was in force on the day they started, and as if on demand; of all
-- workloads, and of all but one that leaves
timed AS (
    SELECT {month_of_start} AS month, {day_of_start} AS day, {start_ns} AS start_ns, workload,
           load_ns + busy_ns + idle_ns AS used_ns, infrastructure_id
    FROM runs WHERE load_ns + busy_ns + idle_ns > 0
),
leaving AS (SELECT '' AS leaves UNION SELECT workload AS leaves FROM prompts),
priced AS (
    SELECT timed.month, leaves, start_ns, used_ns, start_ns + used_ns AS end_ns,
           coalesce(held.mode, 'on_demand') AS mode,
           CASE WHEN held.mode = 'reserved' THEN reference_hour.hourly
                ELSE coalesce(held.hourly, i.nano_usd_per_hour) END AS hourly,
           CASE WHEN held.mode = 'reserved' THEN reference_hour.increment
                ELSE coalesce(held.increment, i.billing_increment_seconds) END AS increment
    FROM timed CROSS JOIN reference_hour JOIN leaving ON timed.workload <> leaves
    JOIN infrastructure i ON i.id = timed.infrastructure_id
    LEFT JOIN held ON held.day = timed.day
),
marked AS (
    SELECT priced.*, max(end_ns) OVER (
        PARTITION BY month, leaves, mode, hourly, increment ORDER BY start_ns
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_before
    FROM priced
),
numbered AS (
    SELECT marked.*, CAST(increment AS bigint) * 1000000000 AS step_ns, sum(CASE WHEN start_ns <= ended_before + 60000000000 THEN 0 ELSE 1 END) OVER (
        PARTITION BY month, leaves, mode, hourly, increment ORDER BY start_ns) AS number
    FROM marked
),
sessions AS (
    SELECT month, leaves, mode, hourly, increment,
           (max(end_ns) - min(start_ns) + step_ns - 1) / step_ns * increment AS billed_s
    FROM numbered GROUP BY month, leaves, mode, hourly, increment, step_ns, number
),
on_demands AS (
    SELECT month, leaves, count(*) AS sessions, CAST(sum(billed_s * hourly) AS bigint) AS as_if,
           coalesce(CAST(sum(CASE WHEN mode = 'on_demand' THEN billed_s * hourly END) AS bigint), 0) AS in_force,
           coalesce(CAST(sum(CASE WHEN mode = 'on_demand' THEN billed_s END) AS bigint), 0) AS billed_s
    FROM sessions GROUP BY month, leaves
),
on_demand AS (SELECT * FROM on_demands WHERE leaves = ''),

-- reserved days: hourly rates for 24 hours, monthly amounts by the month's days
reserved AS (
    SELECT month,
           CAST(sum(CASE WHEN mode = 'reserved' THEN gpus * coalesce(monthly, 0) ELSE 0 END) AS bigint) AS in_force_monthly,
           CAST(sum(CASE WHEN mode = 'reserved' THEN gpus * 24 * coalesce(hourly, 0) ELSE 0 END) AS bigint) AS in_force_hourly,
           CAST(sum(CASE WHEN mode = 'reserved' THEN (gpus - 1) * coalesce(monthly, 0) ELSE 0 END) AS bigint) AS spare_monthly,
           CAST(sum(CASE WHEN mode = 'reserved' THEN (gpus - 1) * 24 * coalesce(hourly, 0) ELSE 0 END) AS bigint) AS spare_hourly,
           CAST(sum(gpus * CASE WHEN mode = 'reserved' THEN coalesce(monthly, 0) ELSE r_monthly END) AS bigint) AS as_if_monthly,
           CAST(sum(gpus * 24 * CASE WHEN mode = 'reserved' THEN coalesce(hourly, 0) ELSE r_hourly END) AS bigint) AS as_if_hourly,
           CAST(sum(CASE WHEN mode = 'reserved' THEN gpus * 86400 ELSE 0 END) AS bigint) AS billed_s,
           count(DISTINCT mode) AS modes, min(mode) AS mode
    FROM (SELECT held.*, r.monthly AS r_monthly, r.hourly AS r_hourly FROM held CROSS JOIN reference_month r) h
    GROUP BY month
),
used AS (
    SELECT {month_of_line} AS month, p.workload,
           CAST(sum(CASE WHEN outcome = 'ok' THEN counterfactual_nano END) AS bigint) AS sync,
           sum(CASE WHEN outcome = 'ok' AND counterfactual_nano IS NULL THEN 1 ELSE 0 END) AS lacking,
           CAST(sum(CASE WHEN engine = 'openai' THEN cost_nano ELSE 0 END) AS bigint) AS api,
           CAST(sum(CASE WHEN engine = 'openai' AND reason = 'chosen' THEN cost_nano ELSE 0 END) AS bigint) AS chosen,
           CAST(sum(CASE WHEN engine = 'openai' AND input_tokens IS NULL THEN cost_nano ELSE 0 END) AS bigint) AS bounds
    FROM ledger_lines l JOIN prompts p ON p.id = l.prompt_id GROUP BY 1, 2
),
all_used AS (
    SELECT month, CAST(sum(sync) AS bigint) AS sync, sum(lacking) AS lacking, CAST(sum(api) AS bigint) AS api,
           CAST(sum(chosen) AS bigint) AS chosen, CAST(sum(bounds) AS bigint) AS bounds
    FROM used GROUP BY month
),
held_ns AS (
    SELECT timed.month, CAST(sum(used_ns) AS bigint) AS used_ns,
           coalesce(CAST(sum(CASE WHEN held.mode = 'reserved' THEN used_ns END) AS bigint), 0) AS reserved_ns
    FROM timed LEFT JOIN held ON held.day = timed.day GROUP BY timed.month
),

-- whole numbers over one denominator each, 3600 x days, so that each sum is rounded once
sums AS (
    SELECT months.month, length, used.sync, used.lacking, used.api, used.chosen, used.bounds, bill.nano AS bill,
           (2 * labour.sixtieths + 60 * length) / (2 * 60 * length) AS labour,
           coalesce(r.mode, CASE WHEN o.sessions > 0 THEN 'on_demand' END) AS mode, coalesce(r.modes, 0) AS modes,
           3600 * coalesce(r.in_force_monthly, 0) + 3600 * length * coalesce(r.in_force_hourly, 0)
               + length * coalesce(o.in_force, 0) AS in_force,
           3600 * coalesce(r.in_force_monthly, 0) + 3600 * length * coalesce(r.in_force_hourly, 0) AS in_force_reserved,
           3600 * coalesce(r.spare_monthly, 0) + 3600 * length * coalesce(r.spare_hourly, 0) AS spare,
           length * coalesce(o.in_force, 0) AS in_force_sessions,
           coalesce(r.billed_s, 0) AS reserved_s, coalesce(h.reserved_ns, 0) AS reserved_held_ns,
           3600 * coalesce(r.as_if_monthly, length * ref.monthly)
               + 3600 * length * coalesce(r.as_if_hourly, length * 24 * ref.hourly) AS as_reserved,
           length * coalesce(o.as_if, 0) AS as_on_demand,
           coalesce(h.used_ns, 0) AS used_ns,
           1000000000 * (coalesce(r.billed_s, 0) + coalesce(o.billed_s, 0)) AS billed_ns
    FROM months CROSS JOIN reference_month ref
    LEFT JOIN all_used used ON used.month = months.month LEFT JOIN bill ON bill.month = months.month
    LEFT JOIN labour ON labour.month = months.month LEFT JOIN reserved r ON r.month = months.month
    LEFT JOIN on_demand o ON o.month = months.month LEFT JOIN held_ns h ON h.month = months.month
)
"""
TOTALS = """
, totals AS (
SELECT month, lacking, bounds, used_ns, billed_ns, spare,
       sync AS api_sync,
       (sync + 1) / 2 AS api_batch,
       CASE WHEN mode IS NULL THEN api - chosen ELSE api END AS sent,
       labour + CASE WHEN bill IS NOT NULL AND mode = 'reserved' AND modes = 1 THEN bill
                     ELSE (2 * as_reserved + 3600 * length) / (2 * 3600 * length) END AS reserved,
       labour + CASE WHEN bill IS NOT NULL AND mode = 'on_demand' AND modes = 1 THEN bill
                     WHEN used_ns = 0 AND sync > 0 THEN NULL -- work, but nothing says how long it would take here
                     ELSE (2 * as_on_demand + 3600 * length) / (2 * 3600 * length) END AS on_demand,
       api + CASE WHEN mode IS NULL THEN 0 ELSE labour END
           + coalesce(bill, (2 * in_force + 3600 * length) / (2 * 3600 * length)) AS hybrid,
       -- hours of reserved machines that no run held, at what they cost: by rate, or by the bill
       CASE WHEN reserved_s = 0 THEN 0 ELSE CAST(round(
           CAST(CASE WHEN bill IS NULL THEN in_force_reserved ELSE 3600 * length * bill END AS {exact})
           * (1000000000 * reserved_s - reserved_held_ns) / (1000000000 * reserved_s) / (3600 * length)) AS bigint) END AS idle,
       (2 * spare + 3600 * length) / (2 * 3600 * length) AS spared
FROM sums)
SELECT month, lacking, bounds, used_ns, billed_ns, api_sync, api_batch, sent + reserved AS reserved, sent + on_demand AS on_demand, hybrid,
       idle, CASE WHEN spared > 0 THEN hybrid - spared END AS fewer_machines
FROM totals ORDER BY month
"""
WORKLOADS = """
SELECT used.month, used.workload, (used.sync + 1) / 2 AS on_the_api,
       used.api + CAST(round(
           CAST(CASE WHEN sums.bill IS NULL THEN sums.in_force ELSE 3600 * length * sums.bill END AS {exact}) / sums.in_force
           * (in_force_sessions - length * coalesce(o.in_force, 0)) / (3600 * length)) AS bigint) AS avoidable
FROM used JOIN sums ON sums.month = used.month
LEFT JOIN on_demands o ON o.month = used.month AND o.leaves = used.workload
WHERE sums.mode IS NOT NULL ORDER BY used.month, used.workload
"""


def _fill(engine: Engine, statement: str) -> str:
    words = DIALECT[engine.dialect.name]
    return statement.format(
        **{name: words[name] for name in ("first_day", "last_day", "next_day", "exact")},
        month_of_day=words["month_of_day"].format("day"),
        month_of_entry=words["month_of_day"].format("b.month"),
        month_of_start=words["month"].format("started_at"),
        day_of_start=words["day"].format("started_at"),
        start_ns=words["ns"].format("started_at"),
        month_of_line=words["month"].format("at"),
    )


def recomputed(engine: Engine) -> dict[str, dict[str, int]]:
    """Return what the statement says of each month: scenarios' totals in nano-dollars, GPU time; without what is unknown."""
    with engine.connect() as connection:
        rows = connection.execute(text(_fill(engine, COMMON + TOTALS))).mappings().all()
    return {
        row["month"]: {
            name: int(value) for name, value in row.items() if name != "month" and value is not None
        }
        for row in rows
    }


def recomputed_by_workload(engine: Engine) -> dict[str, dict[str, tuple[int, int]]]:
    """Return of each month with a machine, by workload, what stops if it leaves, and what it costs in the API's batches."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    with engine.connect() as connection:
        for row in connection.execute(text(_fill(engine, COMMON + WORKLOADS))).mappings():
            found.setdefault(row["month"], {})[row["workload"]] = (
                int(row["avoidable"]),
                int(row["on_the_api"]),
            )
    return found
