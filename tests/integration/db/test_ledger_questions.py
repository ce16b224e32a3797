"""Sums from the rollup, limited lists of lines, and the filters of both."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from db import ledger, partitions, run_queries, runs
from db.session import make_engine, migrate, readers, sessions
from db.summary import sum_usage
from db.tables import ArchiveRow, LedgerLineRow, RunRow
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, DAY, Keys, line, pending, seed

Sessions = sessionmaker[Session]
DAYS = [DAY + timedelta(days=number) for number in range(4)]


def _filled(session: Session) -> list[Keys]:
    """Put lines into runs of two workloads over four days, several runs on some of them."""
    dice, found = Random(3), []
    for number in range(6):
        workload = "enrichment" if number % 3 == 0 else "sentiment"
        keys = seed(session, workload)
        lines = []
        for record in range(12):
            at = datetime.combine(dice.choice(DAYS), time(dice.randrange(24), record), UTC)
            fields: dict[str, Any] = {"at": at, "outcome": dice.choice(["ok", "ok", "invalid_output"])}
            lines.append(line(keys, f"{record}", **fields))
            if dice.random() < 0.4:
                later = {"at": at + timedelta(hours=9), "outcome": "ok", "attempt": 2}
                lines.append(pending(keys, f"{record}", **later))
        dice.shuffle(lines)
        ledger.insert_lines(session, lines)
        found.append(keys)
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401  a generator of engines
    """Engine of a ledger with six runs, which only is read: the questions are the same on both databases."""
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('filled') / 'ledger.db'}")
    migrate(engine)
    with sessions(engine).begin() as session:
        _filled(session)
    yield engine
    engine.dispose()


MOMENTS = st.sampled_from(DAYS).flatmap(
    lambda day: st.times(timezones=st.just(UTC)).map(lambda at: datetime.combine(day, at))
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "workload": st.sampled_from(["sentiment", "enrichment", "none"]),
        "engine": st.sampled_from(["vllm", "openai", "reuse"]),
        "outcome": st.sampled_from(["ok", "invalid_output", "failed"]),
        "route": st.sampled_from(["vllm", "vllm>openai:low_confidence"]),
        "since": MOMENTS,
        "until": MOMENTS,
    },
)


@given(filters=FILTERS, limit=st.integers(1, 60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_limited_list_is_the_head_of_the_whole(filled: Engine, filters: Any, limit: int) -> None:  # noqa: ANN401
    """Looking only at the runs and days that the rollup names misses none of the newest lines."""
    with readers(filled)() as session:
        everything = ledger.list_lines(session, **filters)
        assert ledger.list_lines(session, limit=limit, **filters) == everything[:limit]


def test_a_limited_list_on_both_databases(make_session: Sessions) -> None:
    """The head of the whole, with a filter and without; a list of nothing asks for no lines at all."""
    with make_session.begin() as session:
        _filled(session)
        for filters in ({}, {"outcome": "invalid_output"}, {"route": "vllm>openai:low_confidence"}):
            everything = ledger.list_lines(session, **filters)  # type: ignore[arg-type]  # filters by name
            assert ledger.list_lines(session, limit=7, **filters) == everything[:7]  # type: ignore[arg-type]
        assert ledger.list_lines(session, limit=7, outcome="failed") == []


def test_a_record_counts_on_the_day_it_was_first_sent(make_session: Sessions, keys: Keys) -> None:
    """By day and workload a record is one, however long its attempts take; by engine it is one on each."""
    next_day = AT + timedelta(days=1)
    lines = [line(keys, outcome="escalated"), pending(keys, attempt=2, at=next_day, outcome="failed")]
    lines.append(pending(keys, attempt=3, at=next_day, outcome="ok"))
    with make_session.begin() as session:
        ledger.insert_lines(session, lines)
        days = [(row["day"], row["attempts"], row["records"]) for row in sum_usage(session, ["day"])]
        assert days == [("2026-11-23", 1, 1), ("2026-11-24", 2, 0)]
        engines = [(row["engine"], row["records"]) for row in sum_usage(session, ["engine"])]
        assert engines == [("openai", 1), ("vllm", 1)]
        (of_api,) = sum_usage(session, [], engine="openai")
        (of_ok,) = sum_usage(session, [], outcome="ok")
        assert (of_api["attempts"], of_api["records"]) == (2, 1)
        assert (of_ok["attempts"], of_ok["records"]) == (1, None)


def test_whole_days_bound_a_sum(make_session: Sessions, keys: Keys) -> None:
    """Both days are inclusive; a time stands for its UTC day."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, str(n), at=AT + timedelta(days=n)) for n in range(4)])

        def attempts(since: date | None, until: date | None) -> int:
            rows = sum_usage(session, [], since=since, until=until)
            return sum(int(str(row["attempts"])) for row in rows)

        assert attempts(None, None) == 4
        assert attempts(DAYS[1], DAYS[2]) == 2
        assert attempts(DAYS[3], None) == 1
        assert attempts(None, DAYS[0]) == 1
        assert attempts(DAYS[3] + timedelta(days=1), None) == 0
        assert attempts(AT + timedelta(days=1), AT + timedelta(days=1)) == 1


