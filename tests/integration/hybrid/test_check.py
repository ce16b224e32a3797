"""`ledger check` finds nothing in a ledger that the pipeline wrote, and each kind of damage by name."""

import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, delete, func, insert, select, text
from sqlalchemy.orm import Session

from db.base import Base
from db.check import caps, lines, links, sums
from db.session import make_engine, sessions
from models.ids import new_id
from models.ledger.findings import SHOWN, Finding, Flaw, gather
from models.settings import Settings
from tasks.ledger.check import check_ledger
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.db.ledger_lines import AT
from tests.integration.hybrid.damages import DAMAGES, LINES, RUNS, T, lost_rollup, lost_source, pick
from tests.integration.hybrid.harness import hybrid_settings
from tests.integration.pipeline.books import findings, ledger
from tests.integration.pipeline.harness import mixed_rows, run, target, write_records


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
        lines.find_line_flaws(session, lambda done, total: seen.append((done, total))),
        sums.find_sum_flaws(session),
        links.find_link_flaws(session),
        caps.find_cap_flaws(session),
    )
    result = gather(flaws)
    assert seen[-1][0] == seen[-1][1]
    return result


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
