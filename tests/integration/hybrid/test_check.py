"""`ledger check` finds nothing in a ledger that the pipeline wrote, and each kind of damage by name."""

import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import ColumnElement, Engine, Row, Table, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from db.check import lines, links, sums
from db.session import make_engine, sessions
from db.tables import Base
from models.findings import SHOWN, Finding, Flaw, gather
from models.ids import new_id
from models.settings import Settings
from tasks.check import check_ledger
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.db.ledger_lines import AT
from tests.integration.hybrid.harness import hybrid_settings
from tests.integration.pipeline.books import findings, ledger
from tests.integration.pipeline.harness import mixed_rows, run, target, write_records

T = Base.metadata.tables
LINES, RUNS, USAGE = T["ledger_lines"], T["runs"], T["daily_usage"]
VERSIONS, PARTS = T["partition_versions"], T["parts"]
API = LINES.c.engine == "openai"
OWN = (LINES.c.engine == "vllm") & (LINES.c.outcome == "ok")
REUSE = LINES.c.engine == "reuse"


def make_ledger(folder: Path, database_url: str) -> Settings:
    """Run one partition with local answers, reuses, records on the API and records that are set aside."""
    source = write_records(folder / "in.jsonl", mixed_rows(60, seed=5))
    with FaultyApi([Rule(("503",), match="number 1")]) as api:
        settings = hybrid_settings(folder, database_url, api.url)
        assert (
            run(settings, source, ScriptedEngine(handler=unsure("number 1", "number 2"))).state == "completed"
        )
    return settings


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Write a ledger by a run; what tests change in it, they take back."""
    folder = tmp_path_factory.mktemp("check")
    if request.param == "sqlite":
        return make_ledger(folder, f"sqlite:///{folder / 'ledger.db'}")
    make: Callable[[], str] = request.getfixturevalue("make_postgres_url")
    return make_ledger(folder, make())


@pytest.fixture(scope="module")
def engine(written: Settings) -> Iterator[Engine]:
    """Engine of the ledger."""
    engine = make_engine(written.database_url.get_secret_value())
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Open a transaction that does not look at foreign keys, as tools may that do not know them; it is rolled back."""
    with sessions(engine)() as session:
        if engine.dialect.name == "sqlite":
            session.execute(text("PRAGMA defer_foreign_keys = ON"))
        else:
            session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session
        session.rollback()


def found(session: Session) -> list[Finding]:
    """Check everything that lies in the database."""
    seen: list[tuple[int, int]] = []
    flaws = chain(
        lines.flaws(session, lambda done, total: seen.append((done, total))),
        sums.flaws(session),
        links.flaws(session),
    )
    result = gather(flaws)
    assert seen[-1][0] == seen[-1][1]
    return result


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


def test_what_the_pipeline_writes_adds_up(written: Settings, session: Session) -> None:
    """No false alarm, in a ledger that has every kind of line that the checks look at."""
    assert found(session) == []
    assert findings(written) == []
    kinds = {tuple(row) for row in session.execute(select(LINES.c.engine, LINES.c.outcome))}
    assert kinds >= {
        ("vllm", "ok"),
        ("vllm", "escalated"),
        ("reuse", "ok"),
        ("openai", "ok"),
        ("openai", "failed"),
    }
    assert session.execute(select(func.count()).select_from(T["quarantined_counts"])).scalar_one() > 0


@pytest.mark.parametrize(
    ("check", "words", "damage"), DAMAGES, ids=[f"{d[0]}-{n}" for n, d in enumerate(DAMAGES)]
)
def test_damage_is_found(session: Session, check: str, words: str, damage: Callable[[Session], str]) -> None:
    """Each is named with the id of what is damaged."""
    damaged = damage(session)
    matching = [one for one in found(session) if one.check == check and words in one.what]
    assert [", ".join(one.ids) for one in matching] == [damaged], found(session)


