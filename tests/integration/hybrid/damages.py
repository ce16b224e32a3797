"""Kinds of damage to a ledger: each changes one thing, and returns the id by which a finding names it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, insert, select, update
from sqlalchemy.orm import Session

from db.base import Base
from models.ids import new_id

T = Base.metadata.tables
LINES, RUNS, USAGE = T["ledger_lines"], T["runs"], T["daily_usage"]
VERSIONS, PARTS = T["partition_versions"], T["parts"]
API = LINES.c.engine == "openai"
SERVED = API & (LINES.c.outcome == "ok")
OWN = (LINES.c.engine == "vllm") & (LINES.c.outcome == "ok")
REUSE = LINES.c.engine == "reuse"


def pick(session: Session, table: Table, *conditions: ColumnElement[bool]) -> Row[Any]:
    """Return the first row that fulfils the conditions."""
    key = next(iter(table.primary_key.columns))
    return session.execute(select(table).where(*conditions).order_by(key).limit(1)).one()


def change(session: Session, table: Table, row_id: object, **values: object) -> str:
    """Change a row, and return its id as a finding names it."""
    session.execute(update(table).where(table.c.id == row_id).values(**values))
    return str(row_id)


def more(name: str, by: int = 1) -> Callable[[Session], str]:
    """Damage: the run's row has more of something than its lines."""

    def damage(session: Session) -> str:
        return change(session, RUNS, pick(session, RUNS).id, **{name: RUNS.c[name] + by})

    return damage


def of_line(*conditions: ColumnElement[bool], **values: object) -> Callable[[Session], str]:
    """Damage: the first line of a kind has other values."""

    def damage(session: Session) -> str:
        return change(session, LINES, pick(session, LINES, *conditions).id, **values)

    return damage


def of_row(table: Table, **by: int) -> Callable[[Session], str]:
    """Damage: the only row of a table has more of something."""

    def damage(session: Session) -> str:
        row = pick(session, table)
        return change(session, table, row.id, **{name: table.c[name] + n for name, n in by.items()})

    return damage


def of_row_values(session: Session, table: Table, **values: object) -> str:
    """Damage: the only row of a table has other values."""
    return change(session, table, pick(session, table).id, **values)


def day_of(session: Session, _: str) -> str:
    """Return the day on which something was spent."""
    return str(session.execute(select(T["api_spend"].c.day)).scalar_one())


def lost_line(session: Session) -> str:
    """Damage: a line was deleted that nothing names."""
    reused = select(LINES.c.reuses).where(LINES.c.reuses.is_not(None))
    line = pick(session, LINES, OWN, LINES.c.id.not_in(reused))
    session.execute(delete(LINES).where(LINES.c.id == line.id))
    return str(line.run_id)


def lost_rollup(session: Session) -> str:
    """Damage: the daily sums are gone."""
    session.execute(delete(USAGE))
    return str(pick(session, RUNS).id)


def double_rollup(session: Session) -> str:
    """Damage: a row of the daily sums is there twice."""
    row = {**pick(session, USAGE)._mapping}
    del row["id"]
    session.execute(insert(USAGE).values(**row))
    return str(row["run_id"])


def lost_run(session: Session) -> str:
    """Damage: a run's row was deleted, its lines were not."""
    run = pick(session, RUNS)
    session.execute(delete(RUNS).where(RUNS.c.id == run.id))
    return str(run.id)


def lost_price(session: Session) -> str:
    """Damage: a price was deleted that lines name."""
    line = pick(session, LINES, API)
    session.execute(delete(T["prices"]).where(T["prices"].c.id == line.price_id))
    rows = session.execute(select(USAGE.c.id).where(USAGE.c.price_id == line.price_id).order_by(USAGE.c.id))
    return ", ".join(str(row) for row in rows.scalars())


def lost_version(session: Session) -> str:
    """Damage: a version's row was deleted, its parts were not."""
    session.execute(delete(VERSIONS))
    parts = session.execute(select(PARTS.c.id).order_by(PARTS.c.id))
    return ", ".join(str(part) for part in parts.scalars())


def lost_source(session: Session) -> str:
    """Damage: the attempt that a reuse names is gone."""
    reuse = pick(session, LINES, REUSE)
    session.execute(update(LINES).where(LINES.c.id == reuse.id).values(reuses=new_id()))
    return str(reuse.id)


def other_answer(session: Session) -> str:
    """Damage: the attempt that a reuse names has another answer."""
    reuse = pick(session, LINES, REUSE)
    return change(session, LINES, reuse.id, answer_hash=b"another")


def quarantine_count(session: Session) -> str:
    """Damage: the counts by reason are not the run's."""
    table = T["quarantined_counts"]
    session.execute(update(table).values(count=table.c["count"] + 1))
    return str(pick(session, RUNS).id)