def test_sums_tell_versions_of_a_partition_apart(make_session: Sessions) -> None:
    """What a superseded output cost and what the one cost that took its place are two rows."""
    with make_session.begin() as session:
        for number in (1, 2):
            keys = seed(session)
            ledger.insert_lines(session, [line(keys, f"{record}") for record in range(number)])
            partitions.publish(session, keys.version, f"out/{number}.parquet", number, 0)
        rows = sum_usage(session, ["partition", "version", "version_state"])
        assert [(row["partition"], row["version"], row["version_state"], row["records"]) for row in rows] == [
            (DAY, 1, "superseded", 1),
            (DAY, 2, "published", 2),
        ]
        by_prompt = sum_usage(session, ["prompt_version"])
        assert [row["records"] for row in by_prompt] == [3]


def test_archived_lines_count_in_sums_and_are_not_listed(make_session: Sessions, keys: Keys) -> None:
    """The rollup is all that is left of them, and it does not change."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        ledger.insert_lines(session, [line(keys, "a", at=AT + timedelta(days=1)), line(other, "b")])
        before = sum_usage(session, ["workload", "route"])
        archive = {"id": new_id(), "path": "x", "lines": 1, "sha256": b"x"}
        times = {"first_at": AT, "last_at": AT, "created_at": AT}
        session.execute(insert(ArchiveRow).values(**archive, **times))
        session.execute(update(RunRow).where(RunRow.id == keys.run).values(archive_id=archive["id"]))
        session.execute(delete(LedgerLineRow).where(LedgerLineRow.run_id == keys.run))
        assert sum_usage(session, ["workload", "route"]) == before
        assert [row["record_key"] for row in ledger.list_lines(session, limit=5)] == ["b"]


def test_sums_read_no_line(make_session: Sessions, keys: Keys) -> None:
    """However many lines there are, they are not looked at."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a", cost_nano=5)])
        session.execute(update(LedgerLineRow).values(cost_nano=7))
        (row,) = sum_usage(session, [])
    assert row["cost_usd"] == Decimal("5E-9")


def test_runs_are_found_by_engine_and_model(make_session: Sessions, keys: Keys) -> None:
    """Those that a run was started with, whatever its lines went to."""
    with make_session.begin() as session:
        other = runs.NewRun(keys.version, "sentiment", DAY, "openai", keys.api, keys.prompt)
        by_api = runs.start(session, other)
        assert [row["id"] for row in run_queries.list_runs(session, engine="openai")] == [by_api]
        assert [row["id"] for row in run_queries.list_runs(session, model="small")] == [keys.run]
        assert len(run_queries.list_runs(session, engine=None, model=None, workload="sentiment")) == 2
        assert run_queries.list_runs(session, engine="vllm", model="gpt-4o-mini") == []
        assert len(session.execute(select(RunRow.id)).all()) == 2