def test_reuses_of_what_was_archived_are_no_flaw(session: Session) -> None:
    """An attempt may lie in the archive of an earlier run of the version."""
    reuse = lost_source(session)
    assert reuse in str(found(session))
    archive = {"id": new_id(), "path": "x", "lines": 0, "sha256": b"x"}
    session.execute(insert(T["archives"]).values(**archive, first_at=AT, last_at=AT, created_at=AT))
    other = {**pick(session, RUNS)._mapping, "id": new_id(), "archive_id": archive["id"]}
    session.execute(insert(RUNS).values(**other))
    assert [one for one in found(session) if one.check == "reuse"] == []


def test_many_flaws_are_one_finding() -> None:
    """It names the first ids and counts the rest, and quotes the very first."""
    flaws = [Flaw("a", "wrong", str(n), f"detail {n}") for n in range(SHOWN + 5)]
    one, other = gather([*flaws, Flaw("a", "worse", "x")])
    assert (one.count, one.ids, one.detail) == (SHOWN + 5, [str(n) for n in range(SHOWN)], "detail 0")
    assert (other.check, other.what, other.count, other.ids) == ("a", "worse", 1, ["x"])


def test_a_clean_ledger_is_said_in_one_line(written: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; for programs an empty list, and the line on standard error."""
    assert check_ledger(written, "table") == 0
    said = capsys.readouterr()
    assert "lines of 1 runs, 0 archives and 1 published partitions: everything adds up" in said.out
    assert (said.out.count("\n"), said.err) == (1, "")
    assert check_ledger(written, "json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == []
    assert "everything adds up" in said.err


def _damaged(settings: Settings) -> Iterator[Path]:
    """Damage the published files in one way after another; at the end they are as they were."""
    records, quarantine = (target(settings) / f"{name}.parquet" for name in ("records", "quarantine"))
    whole, aside = records.read_bytes(), quarantine.read_bytes()
    frame = pl.read_parquet(whole)
    frame.head(frame.height - 1).write_parquet(records)
    yield records
    records.write_bytes(b"no parquet")
    yield records
    records.unlink()
    yield records
    records.write_bytes(whole)
    quarantine.unlink()
    yield quarantine
    quarantine.write_bytes(aside)


def test_published_files_that_are_others_are_found(
    written: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that lack, a file that is none, a file that is gone: exit code 1, with the path."""
    for path in _damaged(written):
        assert check_ledger(written, "json") == 1
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["check"], row["count"]) == ("files", 1)
        assert str(path) in row["example"]


def test_archives_are_looked_at(written: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """One whose file is gone is a finding."""
    values = {"id": new_id(), "path": "/nowhere/gone.parquet", "lines": 0, "sha256": b"x"}
    with ledger(written) as session:
        session.execute(insert(T["archives"]).values(**values, first_at=AT, last_at=AT, created_at=AT))
    try:
        assert check_ledger(written, "csv") == 1
    finally:
        with ledger(written) as session:
            session.execute(delete(T["archives"]))
    out = capsys.readouterr().out
    assert f"archive,an archive is not what the ledger says,1,{values['id']}" in out
    assert "gone.parquet" in out


def test_wrong_daily_sums_are_made_anew(written: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """`--repair` sums the lines again and checks again; what is right is left alone."""
    with ledger(written) as session:
        lost_rollup(session)
    assert check_ledger(written, "table") == 1
    assert check_ledger(written, "table", repair=True) == 0
    assert "made the daily sums of 1 runs anew" in capsys.readouterr().err
    assert check_ledger(written, "table", repair=True) == 0
    assert "anew" not in capsys.readouterr().err


def test_a_check_changes_nothing(written: Settings, engine: Engine) -> None:
    """It works on a connection that refuses to write."""
    counts = [select(func.count()).select_from(table) for table in Base.metadata.sorted_tables]
    with sessions(engine)() as session:
        before = [session.execute(count).scalar_one() for count in counts]
    assert check_ledger(written, "csv", repair=True) == 0
    with sessions(engine)() as session:
        assert [session.execute(count).scalar_one() for count in counts] == before