def api_spend(session: Session) -> str:
    """Damage: a day's spending is not that of its lines."""
    table = T["api_spend"]
    session.execute(update(table).values(nano=table.c.nano + 1))
    row = session.execute(select(table)).one()
    return f"{row.day} {row.workload}"


def api_sums(session: Session) -> str:
    """Damage: the daily sums of the API are off by a nano-dollar."""
    row = pick(session, USAGE, USAGE.c.engine == "openai", USAGE.c.cost_nano > 0)
    session.execute(update(USAGE).where(USAGE.c.id == row.id).values(cost_nano=USAGE.c.cost_nano + 1))
    return str(row.run_id)


FREE_GPU = {"cost_nano": 0, "gpu_ns": 10_000_000_000}
PENDING = {"outcome": "pending", "input_tokens": None, "cached_tokens": None, "output_tokens": None}
DAMAGES: list[tuple[str, str, Callable[[Session], str]]] = [
    ("rollup", "daily sums", lost_line),
    ("rollup", "daily sums", lost_rollup),
    ("rollup", "daily sums", double_rollup),
    ("rollup", "daily sums", api_sums),
    ("rollup", "daily sums", lambda s: _run_of(s, of_line(OWN, output_tokens=9_999))),
    ("rollup", "daily sums", lambda s: _run_of(s, of_line(OWN, reason="elsewhere"))),
    ("run_sums", "input_tokens", more("input_tokens")),
    ("run_sums", "cached_tokens", more("cached_tokens")),
    ("run_sums", "output_tokens", more("output_tokens")),
    ("run_sums", "counterfactual", more("counterfactual_nano")),
    ("run_sums", "API cost", more("api_cost_nano")),
    ("run_sums", "API cost", api_sums),
    ("gpu", "GPU cost of a run is not that of its lines", more("gpu_cost_nano")),
    ("gpu", "not its GPU time at the rate", more("gpu_cost_nano")),
    ("gpu", "GPU cost of a run is not that of its lines", more("unallocated_nano", 2_000)),
    ("gpu", "GPU time of a run is not that of its lines", more("busy_ns", 60_000_000_000)),
    (
        "gpu",
        "no machine",
        lambda session: change(session, RUNS, pick(session, RUNS).id, infrastructure_id=None),
    ),
    ("records", "published and set aside", more("records")),
    ("records", "counted by reason", quarantine_count),
    ("records", "reuses are not its lines", more("reused")),
    ("published", "not its lines that served one", lambda s: _version_of(s, more("published"))),
    ("published", "published records of a version", of_row(VERSIONS, records=1)),
    ("published", "quarantined records of a version", of_row(VERSIONS, quarantined=1)),
    ("published", "not those of its parts", lambda s: _version_of(s, of_row(PARTS, records=1))),
    ("api_spend", "spent on APIs", api_spend),
    ("no_tokens", "no input or no output", of_line(SERVED, input_tokens=0, cached_tokens=0)),
    ("no_tokens", "no input or no output", of_line(SERVED, output_tokens=0)),
    ("served", "another model", of_line(SERVED, served_model="other")),
    ("served", "another amount", of_line(SERVED, provider_nano=10**9)),
    ("caps", "a run cap", lambda s: of_row_values(s, RUNS, caps='[["run",null,1]]')),
    ("caps", "a day cap", lambda s: day_of(s, of_row_values(s, RUNS, caps='[["day","sentiment",1]]'))),
    ("caps", "a month cap", lambda s: day_of(s, of_row_values(s, RUNS, caps='[["month",null,1]]'))[:7]),
    ("silent_zero", "tokens at a price cost nothing", of_line(API & (LINES.c.outcome == "ok"), cost_nano=0)),
    ("silent_zero", "GPU time at a rate cost nothing", of_line(OWN, **FREE_GPU)),
    ("silent_zero", "counterfactual cost of nothing", of_line(OWN, counterfactual_nano=0)),
    ("silent_zero", "cost is unknown, though", of_line(OWN, cost_nano=None)),
    ("silent_zero", "counterfactual cost is unknown", of_line(OWN, counterfactual_nano=None)),
    ("reuse", "does not have", lost_source),
    ("reuse", "another request or answer", other_answer),
    ("orphan", "lines of a run", lost_run),
    ("orphan", "daily_usage.price_id names no row of prices", lost_price),
    ("orphan", "parts.version_id names no row", lost_version),
    ("orphan", "ledger_lines.batch_id names no row", of_line(API, batch_id=new_id())),
    ("pending", "next run settles it", of_line(API & (LINES.c.outcome == "ok"), **PENDING)),
]


def _run_of(session: Session, damage: Callable[[Session], str]) -> str:
    damage(session)
    return str(pick(session, RUNS).id)


def _version_of(session: Session, damage: Callable[[Session], str]) -> str:
    damage(session)
    return str(pick(session, VERSIONS).id)
